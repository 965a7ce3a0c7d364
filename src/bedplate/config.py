"""Every setting as one frozen tree, and the only reader of the environment.

Arguments win over environment (`BEDPLATE_SERVER__PORT`), environment over the file, the file over
the defaults. Unknown keys are errors. A table `{ env = "NAME" }` or `{ file = "PATH" }` is a
secret and is read when the configuration is.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, SecretStr, ValidationError

from bedplate.assistant_sections import AssistantConfig
from bedplate.check_sections import CheckConfig
from bedplate.errors import ConfigError
from bedplate.evaluation_sections import EvaluationConfig
from bedplate.guard_sections import GuardsConfig
from bedplate.metric_sections import MetricsConfig
from bedplate.response_sections import ResponsesConfig
from bedplate.review_sections import ReviewsConfig
from bedplate.run_sections import RunsConfig
from bedplate.sections import (
    AskConfig,
    BatchesConfig,
    BudgetsConfig,
    CollectionConfig,
    DataConfig,
    EmbedderCacheConfig,
    FilesConfig,
    IngestConfig,
    JobsConfig,
    ManagedConfig,
    ModelSlot,
    OriginalsConfig,
    PushConfig,
    SearchConfig,
    Section,
    ServerConfig,
    Slot,
    SpeechConfig,
    SyncConfig,
    TableConfig,
    UploadsConfig,
)
from bedplate.tool_sections import ToolsetSlot
from bedplate.trace_sections import TracingConfig
from bedplate.trees import Tree, choices_first, merge, nest, read_value

PREFIX = "BEDPLATE_"
DEFAULT_FILE = "bedplate.toml"


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
    """Those that are cut or embedded otherwise."""
    reranker: Slot | None = None
    ingest: IngestConfig = IngestConfig()
    speech: SpeechConfig = SpeechConfig()
    sync: SyncConfig = SyncConfig()
    jobs: JobsConfig = JobsConfig()
    uploads: UploadsConfig = UploadsConfig()
    files: FilesConfig = FilesConfig()
    batches: BatchesConfig = BatchesConfig()
    runs: RunsConfig = RunsConfig()
    push: PushConfig = PushConfig()
    originals: OriginalsConfig = OriginalsConfig()
    search: SearchConfig = SearchConfig()
    ask: AskConfig = AskConfig()
    check: CheckConfig = CheckConfig()
    responses: ResponsesConfig = ResponsesConfig()
    reviews: ReviewsConfig = ReviewsConfig()
    guards: GuardsConfig = GuardsConfig()
    budgets: BudgetsConfig = BudgetsConfig()
    tracing: TracingConfig = TracingConfig()
    metrics: MetricsConfig = MetricsConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    managed: ManagedConfig = ManagedConfig()
    models: Mapping[str, ModelSlot] = Field(default_factory=dict[str, ModelSlot])
    assistants: Mapping[str, AssistantConfig] = Field(default_factory=dict[str, AssistantConfig])
    tools: Mapping[TableName, ToolsetSlot] = Field(default_factory=dict[str, ToolsetSlot])
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
    "guards": {
        "injection": {"use": "scanner"},
        "pii": {"use": "patterns"},
        "groundedness": {"use": "evidence"},
    },
    "models": {"quote": {"use": "quote"}, "default": {"use": "quote"}},
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, fit to be shown: secrets are masked; empty where nothing is set. `source`
    says who set it.
    """

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


def passed_on(names: Iterable[str]) -> Mapping[str, str]:
    """The variables of the environment that a child may see; "CUDA_*" names several."""
    return {
        variable: value
        for variable, value in os.environ.items()
        if any(fnmatchcase(variable, name) for name in names)
    }


def _from_environment(env: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    for name in sorted(env):
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG":
            yield name, name.removeprefix(PREFIX).lower().replace("__", "."), read_value(env[name])


def _resolve_secrets(value: Any, key: str, env: Mapping[str, str], folder: Path) -> Any:
    # Other lists are left alone: the check of sources that came over HTTP does not look into them.
    if isinstance(value, list) and key.endswith(".api_keys"):
        listed = enumerate(cast(list[Any], value))
        return [_resolve_secrets(inner, f"{key}.{at}", env, folder) for at, inner in listed]
    if not isinstance(value, dict):
        return cast(Any, value)
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
            # Pydantic goes on with the name of one of the two forms it may have.
            path = (*path[:2], *path[3:])
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
            said = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{key} (from {source}): {said}; it is {problem['input']!r}.")
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
            yield Setting(key, _written(cast(object, value)), source_of(key))

    yield from walk(config.model_dump(), "")


def _written(value: object) -> str:
    """A value as TOML has it, text without quotes; empty where nothing is set."""
    if value is None or value == {}:
        return ""
    if isinstance(value, bool | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
