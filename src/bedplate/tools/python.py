"""`python`: typed functions, by an entry point or as module:function.

The schema comes from the signature. A parameter annotated `ToolContext` is the server's, as are
those that `given` holds values for: the model is not told of either. A function that blocks runs in
a thread, of which there are so many; a thread that is given up on ends when its function does.

A function that raises ValueError, LookupError or an error of ours such as InvalidInput says that it
has done nothing, and why. After any other exception nobody knows.
"""

import asyncio
import dataclasses
import importlib
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import entry_points
from typing import Any, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model
from pydantic.errors import PydanticUserError

from bedplate.domain.tools import ToolSpec
from bedplate.errors import BedplateError, Blocked, ConfigError, Conflict, InvalidInput, NotFound
from bedplate.tools.protocol import ToolContext, ToolParts, ToolPolicy, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset
from bedplate.tools.values import as_text

GROUP = "bedplate.tool_functions"
MOST_PROBLEMS = 5

Function = Callable[..., Any]

UNTOLD = ToolPolicy(effect="once")
"""What a function does nobody knows but who wrote it; `effect` says."""

REFUSALS = (InvalidInput, NotFound, Conflict, Blocked, ValueError, LookupError)
"""What a function raises that has done nothing: its message is for the model."""


class PythonOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    functions: tuple[str, ...] = Field(min_length=1)
    """Each as "module:function", or by the name of an entry point of `bedplate.tool_functions`."""
    given: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """Values for parameters of that name, of which the model is told nothing."""
    threads: int = Field(default=8, gt=0, le=64)


@dataclasses.dataclass(frozen=True, slots=True)
class PythonTool:
    """`hidden` are the values that the server gives, `context` the parameter that takes the context."""

    spec: ToolSpec
    function: Function
    model: type[BaseModel]
    hidden: Mapping[str, Any]
    context: str | None
    threads: ThreadPoolExecutor
    policy: ToolPolicy = UNTOLD

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        try:
            given = self.model.model_validate(dict(arguments))
        except ValidationError as error:
            return ToolResult(_told(self.spec.name, error), failed=True)
        wanted = {name: getattr(given, name) for name in type(given).model_fields}
        own = {**self.hidden, **({self.context: context} if self.context else {})}
        try:
            value = await self._run(partial(self.function, **wanted, **own))
        except REFUSALS as error:
            gone = isinstance(error, NotFound | LookupError)
            return ToolResult(
                f"{self.spec.name} refused: {_said(error)}", failed=True, missing=gone
            )
        except BedplateError:
            raise
        except Exception as error:  # noqa: BLE001 - somebody else's function: whatever it raises is its answer
            return ToolResult(
                f"{self.spec.name} failed: {type(error).__name__}: {error}.",
                failed=True,
                unknown=True,
            )
        return value if isinstance(value, ToolResult) else ToolResult(as_text(value))

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return None

    async def _run(self, call: Callable[[], Any]) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await call()
        return await asyncio.get_running_loop().run_in_executor(self.threads, call)


@asynccontextmanager
async def open_python(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    """ConfigError for a function that is not there, or whose signature gives no schema."""
    settings = PythonOptions.model_validate(options)
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix=f"tools-{name}")
    try:
        listed = [_tool(name, each, settings.given, threads) for each in settings.functions]
        unused = settings.given.keys() - {key for tool in listed for key in tool.hidden}
        if unused:
            raise ConfigError(f"tools.{name}.given: no function has a parameter {min(unused)!r}.")
        yield FixedToolset(listed)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _tool(
    table: str, target: str, given: Mapping[str, Any], threads: ThreadPoolExecutor
) -> PythonTool:
    key = f"tools.{table}.functions: {target!r}"
    function = _function(key, target)
    named = function.__name__ if ":" in target else target
    hints = _hints(key, function)
    fields: dict[str, Any] = {}
    hidden: dict[str, Any] = {}
    context: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigError(f"{key} takes {str(parameter)!r}: give each argument a name.")
        if hints.get(parameter.name) is ToolContext:
            context = parameter.name
        elif parameter.name in given:
            hidden[parameter.name] = _plain(given[parameter.name], hints.get(parameter.name))
        elif parameter.name not in hints:
            raise ConfigError(f"{key}: the parameter {parameter.name!r} has no type.")
        else:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (hints[parameter.name], default)
    try:
        model = create_model(named, __config__=ConfigDict(extra="forbid"), **fields)
        schema = model.model_json_schema()
    except (PydanticUserError, TypeError, NameError) as error:
        raise ConfigError(f"{key}: its types give no JSON Schema: {error}.") from error
    schema.pop("title", None)
    description = inspect.getdoc(function) or ""
    return PythonTool(
        ToolSpec(named, description, schema), function, model, hidden, context, threads
    )


def _function(key: str, target: str) -> Function:
    module, _, attribute = target.partition(":")
    try:
        if attribute:
            found: object = getattr(importlib.import_module(module), attribute)
        else:
            points = [point for point in entry_points(group=GROUP) if point.name == target]
            if not points:
                raise ConfigError(
                    f"{key} is neither module:function nor an entry point of {GROUP}."
                )
            found = points[0].load()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{key} cannot be imported: {error}. Install the package it is in, or put the folder it "
            "is in on PYTHONPATH."
        ) from error
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{key} cannot be imported: {error}.") from error
    if not inspect.isfunction(found):
        raise ConfigError(f"{key} is no function but {type(found).__name__}.")
    return cast(Function, found)


def _hints(key: str, function: Function) -> Mapping[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"{key}: its types cannot be read: {error}.") from error


def _plain(value: Any, hint: object) -> Any:
    """A secret as the text it is, unless the function asks for it wrapped."""
    if isinstance(value, SecretStr) and hint is not SecretStr:
        return value.get_secret_value()
    return value


def _said(error: Exception) -> str:
    # A KeyError's text is the key alone.
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


def _told(name: str, error: ValidationError) -> str:
    lines: Sequence[str] = [
        f"- {'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_url=False)[:MOST_PROBLEMS]
    ]
    return "\n".join([f"The arguments of {name} do not fit; nothing was done.", *lines])
