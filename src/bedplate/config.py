"""Every setting as one frozen tree, and the only reader of the environment.

Arguments win over environment (`BEDPLATE_SERVER__PORT`), environment over the file, the file over
the defaults. Unknown keys are errors. A table `{ env = "NAME" }` or `{ file = "PATH" }` is a
secret and is read when the configuration is.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bedplate.errors import ConfigError
from bedplate.trees import Tree, choices_first, merge, nest, read_value

PREFIX = "BEDPLATE_"
DEFAULT_FILE = "bedplate.toml"
MEBIBYTE = 1024 * 1024


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerConfig(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    max_body_bytes: int = Field(default=100 * MEBIBYTE, gt=0)
    max_requests: int = Field(default=256, gt=0)
    """How many requests are worked on at once; further ones are answered 503."""
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


class GuardsConfig(Section):
    pii: Slot | Literal[False] = Slot(use="patterns")
    """`false` keeps personal data as it is."""
    groundedness: Slot = Slot(use="overlap")


class AssistantConfig(Section):
    """A model bound to collections; clients pick it by its name."""

    model: str = "default"
    collections: tuple[str, ...] = Field(min_length=1)
    instructions: str = ""
    passages: int | None = Field(default=None, gt=0, le=50)


class CollectionConfig(Section):
    """What one collection has of its own."""

    chunker: Slot


class TableConfig(Section):
    """A business table, by whose columns a search can be narrowed."""

    table: str = Field(min_length=1)
    database: Path | None = None
    """Another SQLite file; a catalog that is not SQLite refuses it."""
    key: str = Field(min_length=1)
    field: str = Field(min_length=1)
    columns: tuple[str, ...] = Field(min_length=1)
    tenant_column: str | None = Field(default=None, min_length=1)


TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Config(Section):
    server: ServerConfig = ServerConfig()
    data: DataConfig = DataConfig()
    store: Slot = Slot(use="sqlite")
    stores: Mapping[str, Slot] = Field(default_factory=dict[str, Slot])
    """Others that a collection may be moved to."""
    embedder: Slot = Slot(use="onnx")
    image_embedder: Slot | None = None
    """Makes image files findable by what they show."""
    former_embedder: Slot | None = None
    """Serves the collections that were made with it until they are reindexed."""
    embedder_cache: EmbedderCacheConfig = EmbedderCacheConfig()
    chunker: Slot = Slot(use="structure")
    collections: Mapping[str, CollectionConfig] = Field(default_factory=dict[str, CollectionConfig])
    """Those that are cut by another chunker."""
    reranker: Slot | None = None
    ingest: IngestConfig = IngestConfig()
    speech: SpeechConfig = SpeechConfig()
    sync: SyncConfig = SyncConfig()
    jobs: JobsConfig = JobsConfig()
    search: SearchConfig = SearchConfig()
    ask: AskConfig = AskConfig()
    guards: GuardsConfig = GuardsConfig()
    models: Mapping[str, Slot] = Field(default_factory=dict[str, Slot])
    assistants: Mapping[str, AssistantConfig] = Field(default_factory=dict[str, AssistantConfig])
    tables: Mapping[TableName, TableConfig] = Field(default_factory=dict[str, TableConfig])


NAMED: Mapping[str, type[BaseModel]] = {
    "assistants": AssistantConfig,
    "collections": CollectionConfig,
    "tables": TableConfig,
}
"""Sections that are tables by name."""


BUILT_IN: Tree = {
    "store": {"use": "sqlite"},
    "embedder": {"use": "onnx"},
    "chunker": {"use": "structure"},
    "guards": {"pii": {"use": "patterns"}, "groundedness": {"use": "overlap"}},
    "models": {"quote": {"use": "quote"}, "default": {"use": "quote"}},
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, fit to be shown: secrets are masked. `source` says who set it."""

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Loaded:
    config: Config
    settings: tuple[Setting, ...]
    file: Path | None


def load_config(
    file: Path | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """Read the configuration.

    Args:
        file: must exist when given; otherwise `bedplate.toml` of the working folder, if there.
        arguments: dotted keys to values, e.g. `{"server.port": 9000}`; None values are skipped.
        environment: stands in for the process's own.

    Raises:
        ConfigError: a file that does not parse, an unknown key, a value of the wrong type, or a
            secret that is not there; all problems of the tree in one message.
    """
    env = os.environ if environment is None else environment
    chosen = _choose_file(file, env)
    origins: dict[str, str] = {}
    tree: Tree = {}
    merge(tree, BUILT_IN, "default", origins)
    if chosen is not None:
        merge(tree, _read_toml(chosen), str(chosen), origins)
    for name, key, value in choices_first(_from_environment(env)):
        merge(tree, nest(key, value), f"${name}", origins)
    for source, key, value in choices_first(
        ("argument", key, value) for key, value in (arguments or {}).items() if value is not None
    ):
        merge(tree, nest(key, value), source, origins)
    tree = cast(Tree, _resolve_secrets(tree, "", env, chosen.parent if chosen else Path()))
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from error
    return Loaded(config, tuple(_settings(config, origins)), chosen)


def resolve_secrets(
    options: Mapping[str, Any],
    key: str,
    *,
    folder: Path = Path(),
    environment: Mapping[str, str] | None = None,
) -> Mapping[str, Any]:
    """Options with their references to secrets read; `key` names them in messages.

    A relative file is below `folder`. ConfigError for a secret that is not there.
    """
    env = os.environ if environment is None else environment
    return cast(Tree, _resolve_secrets(dict(options), key, env, folder))


def _choose_file(file: Path | None, env: Mapping[str, str]) -> Path | None:
    named = file or (Path(env[f"{PREFIX}CONFIG"]) if env.get(f"{PREFIX}CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"There is no configuration file {str(named)!r}.")
        return named
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None


def _read_toml(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _from_environment(env: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    for name in sorted(env):
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG":
            yield name, name.removeprefix(PREFIX).lower().replace("__", "."), read_value(env[name])


def _resolve_secrets(value: Any, key: str, env: Mapping[str, str], folder: Path) -> Any:
    if not isinstance(value, dict):
        return value
    table = cast(Tree, value)
    match table:
        case {"env": str(name)} if len(table) == 1:
            if name not in env:
                raise ConfigError(f"{key} wants the environment variable {name!r}; it is not set.")
            return SecretStr(env[name])
        case {"file": str(name)} if len(table) == 1:
            try:
                return SecretStr((folder / name).read_text(encoding="utf-8").strip())
            except OSError as error:
                raise ConfigError(
                    f"{key} wants the file {name!r}, which cannot be read: {error.strerror}."
                ) from error
            except UnicodeDecodeError as error:
                raise ConfigError(f"{key} wants the file {name!r}, which is not UTF-8.") from error
        case _:
            return {
                name: _resolve_secrets(inner, f"{key}.{name}".lstrip("."), env, folder)
                for name, inner in table.items()
            }


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines: list[str] = []
    for problem in error.errors():
        path = tuple(str(part) for part in problem["loc"])
        if path[:2] == ("guards", "pii"):
            # Pydantic goes on with the names of the two forms it may have.
            path = path[:2]
        key = ".".join(path)
        source = _source(path, origins)
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path[-1], _known_keys(path[:-1]), n=1)
            hint = f" Did you mean {'.'.join((*path[:-1], near[0]))!r}?" if near else ""
            lines.append(f"Unknown setting {key!r} (from {source}).{hint}")
        elif problem["type"] == "missing":
            # The input is the table around it, which may hold secrets.
            lines.append(f"{key} (from {source}) is missing.")
        elif problem["type"] == "model_type":
            lines.append(
                f"{key} (from {source}) is {problem['input']!r}; give a table, such as "
                '{ use = "NAME" } where an adapter is chosen.'
            )
        else:
            lines.append(f"{key} (from {source}): {problem['msg']}; it is {problem['input']!r}.")
    return "\n".join(lines)


def _source(path: tuple[str, ...], origins: Mapping[str, str]) -> str:
    """Who set the value at `path`, something in it, or something beside it."""
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        for known, source in origins.items():
            if known == key or known.startswith(f"{key}."):
                return source
    return "default"


def _known_keys(path: tuple[str, ...]) -> list[str]:
    section: type[BaseModel] = Config
    for part in path:
        if part not in section.model_fields:
            return []
        annotation = section.model_fields[part].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            section = annotation
        elif part in NAMED:
            section = NAMED[part]
            break
    return list(section.model_fields)


def _settings(config: Config, origins: Mapping[str, str]) -> Iterator[Setting]:
    def source_of(key: str) -> str:
        secret = (origins.get(f"{key}.{how}") for how in ("env", "file"))
        return origins.get(key) or next(filter(None, secret), "default")

    def walk(value: object, key: str) -> Iterator[Setting]:
        if isinstance(value, dict) and value:
            for name, inner in cast(Tree, value).items():
                yield from walk(inner, f"{key}.{name}".lstrip("."))
        else:
            yield Setting(key, str(cast(object, value)), source_of(key))

    yield from walk(config.model_dump(), "")
