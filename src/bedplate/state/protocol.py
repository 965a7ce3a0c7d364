"""The catalog: collections, documents, chunks and vectors in SQL. Everything else is derived."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bedplate.domain.documents import Chunk, Document
from bedplate.domain.facets import Facets
from bedplate.domain.filters import Filter
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Collection, Hit, Scope, Sort, StoredDocument
from bedplate.domain.tables import BusinessTable
from bedplate.embedders.protocol import Matrix, TokenMatrix
from bedplate.terms import TermStatistics, TermVector


@dataclass(frozen=True, slots=True)
class Entry:
    """A document ready to be kept.

    Chunks, their vectors (one row each) and their index terms, in the same order; so are their
    token vectors, where they are kept.
    """

    document: Document
    chunks: tuple[Chunk, ...]
    vectors: Matrix
    terms: tuple[TermVector, ...]
    tokens: tuple[TokenMatrix, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What ranking knows of a chunk: its unit vector, as kept (float16), and its terms."""

    vector: Matrix
    terms: TermVector


class Collections(Protocol):
    """The collections of every tenant. Unknown names raise NotFound, with the nearest one."""

    async def create(self, scope: Scope, *, embedder: str, dimensions: int) -> Collection:
        """Create, or return the one that is there; Conflict if it has another embedder."""
        ...

    async def get(self, scope: Scope) -> Collection: ...

    async def list(self, tenant: TenantId) -> tuple[Collection, ...]: ...

    async def drop(self, scope: Scope) -> None: ...

    async def generation(self, scope: Scope) -> int:
        """A number that grows with every change of the collection's documents."""
        ...

    async def facets(self, scope: Scope, *, limit: int = 50_000) -> Facets:
        """What occurs in each metadata field, at most `limit` distinct strings of each.

        Strings of more than 100 characters are prose, not values, and are left out; so are all
        fields but the 500 that most documents have.
        """
        ...


class Documents(Protocol):
    """The documents of a collection. Every write is one transaction: all of it or none."""

    async def replace(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Put these documents in place of what had their ids. On return they are durable."""
        ...

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        """Delete documents with all that belongs to them; how many there were."""
        ...

    async def fingerprints(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, str]:
        """The sha256 of those of the named documents that are there."""
        ...

    async def get(self, scope: Scope, document_id: DocumentId) -> StoredDocument: ...

    def list(
        self, scope: Scope, *, after: DocumentId | None, limit: int
    ) -> AsyncIterator[StoredDocument]:
        """In order of id, those after `after`, at most `limit`."""
        ...

    async def hits(self, scope: Scope, chunks: Mapping[ChunkId, float]) -> tuple[Hit, ...]:
        """Chunks with their documents' facts, in the order given; ones that are gone drop out."""
        ...


class IndexRows(Protocol):
    """What search asks of the catalog, whichever store nominates the chunks.

    Chunks that are gone, and unknown collections, are left out of the answers.
    """

    async def scan(
        self,
        scope: Scope,
        *,
        filter: Filter | None,
        sort: Sort | None,
        limit: int,
        offset: int = 0,
    ) -> tuple[ChunkId, ...]:
        """The first chunk of each document that passes, ordered by `sort`, then document id.

        Documents without a value to sort by come last.
        """
        ...

    async def rows(self, scope: Scope, chunks: Sequence[ChunkId]) -> dict[ChunkId, IndexRow]: ...

    async def tokens(self, scope: Scope, chunks: Sequence[ChunkId]) -> dict[ChunkId, TokenMatrix]:
        """The token vectors of those chunks that have any."""
        ...

    async def statistics(self, scope: Scope, terms: TermVector) -> TermStatistics:
        """Counted over the whole collection, in the order of `terms.ids`."""
        ...


class Tables(Protocol):
    """The business tables that filters may name (`Related`), in the catalog's database."""

    async def check(self, tables: Sequence[BusinessTable]) -> None:
        """ConfigError that names the first table, column or file that is not there.

        So are the catalog's own tables, which may not be declared.
        """
        ...


class Catalog(Protocol):
    @property
    def collections(self) -> Collections: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def index(self) -> IndexRows: ...

    @property
    def tables(self) -> Tables: ...


class OpenCatalog(Protocol):
    """Opens the catalog at `place`, migrating it to the newest schema first.

    A place is a file, or the address of a database, by adapter.
    """

    def __call__(self, place: Path | str, /) -> AbstractAsyncContextManager[Catalog]: ...
