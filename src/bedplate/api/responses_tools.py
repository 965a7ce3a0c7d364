"""Tools of a response and the choice among them. Source: OpenAI API reference, "tools"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bedplate.api.chat_tools import MAX_TOOLS, Grammar, check_name, custom_input
from bedplate.api.file_filters import read_file_filter
from bedplate.api.json_schemas import check_schema
from bedplate.api.reading import convert, kind, wrong
from bedplate.api.responses_mcp import McpTool, read_server, shown_server
from bedplate.domain.tools import CustomInput, ToolChoice, ToolSpec
from bedplate.errors import InvalidInput
from bedplate.responses.remote import RemoteServer, chosen_name

FILE_SEARCH = "file_search"
SEARCHES_OF_THE_WEB = "web_search"
"""What OpenAI's names for them begin with."""

MOST_STORES = 50
MOST_SERVERS = 16


class FunctionTool(Struct, frozen=True):
    name: str
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class CustomFormat(Struct, frozen=True):
    """Of a grammar, syntax and definition stand beside its type."""

    type: Literal["text", "grammar"]
    syntax: Literal["lark", "regex"] | None = None
    definition: str | None = None


class CustomTool(Struct, frozen=True):
    name: str
    description: str | None = None
    format: CustomFormat | None = None


class RankingOptions(Struct, frozen=True):
    ranker: str | None = None
    score_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    hybrid_search: dict[str, float] | None = None


class FileSearchTool(Struct, frozen=True):
    vector_store_ids: list[str]
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int, Meta(ge=1, le=50)] | None = None
    ranking_options: RankingOptions | None = None


class Choice(Struct, frozen=True):
    """An object that names a tool; functions have names, others only their type."""

    type: str
    name: str | None = None
    server_label: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list["Choice"] | None = None


@dataclass(frozen=True, slots=True)
class StoreSearch:
    """file_search as asked for: `stores` are vector stores, `filter` is in our own notation."""

    stores: tuple[str, ...]
    filter: Mapping[str, Any] | None
    limit: int | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Tools:
    """`shown` are the tools as a response repeats them."""

    functions: tuple[ToolSpec, ...] = ()
    search: StoreSearch | None = None
    servers: tuple[RemoteServer, ...] = ()
    shown: tuple[Mapping[str, Any], ...] = ()


def read_tools(given: Sequence[Mapping[str, Any]]) -> Tools:
    """InvalidInput for a kind of tool that is not there, or a name used twice."""
    if len(given) > MAX_TOOLS:
        raise wrong("tools", f"expected at most {MAX_TOOLS} tools, got {len(given)}")
    functions: dict[str, ToolSpec] = {}
    searches: list[StoreSearch] = []
    servers: dict[str, RemoteServer] = {}
    shown: list[Mapping[str, Any]] = []
    for at, raw in enumerate(given):
        where = f"tools.{at}"
        match raw.get("type"):
            case "function" | "custom":
                tool, told = _own(raw, where)
                if tool.name in functions:
                    raise wrong(f"{where}.name", f"{tool.name!r} is there twice")
                functions[tool.name] = tool
                shown.append(told)
            case "file_search":
                searches.append(_search(convert(raw, FileSearchTool, where), where))
                shown.append(raw)
            case "mcp":
                server = read_server(convert(raw, McpTool, where), where)
                if server.label in servers:
                    raise wrong(f"{where}.server_label", f"{server.label!r} is there twice")
                servers[server.label] = server
                shown.append(shown_server(raw))
            case other:
                raise _unknown(other, where)
    if len(searches) > 1:
        raise wrong("tools", "expected one tool 'file_search'; name all stores in it")
    if len(servers) > MOST_SERVERS:
        raise wrong("tools", f"expected at most {MOST_SERVERS} MCP servers, got {len(servers)}")
    return Tools(
        tuple(functions.values()),
        searches[0] if searches else None,
        tuple(servers.values()),
        tuple(shown),
    )


def _unknown(type: object, where: str) -> InvalidInput:
    if isinstance(type, str) and type.startswith(SEARCHES_OF_THE_WEB):
        return wrong(
            f"{where}.type",
            f"{type!r:.100} is a tool of OpenAI's own servers; name an MCP server that searches the "
            "web in a tool 'mcp', or ask an assistant that has such a tool",
        )
    known = "'function', 'custom', 'file_search' and 'mcp'"
    return wrong(f"{where}.type", f"only {known} are taken, got {type!r:.100}")


def _custom(given: CustomTool, where: str) -> ToolSpec:
    check_name(given.name, f"{where}.name")
    input, format = CustomInput(), given.format
    if format is not None and format.type == "grammar":
        for name in ("syntax", "definition"):
            if getattr(format, name) is None:
                raise wrong(f"{where}.format.{name}", "is required")
        grammar = convert({"syntax": format.syntax, "definition": format.definition}, Grammar)
        input = custom_input(grammar, f"{where}.format")
    return ToolSpec(given.name, given.description or "", custom=input)


def _own(raw: Mapping[str, Any], where: str) -> tuple[ToolSpec, Mapping[str, Any]]:
    """A tool of the client's own, and as a response repeats it."""
    if raw.get("type") == "custom":
        custom = convert(raw, CustomTool, where)
        told = {name: value for name, value in raw.items() if value is not None}
        return _custom(custom, where), {"format": {"type": "text"}, **told}
    function = _function(raw, where)
    spec = ToolSpec(
        function.name, function.description or "", function.parameters or {}, function.strict
    )
    return spec, _shown(function)


def _function(raw: Mapping[str, Any], where: str) -> FunctionTool:
    function = convert(raw, FunctionTool, where)
    check_name(function.name, f"{where}.name")
    if function.parameters:
        check_schema(function.parameters, f"{where}.parameters")
    return function


def _shown(function: FunctionTool) -> Mapping[str, Any]:
    return {
        "type": "function",
        "name": function.name,
        "description": function.description,
        "parameters": function.parameters,
        "strict": True if function.strict is None else function.strict,
    }


def _search(tool: FileSearchTool, where: str) -> StoreSearch:
    if not 1 <= len(tool.vector_store_ids) <= MOST_STORES:
        count = len(tool.vector_store_ids)
        raise wrong(f"{where}.vector_store_ids", f"expected 1 to {MOST_STORES} ids, got {count}")
    filters = tool.filters
    ranking = tool.ranking_options
    return StoreSearch(
        tuple(dict.fromkeys(tool.vector_store_ids)),
        None if filters is None else read_file_filter(filters, f"{where}.filters"),
        tool.max_num_results,
        (ranking.score_threshold or 0.0) if ranking else 0.0,
    )


def read_choice(choice: Any, tools: Tools, *, search_name: str) -> tuple[ToolChoice | None, bool]:
    """The choice, None where nothing is said, and whether the search itself must be made.

    `search_name` is what a model calls the search. InvalidInput for a tool that is not there.
    """
    match choice:
        case None | "auto":
            return None, False
        case "none" | "required":
            if choice == "required" and not tools.shown:
                raise wrong("tool_choice", "a tool must be called, but 'tools' is empty")
            only_search = choice == "required" and not (tools.functions or tools.servers)
            return ToolChoice(choice), only_search
        case {"type": "allowed_tools"}:
            allowed = convert(choice, Choice, "tool_choice")
            names = tuple(_name(each, tools, search_name) for each in allowed.tools or ())
            mode = allowed.mode or "auto"
            return ToolChoice(mode, names), mode == "required" and names == (search_name,)
        case {"type": str()}:
            name = _name(convert(choice, Choice, "tool_choice"), tools, search_name)
            return ToolChoice("required", (name,)), name == search_name
        case _:
            shown = repr(choice) if isinstance(choice, str) else kind(choice)
            raise wrong(
                "tool_choice",
                "expected 'auto', 'none', 'required' or an object that names tools, "
                f"got {shown:.100}",
            )


def _name(choice: Choice, tools: Tools, search_name: str) -> str:
    """What a model knows the tool by."""
    if choice.type == FILE_SEARCH and tools.search is not None:
        return search_name
    labels = [server.label for server in tools.servers]
    if choice.type == "mcp" and choice.server_label in labels:
        return chosen_name(str(choice.server_label), choice.name)
    known = [tool.name for tool in tools.functions]
    wanted = choice.type == "custom"
    if choice.type in {"function", "custom"} and any(
        tool.name == choice.name and (tool.custom is not None) == wanted for tool in tools.functions
    ):
        return str(choice.name)
    there = [*known, *([FILE_SEARCH] if tools.search else []), *labels]
    named = choice.server_label or choice.name or choice.type
    raise wrong(
        "tool_choice", f"there is no tool {named!r:.100}; tools: {', '.join(there) or 'none'}"
    )
