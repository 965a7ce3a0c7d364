"""Tools and the choice among them, in OpenAI's chat wire. Source: its API reference, "Tools"."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from bedplate.api.json_schemas import check_schema
from bedplate.api.reading import convert, kind, wrong
from bedplate.domain.tools import ToolChoice, ToolSpec
from bedplate.errors import InvalidInput

MAX_TOOLS = 512
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Function(Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Struct):
    type: str
    function: Function | None = None


class NamedFunction(Struct):
    name: str


class Named(Struct):
    function: NamedFunction
    type: Literal["function"] = "function"


class Allowed(Struct):
    mode: Literal["auto", "required"]
    tools: list[Named]


class AllowedTools(Struct):
    allowed_tools: Allowed


def read_tools(tools: Sequence[FunctionTool]) -> tuple[ToolSpec, ...]:
    """InvalidInput for a kind of tool or a name that no model takes, or a name used twice."""
    if len(tools) > MAX_TOOLS:
        raise wrong("tools", f"expected at most {MAX_TOOLS} tools, got {len(tools)}")
    specs: dict[str, ToolSpec] = {}
    for at, tool in enumerate(tools):
        if tool.type != "function" or tool.function is None:
            raise wrong(f"tools.{at}.type", f"only 'function' tools are taken, got {tool.type!r}")
        function = tool.function
        check_name(function.name, f"tools.{at}.function.name")
        if function.name in specs:
            raise wrong(f"tools.{at}.function.name", f"{function.name!r} is there twice")
        if function.parameters:
            check_schema(function.parameters, f"tools.{at}.function.parameters")
        specs[function.name] = ToolSpec(
            function.name, function.description or "", function.parameters or {}, function.strict
        )
    return tuple(specs.values())


def check_name(name: str, where: str) -> None:
    if not NAME.fullmatch(name):
        raise wrong(where, f"expected 1 to 64 letters, digits, '_' or '-', got {name!r:.100}")


def read_choice(
    choice: str | Mapping[str, Any] | None, tools: Sequence[ToolSpec], param: str = "tool_choice"
) -> ToolChoice | None:
    """None where nothing is said; InvalidInput for a tool that is not among `tools`."""
    read = _choice(choice, param)
    if read is None:
        return None
    known = [tool.name for tool in tools]
    for name in read.names:
        if name not in known:
            raise wrong(param, f"there is no tool {name!r}; tools: {', '.join(known) or 'none'}")
    if read.mode == "required" and not tools:
        raise wrong(param, "a tool must be called, but 'tools' is empty")
    return read if tools else None


def _choice(choice: str | Mapping[str, Any] | None, param: str) -> ToolChoice | None:
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case {"type": "function"}:
            return ToolChoice("required", (convert(choice, Named, param).function.name,))
        case {"type": "allowed_tools"}:
            allowed = convert(choice, AllowedTools, param).allowed_tools
            return ToolChoice(allowed.mode, tuple(tool.function.name for tool in allowed.tools))
        case _:
            raise _unknown(choice, param)


def _unknown(choice: object, param: str) -> InvalidInput:
    shown = repr(choice) if isinstance(choice, str) else kind(choice)
    return wrong(
        param,
        "expected 'auto', 'none', 'required', or an object of type 'function' or "
        f"'allowed_tools', got {shown:.100}",
    )
