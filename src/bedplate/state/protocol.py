"""The catalog: collections, documents, chunks and vectors in SQL. Everything else is derived."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.documents import Chunk, Document
from bedplate.domain.facets import Facets
from bedplate.domain.filters import Filter
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.profiles import Profile, Relations
from bedplate.domain.quality import Quality, QualitySummary
from bedplate.domain.retrieval import Collection, Hit, Scope, Sort, StoredDocument
from bedplate.domain.tables import BusinessTable
from bedplate.embedders.protocol import Matrix, TokenMatrix
from bedplate.state.kept_out import Quarantine, Readings
from bedplate.state.originals import Originals
from bedplate.state.pushes import PushedRows, Pushes
from bedplate.state.sources import SourceDocuments, SourceItems, SourceLeases, Sources
from bedplate.terms import TermStatistics, TermVector


@dataclass(frozen=True, slots=True)
class ImageVector:
    """What a document's picture shows: its unit vector, and the image embedder that made it."""

    embedder: str
    vector: Matrix


@dataclass(frozen=True, slots=True)
class ImageRows:
    """Documents with their image vectors as kept, of shape (documents, dimensions)."""

    documents: tuple[DocumentId, ...]
    vectors: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Entry:
    """A document ready to be kept.

    Chunks, their vectors (one row each) and their index terms, in the same order; so are their
    token vectors, where they are kept. `updated_at` is None for a document that is new.
    """

    document: Document
    chunks: tuple[Chunk, ...]
    vectors: Matrix
    terms: tuple[TermVector, ...]
    tokens: tuple[TokenMatrix, ...] = ()
    updated_at: datetime | None = None
    image: ImageVector | None = None
    profile: Profile | None = None
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What ranking knows of a chunk: its unit vector, as kept (float16), and its terms."""

    vector: Matrix
    terms: TermVector


@dataclass(frozen=True, slots=True)
class Difference:
    """Documents that one side lacks or has in another state, each with its number of chunks; and
    documents that it has too many.
    """

    missing: Mapping[DocumentId, int]
    surplus: tuple[DocumentId, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus)


@dataclass(frozen=True, slots=True)
class Version:
    """A collection kept under another's name, and about how many bytes its rows take."""

    collection: Collection
    bytes: int

    @property
    def name(self) -> str:
        return self.collection.name.partition("/")[2]


class Collections(Protocol):
    """The collections of every tenant. Unknown names raise NotFound, with the nearest one.

    A scope names a collection by its name, or by its key. Names with "/" are versions: they are
    not listed, and go with the collection before the "/".
    """

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
    """The documents of a collection. Every write is one transaction: all of it or none.

    A write that names a collection by its key raises Conflict when the key's collection has lost
    its name to another since.
    """

    async def replace(
        self, scope: Scope, entries: Sequence[Entry], *, unsent: bool = False
    ) -> None:
        """Put these documents in place of what had their ids. On return they are durable.

        `unsent` notes that the store has yet to be sent them; see `Amendments`.
        """
        ...

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        """Delete documents with all that belongs to them; how many there were."""
        ...

    async def fingerprints(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, str]:
        """The sha256 of those of the named documents that are there; empty where one is unsent."""
        ...

    async def get(self, scope: Scope, document_id: DocumentId) -> StoredDocument: ...

    def list(
        self, scope: Scope, *, after: DocumentId | None, limit: int
    ) -> AsyncIterator[StoredDocument]:
        """In order of id, those after `after`, at most `limit`."""
        ...

    async def hits(
        self, scope: Scope, chunks: Mapping[ChunkId, float], *, wide: bool = False
    ) -> tuple[Hit, ...]:
        """Chunks with their documents' facts, in the order given; ones that are gone drop out.

        With `wide` each has the text of its window.
        """
        ...


class IndexRows(Protocol):
    """What search asks of the catalog, whichever store nominates the chunks, and what a store is
    filled with.

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

    async def entries(self, scope: Scope, ids: Sequence[DocumentId]) -> tuple[Entry, ...]:
        """Those of the named documents that are there, as they were kept, for building an index.

        Without what no index is made of: their blocks and token vectors.
        """
        ...

    async def images(self, scope: Scope, embedder: str, limit: int) -> ImageRows:
        """The image vectors that `embedder` made, in order of document id; at most `limit`."""
        ...

    async def statistics(self, scope: Scope, terms: TermVector) -> TermStatistics:
        """Counted over the whole collection, in the order of `terms.ids`."""
        ...


class Profiles(Protocol):
    """How documents relate, by the profiles they came in with; nothing of unknown collections.

    Documents are placed among those that are there when they are put in: into a group of copies,
    and into a series of versions.
    """

    async def related(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, Relations]:
        """How these documents stand to others today; ones without a profile are left out."""
        ...

    async def first_with_text(self, scope: Scope, hashes: Sequence[str]) -> dict[str, DocumentId]:
        """Of each text, by its `Profile.text_sha256`, the first document that has it."""
        ...


class Qualities(Protocol):
    """How well documents came in; of those from before it was kept, nothing."""

    async def of(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, Quality]: ...

    async def summary(self, scope: Scope) -> QualitySummary:
        """Summed over the collection; NotFound without it."""
        ...


class Amendments(Protocol):
    """Documents changed where they stand, and which of them the store has yet to be sent."""

    async def put(self, scope: Scope, entries: Sequence[Entry]) -> tuple[DocumentId, ...]:
        """Put entries in place of the same documents, and note these as unsent, all at once.

        One that is not as of its entry's `updated_at` any more stays as it is; the ids of the rest.
        Conflict as of `Documents`.
        """
        ...

    async def unsent(self, scope: Scope, limit: int) -> tuple[DocumentId, ...]:
        """In order of id; one that was replaced or deleted since is not among them."""
        ...

    async def sent(
        self, scope: Scope, sent: Mapping[DocumentId, datetime]
    ) -> tuple[DocumentId, ...]:
        """The store has these, as of that `updated_at`; the ids of those that are not so by now."""
        ...


class Tables(Protocol):
    """The business tables that filters may name (`Related`), in the catalog's database."""

    async def check(self, tables: Sequence[BusinessTable]) -> None:
        """ConfigError that names the first table, column or file that is not there.

        So are the catalog's own tables, which may not be declared.
        """
        ...


class Versions(Protocol):
    """Versions of a collection: snapshots called "collection/name", and ones being built."""

    async def list(self, scope: Scope) -> tuple[Version, ...]:
        """Snapshots, oldest first."""
        ...

    async def copy(self, scope: Scope, to: Scope, ids: Sequence[DocumentId]) -> None:
        """Put documents into another collection as they are, vectors and all."""
        ...

    async def difference(self, scope: Scope, other: Scope, limit: int) -> Difference:
        """What `other` needs to hold the same documents, in order of id; at most `limit` of each."""
        ...

    async def rename(
        self,
        tenant: TenantId,
        names: Mapping[str, str],
        *,
        alike: tuple[Scope, Scope] | None = None,
    ) -> bool:
        """Give collections other names, all at once. `created_at` goes with the name: who gets one
        that had none is made now.

        False, and nothing is changed, when the two that should be `alike` hold different documents.
        Conflict for a name that a collection has which does not get another.
        """
        ...

    async def rekey(self, scope: Scope, key: str, *, store: str) -> bool:
        """Let stores know a collection by another key from now on; reads still take the former.

        False, and nothing is changed, when the placements in `store` are behind.
        """
        ...


class Placements(Protocol):
    """Which documents were put into a store that is being filled, so that it can be taken up.

    `store` is a name for the work. All of it is forgotten with the collection.
    """

    async def difference(self, scope: Scope, store: str, limit: int) -> Difference:
        """What the store lacks of the collection, and what it should no longer have."""
        ...

    async def note(
        self,
        scope: Scope,
        store: str,
        placed: Mapping[DocumentId, datetime],
        removed: Sequence[DocumentId] = (),
    ) -> None:
        """Documents that are in the store now, each as of its `updated_at`, and others that went."""
        ...

    async def forget(self, scope: Scope, store: str) -> None: ...


class Catalog(Protocol):
    @property
    def collections(self) -> Collections: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def index(self) -> IndexRows: ...

    @property
    def profiles(self) -> Profiles: ...

    @property
    def quality(self) -> Qualities: ...

    @property
    def amendments(self) -> Amendments: ...

    @property
    def quarantine(self) -> Quarantine: ...

    @property
    def readings(self) -> Readings: ...

    @property
    def tables(self) -> Tables: ...

    @property
    def versions(self) -> Versions: ...

    @property
    def placements(self) -> Placements: ...

    @property
    def sources(self) -> Sources: ...

    @property
    def source_leases(self) -> SourceLeases: ...

    @property
    def source_items(self) -> SourceItems: ...

    @property
    def source_documents(self) -> SourceDocuments: ...

    @property
    def originals(self) -> Originals: ...

    @property
    def pushes(self) -> Pushes: ...

    @property
    def pushed_rows(self) -> PushedRows: ...


class OpenCatalog(Protocol):
    """Opens the catalog at `place`, migrating it to the newest schema first.

    A place is a file, or the address of a database, by adapter.
    """

    def __call__(self, place: Path | str, /) -> AbstractAsyncContextManager[Catalog]: ...
