"""Bodies of our own routes under /api, as the OpenAPI document shows them.

Answers are filled from the domain by attribute name; see the domain for what the fields mean.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from bedplate.domain import retrieval
from bedplate.domain.documents import MetadataValue
from bedplate.domain.filters import FieldKind
from bedplate.domain.profiles import Likeness
from bedplate.ingest.report import Report

MAX_DOCUMENTS = 10_000
MAX_TEXT = 500


def _check_unicode(text: str) -> str:
    """JSON can spell half of a surrogate pair, which is no text."""
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds half of a surrogate pair")
    return text


def _check_id(id: str) -> str:
    if not id.isprintable() or id != id.strip():
        raise ValueError("must be printable, without spaces around it")
    return id


Text = Annotated[str, AfterValidator(_check_unicode)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_check_id)]
Filter = str | dict[str, JsonValue] | None
Join = dict[Text, str | dict[str, JsonValue]] | None
Values = dict[str, MetadataValue]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewCollection(Body):
    name: Text


class Collection(Shown):
    name: str
    embedder: str
    dimensions: int
    created_at: datetime
    documents: int
    chunks: int
    fields: dict[str, list[FieldKind]]

    @classmethod
    def of(cls, found: retrieval.Collection) -> Self:
        fields = {name: sorted(kinds) for name, kinds in sorted(found.fields.items())}
        return cls(
            name=found.name,
            embedder=found.embedder,
            dimensions=found.dimensions,
            created_at=found.created_at,
            documents=found.documents,
            chunks=found.chunks,
            fields=fields,
        )


class CollectionList(Shown):
    collections: list[Collection]


class NewDocument(Body):
    """Without an `id` it gets a new one. `metadata` holds values, lists of values, or objects."""

    id: Id | None = None
    title: str | None = None
    text: str
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])


class Document(Shown):
    id: str
    title: str
    source: str
    media_type: str
    sha256: str
    origin: str
    chunks: int
    updated_at: datetime
    pages: int | None
    metadata: Values


class Encoding(Shown):
    guessed: str | None
    repaired: int
    unreadable: int


class Quality(Shown):
    """How well a document came in; `redactions` counts by type, and never has values."""

    language: str | None
    characters: int | None
    blocks: int | None
    unreadable: float | None
    repeated: float | None
    left_out: int | None
    encoding: Encoding
    warnings: list[str]
    redactions: dict[str, int]


class RelatedDocument(Document):
    """A document among the others of its collection; `dated_by` is what told `valid_from`.

    `likeness` says how alike it and `duplicate_of` are. `quality` is null for a document from before it was
    kept.
    """

    valid_from: str | None
    dated_by: str | None
    duplicate_of: str | None
    likeness: Likeness | None
    superseded_by: str | None
    quality: Quality | None


class DocumentPage(Shown):
    """`after` goes into the next request while `has_more` is true."""

    documents: list[Document]
    has_more: bool
    after: str | None


class Counts(Shown):
    added: int
    updated: int
    unchanged: int
    deleted: int
    skipped: int
    failed: int


class Failure(Shown):
    source: str
    code: str
    message: str


class Duplicate(Shown):
    id: str
    duplicate_of: str


class IngestReport(Shown):
    """`ids` are those of documents sent as JSON, in their order, failed ones included."""

    collection: str
    documents: Counts
    chunks: int
    redactions: dict[str, int]
    failures: list[Failure]
    warnings: list[str]
    duplicates: list[Duplicate]
    seconds: float
    ids: list[str]

    @classmethod
    def of(cls, report: Report, ids: list[str]) -> Self:
        return cls(
            collection=report.collection,
            documents=Counts.model_validate(report),
            chunks=report.chunks,
            redactions=dict(sorted(report.redactions.items())),
            failures=[Failure.model_validate(failure) for failure in report.failures],
            warnings=report.warnings,
            duplicates=[Duplicate.model_validate(each) for each in report.duplicates],
            seconds=report.seconds,
            ids=ids,
        )


class UploadAccepted(Shown):
    """`job` does the work. `ids` are those of documents sent as JSON, in their order."""

    job: str
    collection: str
    ids: list[str]


class Held(Shown):
    """`reasons` has how often each was found, never what was found."""

    document_id: str
    source: str
    origin: str
    sha256: str
    reasons: dict[str, int]
    found_at: datetime
    released: bool


class QuarantinePage(Shown):
    held: list[Held]
    has_more: bool
    after: str | None


class Eta(Shown):
    """Seconds until the end, at least and at most."""

    low: float
    high: float


class IngestProgress(Shown):
    """`done` of `total` counts files, and `bytes` of `total_bytes` theirs, with their share of one
    that is done in part. `rate` is chunks a second of late; it and `eta_seconds` are null where
    they are not known.
    """

    done: int
    total: int | None
    documents: int
    chunks: int
    failures: int
    bytes: int
    total_bytes: int | None
    rate: float | None
    eta_seconds: Eta | None
    seconds: float


class Deleted(Shown):
    id: str
    deleted: Literal[True] = True


class Search(Body):
    """`filter` is an expression, or JSON. `join` has one of these for each business table by name.

    `sort` is a field, with "-" before it descending. `offset` hits are passed over. `wide` shows
    each passage in its window, where its chunker gave it one.
    """

    collection: Text
    query: Text = ""
    mode: retrieval.Mode = "hybrid"
    filter: Filter = None
    join: Join = None
    sort: Text | None = None
    limit: int | None = None
    offset: int = 0
    self_query: bool | None = None
    diversity: float | None = None
    wide: bool = False


class Hit(Shown):
    document_id: str
    chunk_id: str
    score: float
    text: str
    title: str
    source: str
    page: int | None
    heading: str | None
    start: int
    end: int
    cosine: float | None
    bm25: float | None
    image: float | None
    valid_from: str | None
    superseded_by: str | None
    collection: str
    metadata: Values


class Sort(Shown):
    field: str
    descending: bool


class Match(Shown):
    """Characters `start` to `end` of the query, and what they were read as."""

    start: int
    end: int
    meaning: str


class SelfQuery(Shown):
    """How the query was read. Not `applied` when no document meets all of it.

    `reader` is "rules" or a model; `fallback` says why the configured model's reading was not used.
    """

    text: str
    filter: dict[str, Any] | None
    sort: Sort | None
    limit: int | None
    matched: list[Match]
    applied: bool
    reader: str
    fallback: str | None


class SearchResult(Shown):
    hits: list[Hit]
    mode: retrieval.Mode
    recall: retrieval.Recall
    took_ms: float
    self_query: SelfQuery | None
