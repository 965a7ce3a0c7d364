"""Collections, and what a search returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bedplate.domain.documents import Metadata, MetadataValue
from bedplate.domain.filters import FieldKind
from bedplate.domain.ids import ChunkId, DocumentId, TenantId

Mode = Literal["hybrid", "vector", "keyword"]
Recall = Literal["exact", "ann"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where data lives: every store call names a tenant and one of its collections."""

    tenant: TenantId
    collection: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents under one embedder.

    `fields` is the typed schema as seen so far: each metadata field with the kinds of its values.

    `key` is what stores know it by. Names can be swapped between collections, keys stay: who looks
    a collection up and then asks for rows of it names it by its key, and gets one collection's.
    """

    tenant: TenantId
    name: str
    embedder: str
    dimensions: int
    created_at: datetime
    documents: int = 0
    chunks: int = 0
    fields: Mapping[str, frozenset[FieldKind]] = field(
        default_factory=dict[str, frozenset[FieldKind]]
    )
    key: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant, self.name)

    @property
    def index(self) -> Scope:
        """This very collection, whatever becomes of its name."""
        return Scope(self.tenant, self.key or self.name)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the catalog lists it: everything but its text."""

    id: DocumentId
    title: str
    source: str
    media_type: str
    sha256: str
    origin: str
    chunks: int
    updated_at: datetime
    pages: int | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])


@dataclass(frozen=True, slots=True)
class Sort:
    """Order by a metadata field; documents without it come last."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class IndexedVectors:
    """What the index keeps of a passage whose text is `text`: the vector that `embedder` made of it,
    in float32, and those of its tokens, in int8, row after row.
    """

    embedder: str
    text: str
    vector: bytes
    tokens: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found. `score` orders hits within one answer and means nothing across answers.

    `cosine`, `bm25` and `image` are what each leg gave it: None where that leg did not find it.
    `image` is the cosine of the question and the document's picture.
    `valid_from` and `superseded_by` are the document's (domain/profiles.py). `collection` is empty for
    a text that is in none. `indexed` is there where a search compared tokens.
    """

    document_id: DocumentId
    chunk_id: ChunkId
    score: float
    text: str
    title: str
    source: str
    start: int
    end: int
    page: int | None = None
    heading: str | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])
    cosine: float | None = None
    bm25: float | None = None
    image: float | None = None
    valid_from: str | None = None
    superseded_by: DocumentId | None = None
    collection: str = ""
    indexed: IndexedVectors | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Match:
    """Characters `start` to `end` of a question, and what they were read as."""

    start: int
    end: int
    meaning: str


@dataclass(frozen=True, slots=True)
class SelfQuery:
    """A question read as a search.

    `filter` is in the JSON notation of filters, so that it can be shown and edited. `text` is what
    is left to search for; it is empty where filter and sort say everything. `limit` is how many
    documents the question asks for, if it says so. Not `applied` when no document meets it all, or
    when only documents that lack a field of the filter fit what is left: then the whole question was
    searched for.

    `reader` is "rules" or the name of the model that read it. `fallback` says why the configured
    model's reading was not used.
    """

    text: str
    filter: Mapping[str, object] | None = None
    sort: Sort | None = None
    limit: int | None = None
    matched: tuple[Match, ...] = ()
    applied: bool = True
    reader: str = "rules"
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first. `recall` says whether every vector was compared or an index sampled.

    `self_query` is how the question was read, where conditions or an order were found in it or a
    model was asked.
    """

    hits: tuple[Hit, ...]
    mode: Mode
    recall: Recall
    took_ms: float
    self_query: SelfQuery | None = None
