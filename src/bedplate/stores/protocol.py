"""What a store is: an index over the catalog's chunks that can always be rebuilt from it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bedplate.domain.filters import Filter
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Mode, Recall, Scope, Sort
from bedplate.embedders.protocol import Matrix
from bedplate.state.protocol import Entry
from bedplate.terms import TermVector


@dataclass(frozen=True, slots=True)
class StoreQuery:
    """One search. `terms` are the query's, `vector` is its one unit row of shape (dimensions,).

    `limit` bounds each leg: the best `limit` by BM25 are united with the best `limit` by cosine.
    """

    mode: Mode
    terms: TermVector
    vector: Matrix | None
    limit: int
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that at least one leg found.

    Both scores are given for every candidate of a hybrid search where the store can; a score of
    None means that the store cannot tell. `bm25` is 0.0 for a chunk without any query term.
    """

    chunk_id: ChunkId
    cosine: float | None
    bm25: float | None


@dataclass(frozen=True, slots=True)
class Candidates:
    items: tuple[Candidate, ...]
    recall: Recall


class Store(Protocol):
    """Searches one scope at a time; the adapter adds the tenant itself.

    Writes are called after the catalog has committed the same change and are idempotent. A search
    sees every write that returned before it began, whichever process made it. Filters are applied
    before ranking. Ties break by chunk id.
    """

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None: ...

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None: ...

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates: ...

    async def scan(
        self, scope: Scope, *, filter: Filter | None, sort: Sort | None, limit: int
    ) -> tuple[ChunkId, ...]:
        """The first chunk of each document that passes, ordered by `sort`, then document id."""
        ...

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
