"""The sections of the configuration, each with its settings and their defaults."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bedplate.domain.documents import ChunkHeader

MEBIBYTE = 1024 * 1024


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerConfig(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    max_body_bytes: int = Field(default=100 * MEBIBYTE, gt=0)
    workers: int = Field(default=1, gt=0, le=64)
    """Processes that answer; limits on requests and calls are shared out among them."""
    max_connections: int = Field(default=4096, gt=0)
    """How many clients may be connected at once; one more is told to come again."""
    max_requests: int = Field(default=256, gt=0)
    """How many requests are worked on at once; further ones wait, in a line for each tenant."""
    max_waiting: int = Field(default=256, ge=0)
    wait_seconds: float = Field(default=10.0, ge=0)
    drain_seconds: float = Field(default=30.0, ge=0)
    """How long requests may go on after the signal to stop; then each is told so, and cut off."""
    request_seconds: float = Field(default=300.0, gt=0)


class DataConfig(Section):
    dir: Path = Path("bedplate-data")
    database: SecretStr | None = None
    """A PostgreSQL database for the catalog, in place of a file in `dir`."""
    max_snapshots: int = Field(default=5, ge=0)
    """Of each collection."""


class Slot(BaseModel):
    """An adapter by name; every other key is that adapter's own option, checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    use: str

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self.model_extra or {})


Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000)]


class PriceConfig(Section):
    """US dollars a million tokens, or a second."""

    input: Dollars | None = None
    output: Dollars | None = None
    cached: Dollars | None = None
    """Of input read from the provider's prompt cache; as other input where it is not set."""
    cache_write: Dollars | None = None
    """Of input written to that cache."""
    per_second: Dollars | None = None
    """Of a machine of one's own, while a call lasts; in place of all others."""

    @model_validator(mode="after")
    def _by_tokens_or_time(self) -> Self:
        by_tokens = (self.input, self.output, self.cached, self.cache_write)
        if self.per_second is None and (self.input is None or self.output is None):
            raise ValueError("a price needs input and output, or per_second")
        if self.per_second is not None and any(each is not None for each in by_tokens):
            raise ValueError("a price is by tokens or per_second, not both")
        return self


class TimeoutsConfig(Section):
    """For adapters that have no such limits of their own; the whole call has one in any case."""

    first_token_seconds: float | None = Field(default=None, gt=0)
    idle_seconds: float | None = Field(default=None, gt=0)


class ConcurrencyConfig(Section):
    calls: int = Field(default=100, gt=0)
    """At once; further ones wait."""
    waiting: int = Field(default=256, ge=0)
    """Further ones are refused as busy."""
    wait_seconds: float = Field(default=30.0, gt=0)


class BreakerConfig(Section):
    """When calls to an endpoint that does not work are refused at once."""

    failures: int = Field(default=10, ge=0)
    """So many of the window open it; 0 never does."""
    share: float = Field(default=0.5, gt=0, le=1)
    """Of the window's calls that must have failed besides."""
    window_seconds: float = Field(default=30.0, gt=0)
    open_seconds: float = Field(default=15.0, gt=0)
    """Then one call tries whether it works again."""


class RetryConfig(Section):
    attempts: int = Field(default=1, ge=1, le=10)
    """The first one included."""
    first_seconds: float = Field(default=0.5, gt=0)
    """The longest pause before the second; it doubles with each further one."""
    most_seconds: float = Field(default=8.0, gt=0)
    """The longest pause at all; a provider that asks for more is not tried again."""


class HedgeConfig(Section):
    """A second call where the first is slow to begin."""

    seconds: float = Field(gt=0)
    model: str | None = None
    """Another model to ask then; the same one where it is not set."""


class AnswerCacheConfig(Section):
    """Answers remembered in memory and given again without a call."""

    exact: bool = False
    semantic: float = Field(default=0.0, ge=0, le=1)
    """How alike two questions must be, as a cosine, to get the same answer; 0 is off."""
    seconds: float = Field(default=3_600.0, gt=0)
    max_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    tools: bool = False
    """Whether answers to requests with tools, calls of them included, are remembered too."""


class ModelSlot(Slot):
    """A model's adapter with its options, and what Bedplate does around it."""

    api_keys: tuple[SecretStr, ...] = ()
    """Several keys in place of the adapter's `api_key`, used in turn."""
    timeouts: TimeoutsConfig = TimeoutsConfig()
    concurrency: ConcurrencyConfig = ConcurrencyConfig()
    breaker: BreakerConfig = BreakerConfig()
    retry: RetryConfig = RetryConfig()
    context_tokens: int | None = Field(default=None, gt=0)
    """How many tokens the model takes at once, the answer included."""
    overflow: Literal["refuse", "compact"] = "refuse"
    """What becomes of a longer request: an error, or its oldest turns are left out."""
    written_calls: bool = False
    """Whether calls of tools are looked for in the text, for a server that does not read them."""
    hedge: HedgeConfig | None = None
    fallback: tuple[str, ...] = ()
    """Other models to ask, in order, where this one fails before its answer has begun."""
    cache: AnswerCacheConfig = AnswerCacheConfig()
    price: PriceConfig | None = None
    output_tokens: int = Field(default=4096, gt=0)
    """How long an answer is taken to get at most, where the request does not say."""


class ManagedConfig(Section):
    """Memory for all models together whose servers Bedplate runs."""

    memory_bytes: int | None = Field(default=None, gt=0)
    """Of RAM; four fifths of the machine's where it is not set."""
    gpu_memory_bytes: int | None = Field(default=None, gt=0)
    """Of GPU memory; what is free of it where it is not set."""


class LimitsConfig(Section):
    """What one may use: US dollars and tokens a day, a month or in all, and rates a minute."""

    usd_day: Decimal | None = Field(default=None, ge=0, le=10**9, decimal_places=6)
    usd_month: Decimal | None = Field(default=None, ge=0, le=10**9, decimal_places=6)
    usd_total: Decimal | None = Field(default=None, ge=0, le=10**9, decimal_places=6)
    tokens_day: int | None = Field(default=None, ge=0, le=10**15)
    tokens_month: int | None = Field(default=None, ge=0, le=10**15)
    tokens_total: int | None = Field(default=None, ge=0, le=10**15)
    requests_minute: int | None = Field(default=None, ge=1, le=10**9)
    tokens_minute: int | None = Field(default=None, ge=1, le=10**15)


class BudgetsConfig(Section):
    """Declared limits by name, "*" for each; further ones are set with `bedplate budgets`."""

    unknown_price: Literal["refuse", "warn"] = "refuse"
    """What becomes of a call of unknown price that a budget in dollars concerns."""
    keep_days: float = Field(default=90.0, ge=32)
    """How long calls stay in the usage log."""
    tenants: Mapping[str, LimitsConfig] = Field(default_factory=dict[str, LimitsConfig])
    keys: Mapping[str, LimitsConfig] = Field(default_factory=dict[str, LimitsConfig])
    assistants: Mapping[str, LimitsConfig] = Field(default_factory=dict[str, LimitsConfig])
    runs: Mapping[str, LimitsConfig] = Field(default_factory=dict[str, LimitsConfig])
    models: Mapping[str, LimitsConfig] = Field(default_factory=dict[str, LimitsConfig])


class EmbedderCacheConfig(Section):
    max_bytes: int = Field(default=0, ge=0)
    """Of the file of vectors remembered by their text; 0 remembers none."""


class IngestConfig(Section):
    max_file_bytes: int = Field(default=100 * MEBIBYTE, gt=0)
    max_expanded_bytes: int = Field(default=500 * MEBIBYTE, gt=0)
    max_pages: int = Field(default=5_000, gt=0)
    max_characters: int = Field(default=50_000_000, gt=0)
    max_files: int = Field(default=1_000_000, gt=0)
    parse_seconds: float = Field(default=120.0, gt=0)
    parse_memory_bytes: int = Field(default=2048 * MEBIBYTE, gt=0)
    batch_chunks: int = Field(default=64, gt=0)
    duplicates: Literal["keep", "skip"] = "keep"
    """What becomes of a new document whose text another one has."""
    chunk_header: ChunkHeader = "full"
    """What is embedded before the text of a passage."""
    secrets: Literal["redact", "quarantine"] = "redact"
    """Whether keys and tokens are left to the PII guard, or keep their document out."""


class SpeechConfig(Section):
    """Sound and video by what is said in them."""

    model: Path | None = None
    """The folder of a Whisper model in the form of CTranslate2."""


class SyncConfig(Section):
    """Sources that collections are kept in step with."""

    max_items: int = Field(default=20_000_000, gt=0)
    list_seconds: float = Field(default=21_600.0, gt=0)
    read_seconds: float = Field(default=120.0, gt=0)
    readers: int = Field(default=4, gt=0, le=64)
    batch_items: int = Field(default=256, gt=0, le=10_000)
    batch_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    attempts: int = Field(default=5, gt=0)
    """At so many syncs an item is tried; then it waits for `bedplate sources retry`."""
    failures_in_row: int = Field(default=10, gt=0)
    """So many that are the source's own end the sync."""
    shrink_items: int = Field(default=20, ge=0)
    shrink_share: float = Field(default=0.3, ge=0, le=1)
    """What may be gone at once and is believed."""
    complete_every: int = Field(default=24, gt=0)
    """Of so many syncs of an incremental source one lists it whole."""
    lease_seconds: float = Field(default=30.0, gt=0)
    """After so long without a sign of life a sync is given up for dead."""
    at_once: int = Field(default=2, gt=0, le=64)
    """How many syncs one `bedplate serve` runs together; further ones wait."""
    allow_local: bool = False
    """Whether sources set up over HTTP may read this machine's files and private addresses."""
    allow_references: tuple[str, ...] = ()
    """Environment variables and files that sources set up over HTTP may name."""


class JobsConfig(Section):
    """Work that `bedplate serve` does beside requests, and goes on with after a crash."""

    max_waiting: int = Field(default=1_000, gt=0)
    """Further jobs are refused."""
    seconds: float = Field(default=86_400.0, gt=0)
    """After so long a job is cancelled."""
    keep_days: float = Field(default=30.0, gt=0)
    """How long a job that ended can be looked at."""
    dead_seconds: float = Field(default=30.0, gt=0)
    """With PostgreSQL: after so long without a sign of life a process's jobs go to others."""


class UploadsConfig(Section):
    """Uploads that are ingested as jobs, and wait on disk meanwhile."""

    background_bytes: int = Field(default=32 * MEBIBYTE, ge=0)
    """A larger one is always ingested so."""
    max_files: int = Field(default=1_000, gt=0)
    max_bytes: int = Field(default=2048 * MEBIBYTE, gt=0)
    """Of all that wait; further ones are refused."""
    at_once: int = Field(default=1, gt=0, le=64)
    """One alone keeps the order in which they came."""


class FilesConfig(Section):
    """Files that clients of OpenAI's API upload."""

    max_files: int = Field(default=10_000, gt=0)
    """Of each tenant."""
    max_bytes: int = Field(default=20 * 1024 * MEBIBYTE, gt=0)
    """Of all files of a tenant together."""
    max_uploads: int = Field(default=100, gt=0)
    """In parts, pending, of each tenant."""
    batch_days: int = Field(default=30, ge=1, le=3_650)
    """How long files for batches are kept where their sender says nothing."""


class BatchesConfig(Section):
    """Many requests in one file, answered in the background."""

    at_once: int = Field(default=4, gt=0, le=64)
    """Over all servers; further ones wait."""
    requests_at_once: int = Field(default=4, gt=0, le=256)
    """Of one batch."""
    max_requests: int = Field(default=50_000, gt=0)
    """In one file."""
    max_waiting: int = Field(default=100, gt=0)
    """Of each tenant, those under way among them; further ones are refused."""


class PushConfig(Section):
    """Documents that clients push to a source, and that wait to be indexed."""

    max_documents: int = Field(default=1_000_000, gt=0)
    """Of one source."""
    max_waiting: int = Field(default=100_000, gt=0)
    """Of one source; further ones are refused."""
    max_waiting_bytes: int = Field(default=1024 * MEBIBYTE, gt=0)
    """Of all that wait."""
    quiet_seconds: float = Field(default=2.0, ge=0)
    """So long after the last push a sync begins."""
    longest_seconds: float = Field(default=30.0, ge=0)
    """So long after the first push it begins, though more come."""


class OriginalsConfig(Section):
    """The files that documents were made from."""

    keep: bool = False
    max_file_bytes: int = Field(default=100 * MEBIBYTE, gt=0)
    max_bytes: int = Field(default=10_240 * MEBIBYTE, gt=0)
    """Of all that a tenant's documents were made from."""
    key: SecretStr | None = None
    """Encrypts those that come: 32 random bytes in base64."""
    former_keys: tuple[SecretStr, ...] = ()
    """Open what was encrypted with them."""


class SearchConfig(Section):
    limit: int = Field(default=10, gt=0)
    max_limit: int = Field(default=1_000, gt=0)
    candidates: int = Field(default=100, gt=0)
    keyword_weight: float = Field(default=0.4, ge=0, le=1)
    self_query: bool = True
    """Whether conditions in a question become a filter when the caller does not say."""
    late_top: int = Field(default=80, ge=0, le=1_000)
    """How many candidates are compared token by token; 0 neither keeps nor uses token vectors."""
    late_chunks: int = Field(default=100_000, ge=0)
    late_weight: float = Field(default=0.4, ge=0, le=1)
    smoothing: float = Field(default=0.3, ge=0, lt=1)
    max_images: int = Field(default=100_000, gt=0)
    """Of one collection: all of them are compared."""
    rerank_top: int = Field(default=20, gt=0)
    rerank_weight: float = Field(default=0.7, ge=0, le=1)
    recency: float = Field(default=0.5, ge=0, le=2)
    """How much the date counts for a question that asks for what is current; 0 is off."""
    diversity: float = Field(default=0.0, ge=0, lt=1)
    """How much a hit loses for resembling one before it; 0 is off."""
    reader: str = Field(default="rules", min_length=1)
    """What reads conditions out of a question: "rules", or a model by its name."""
    rewrite: str = Field(default="rules", min_length=1)
    """What makes a follow-up question whole: "rules", a model by its name, or "off"."""
    model_seconds: float = Field(default=20.0, gt=0)
    """The longest time for a model to read or rewrite a question; then the rules do."""


class AskConfig(Section):
    model: str = "default"
    passages: int = Field(default=8, gt=0, le=50)
    seconds: float = Field(default=120.0, gt=0)
    max_output_tokens: int = Field(default=1024, gt=0)


class CollectionConfig(Section):
    """What one collection has of its own; the rest is as everywhere."""

    chunker: Slot | None = None
    chunk_header: ChunkHeader | None = None


class TableConfig(Section):
    """A business table, by whose columns a search can be narrowed."""

    table: str = Field(min_length=1)
    database: Path | None = None
    """Another SQLite file; a catalog that is not SQLite refuses it."""
    key: str = Field(min_length=1)
    field: str = Field(min_length=1)
    columns: tuple[str, ...] = Field(min_length=1)
    tenant_column: str | None = Field(default=None, min_length=1)
