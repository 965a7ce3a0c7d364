"""What a store is: an index over the catalog's chunks that can always be rebuilt from it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bedplate.domain.filters import Comparison, Filter
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Mode, Recall, Scope
from bedplate.embedders.protocol import Matrix
from bedplate.state.protocol import Entry
from bedplate.terms import TermVector, Weights


@dataclass(frozen=True, slots=True)
class StoreQuery:
    """One search. `terms` are the query's, `vector` is its one unit row of shape (dimensions,).

    `limit` bounds each leg: the best `limit` by BM25 are united with the best `limit` by cosine.
    `idf` belongs to the terms, in their order; it is given to stores that do not score.
    """

    mode: Mode
    terms: TermVector
    vector: Matrix | None
    limit: int
    filter: Filter | None = None
    idf: Weights | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that at least one leg found.

    A store that scores gives both of them in a hybrid search (`bm25` 0.0 for a chunk without any
    query term), and of a single leg at least its own. Of another store's scores only the order
    within a leg matters; None means that this leg did not find the chunk.
    """

    chunk_id: ChunkId
    cosine: float | None
    bm25: float | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """`vectors` are the candidates' own, in their order; a store that scores gives them."""

    items: tuple[Candidate, ...]
    recall: Recall
    vectors: Matrix | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a store does by itself; the search flow does the rest from the catalog.

    `scores`: its BM25 and cosines are exact, for every candidate. `compares` says whether it can
    express a comparison; one that it cannot reaches it as `Documents` of at most `most_documents`
    ids. So does `Related`, unless the store reads business tables itself (`tables`). `follows`: it
    reads the catalog itself, so there is nothing to write to it.
    """

    scores: bool
    most_documents: int
    compares: Callable[[Comparison], bool]
    tables: bool = False
    follows: bool = False


class Store(Protocol):
    """Searches one scope at a time; the adapter adds the tenant itself.

    Writes are called after the catalog has committed the same change and are idempotent. A search
    sees every write that returned before it began, whichever process made it. Filters are applied
    before ranking.
    """

    @property
    def abilities(self) -> Abilities: ...

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None: ...

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None: ...

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates: ...

    async def settle(self, scope: Scope) -> None:
        """Bring the index to its best shape after a load of writes, if that is due.

        It may take seconds; searches go on meanwhile and are as exact as before.
        """
        ...

    async def drop(self, scope: Scope) -> None: ...


class OpenStore(Protocol):
    """Opens a store from its own options; `path` is the catalog's file, for those inside it."""

    def __call__(
        self, options: Mapping[str, Any], *, path: Path
    ) -> AbstractAsyncContextManager[Store]: ...
