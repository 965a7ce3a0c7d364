"""Tools and the choice among them, in OpenAI's chat wire. Source: its API reference, "Tools"."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from bedplate.api.json_schemas import check_schema
from bedplate.api.reading import convert, kind, wrong
from bedplate.domain.tools import CustomInput, ToolChoice, ToolSpec
from bedplate.errors import InvalidInput

MAX_TOOLS = 512
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Function(Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Grammar(Struct):
    syntax: Literal["lark", "regex"]
    definition: str


class CustomFormat(Struct):
    type: Literal["text", "grammar"]
    grammar: Grammar | None = None


class Custom(Struct):
    name: str
    description: str | None = None
    format: CustomFormat | None = None


class ChatTool(Struct):
    type: str
    function: Function | None = None
    custom: Custom | None = None


class Name(Struct):
    name: str


class Named(Struct):
    """Has the field that its type is called by."""

    type: Literal["function", "custom"]
    function: Name | None = None
    custom: Name | None = None


class Allowed(Struct):
    mode: Literal["auto", "required"]
    tools: list[Named]


class AllowedTools(Struct):
    allowed_tools: Allowed


def read_tools(tools: Sequence[ChatTool]) -> tuple[ToolSpec, ...]:
    """InvalidInput for a kind of tool or a name that no model takes, or a name used twice."""
    if len(tools) > MAX_TOOLS:
        raise wrong("tools", f"expected at most {MAX_TOOLS} tools, got {len(tools)}")
    specs: dict[str, ToolSpec] = {}
    for at, tool in enumerate(tools):
        match tool:
            case ChatTool(type="function", function=Function() as function):
                where, spec = f"tools.{at}.function", _function(function, f"tools.{at}.function")
            case ChatTool(type="custom", custom=Custom() as custom):
                where, spec = f"tools.{at}.custom", _custom(custom, f"tools.{at}.custom")
            case ChatTool(type="function" | "custom"):
                raise wrong(f"tools.{at}.{tool.type}", "is required")
            case _:
                known = "'function' and 'custom'"
                raise wrong(f"tools.{at}.type", f"only {known} tools are taken, got {tool.type!r}")
        if spec.name in specs:
            raise wrong(f"{where}.name", f"{spec.name!r} is there twice")
        specs[spec.name] = spec
    return tuple(specs.values())


def _function(given: Function, where: str) -> ToolSpec:
    check_name(given.name, f"{where}.name")
    if given.parameters:
        check_schema(given.parameters, f"{where}.parameters")
    return ToolSpec(given.name, given.description or "", given.parameters or {}, given.strict)


def _custom(given: Custom, where: str) -> ToolSpec:
    check_name(given.name, f"{where}.name")
    grammar = given.format.grammar if given.format else None
    if given.format is not None and given.format.type == "grammar" and grammar is None:
        raise wrong(f"{where}.format.grammar", "is required")
    input = CustomInput() if grammar is None else custom_input(grammar, f"{where}.format.grammar")
    return ToolSpec(given.name, given.description or "", custom=input)


def custom_input(grammar: Grammar, where: str) -> CustomInput:
    """InvalidInput for a grammar that says nothing."""
    if not grammar.definition.strip():
        raise wrong(f"{where}.definition", "is empty")
    return CustomInput(grammar.syntax, grammar.definition)


def check_name(name: str, where: str) -> None:
    if not NAME.fullmatch(name):
        raise wrong(where, f"expected 1 to 64 letters, digits, '_' or '-', got {name!r:.100}")


def read_choice(
    choice: str | Mapping[str, Any] | None, tools: Sequence[ToolSpec], param: str = "tool_choice"
) -> ToolChoice | None:
    """None where nothing is said; InvalidInput for a tool that is not among `tools`."""
    read, kinds = _choice(choice, param)
    if read is None:
        return None
    known = {tool.name: "function" if tool.custom is None else "custom" for tool in tools}
    for name, type in zip(read.names, kinds, strict=True):
        if name not in known:
            raise wrong(param, f"there is no tool {name!r}; tools: {', '.join(known) or 'none'}")
        if known[name] != type:
            raise wrong(param, f"the tool {name!r} is of type {known[name]!r}, not {type!r}")
    if read.mode == "required" and not tools:
        raise wrong(param, "a tool must be called, but 'tools' is empty")
    return read if tools else None


def _choice(
    choice: str | Mapping[str, Any] | None, param: str
) -> tuple[ToolChoice | None, Sequence[str]]:
    """With the types of the tools that it names."""
    match choice:
        case None:
            return None, ()
        case "auto" | "none" | "required":
            return ToolChoice(choice), ()
        case {"type": "function" | "custom"}:
            named = convert(choice, Named, param)
            return ToolChoice("required", (_named(named, param),)), (named.type,)
        case {"type": "allowed_tools"}:
            allowed = convert(choice, AllowedTools, param).allowed_tools
            where = f"{param}.allowed_tools.tools"
            names = tuple(_named(tool, f"{where}.{at}") for at, tool in enumerate(allowed.tools))
            return ToolChoice(allowed.mode, names), [tool.type for tool in allowed.tools]
        case _:
            raise _unknown(choice, param)


def _named(choice: Named, where: str) -> str:
    name = choice.function if choice.type == "function" else choice.custom
    if name is None:
        raise wrong(f"{where}.{choice.type}", "is required")
    return name.name


def _unknown(choice: object, param: str) -> InvalidInput:
    shown = repr(choice) if isinstance(choice, str) else kind(choice)
    return wrong(
        param,
        "expected 'auto', 'none', 'required', or an object of type 'function', 'custom' or "
        f"'allowed_tools', got {shown:.100}",
    )
