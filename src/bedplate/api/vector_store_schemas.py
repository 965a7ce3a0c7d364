"""Bodies under /v1/vector_stores. Source: OpenAI API reference, "Vector stores"."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from bedplate.api.schemas import Body, Text
from bedplate.domain.documents import Scalar
from bedplate.library.attaching import MAX_BATCH, Attachment
from bedplate.objects.protocol import Chunking, FileStatus

KEYS, KEY, VALUE = 16, 64, 512
MAX_RESULTS, USUAL_RESULTS = 50, 10
MAX_QUERIES = 16

Key = Annotated[Text, Field(min_length=1, max_length=KEY)]
Value = Annotated[Text, Field(max_length=VALUE)]
Metadata = Annotated[dict[Key, Value], Field(max_length=KEYS)]
Attribute = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=VALUE)]
Attributes = Annotated[dict[Key, Attribute], Field(max_length=KEYS)]
Name = Annotated[Text, Field(max_length=VALUE)]


class ExpiresAfter(Body):
    anchor: Literal["last_active_at"]
    days: Annotated[int, Field(ge=1, le=365)]


class AutoChunking(Body):
    type: Literal["auto"]


class StaticSizes(Body):
    max_chunk_size_tokens: Annotated[int, Field(ge=100, le=4_096)]
    chunk_overlap_tokens: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _overlap(self) -> Self:
        if self.chunk_overlap_tokens * 2 > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens must not exceed half of max_chunk_size_tokens")
        return self


class StaticChunking(Body):
    type: Literal["static"]
    static: StaticSizes


ChunkingStrategy = Annotated[AutoChunking | StaticChunking, Field(discriminator="type")]


class NewVectorStore(Body):
    name: Name | None = None
    description: Name | None = None
    file_ids: Annotated[list[str], Field(max_length=MAX_BATCH)] | None = None
    chunking_strategy: ChunkingStrategy | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class VectorStoreChange(Body):
    name: Name | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class FileCounts(BaseModel):
    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class VectorStoreObject(BaseModel):
    """`collection` is our extension: what the rest of Bedplate knows it by."""

    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str
    description: str | None
    usage_bytes: int
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: ExpiresAfter | None
    expires_at: int | None
    last_active_at: int
    metadata: dict[str, str]
    collection: str


class VectorStoreDeleted(BaseModel):
    id: str
    object: Literal["vector_store.deleted"] = "vector_store.deleted"
    deleted: Literal[True] = True


class NewStoreFile(Body):
    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    def attachment(self) -> Attachment:
        return Attachment(self.file_id, attributes(self.attributes), sizes(self.chunking_strategy))


class StoreFileChange(Body):
    attributes: Attributes | None


class NewFileBatch(Body):
    file_ids: list[str] | None = None
    files: list[NewStoreFile] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.file_ids is None) == (self.files is None):
            raise ValueError("give either file_ids or files")
        return self

    def attachments(self) -> list[Attachment]:
        if self.files is not None:
            return [each.attachment() for each in self.files]
        given, cut = attributes(self.attributes), sizes(self.chunking_strategy)
        return [Attachment(file, given, cut) for file in self.file_ids or ()]


class LastError(BaseModel):
    code: str
    message: str


class StoreFileObject(BaseModel):
    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    usage_bytes: int
    created_at: int
    vector_store_id: str
    status: FileStatus
    last_error: LastError | None
    attributes: dict[str, Scalar]
    chunking_strategy: dict[str, Any]


class StoreFileDeleted(BaseModel):
    id: str
    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    deleted: Literal[True] = True


class FileBatchObject(BaseModel):
    id: str
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    vector_store_id: str
    status: FileStatus
    file_counts: FileCounts


class TextContent(BaseModel):
    type: Literal["text"] = "text"
    text: str


class FileContent(BaseModel):
    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[TextContent]
    has_more: Literal[False] = False
    next_page: None = None


class RankingOptions(Body):
    ranker: Literal["none", "auto", "default-2024-11-15"] = "auto"
    score_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


Query = Annotated[Text, Field(min_length=1)]


class StoreSearch(Body):
    query: Query | Annotated[list[Query], Field(min_length=1, max_length=MAX_QUERIES)]
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = USUAL_RESULTS
    ranking_options: RankingOptions = RankingOptions()
    rewrite_query: bool = False


class FoundContent(BaseModel):
    """`chunk_id`, `page` and `heading` are our extensions: where the passage stands."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, Scalar]
    content: list[TextContent]
    chunk_id: str
    page: int | None
    heading: str | None


class SearchPage(BaseModel):
    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[FoundContent]
    has_more: Literal[False] = False
    next_page: None = None


def attributes(given: dict[str, Any] | None) -> dict[str, Scalar]:
    return dict(given or {})


def sizes(strategy: AutoChunking | StaticChunking | None) -> Chunking | None:
    if not isinstance(strategy, StaticChunking):
        return None
    static = strategy.static
    return Chunking(static.max_chunk_size_tokens, static.chunk_overlap_tokens)
