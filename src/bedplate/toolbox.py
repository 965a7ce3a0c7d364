"""The tools of every table `[tools.NAME]`, each behind what the server sees to."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pydantic import SecretStr

from bedplate.config import Config
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Hit, Scope
from bedplate.errors import BedplateError, ConfigError, InvalidInput, NotFound
from bedplate.guards.actions import sanitised
from bedplate.library.memories import Memories
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import SearchRequest
from bedplate.responses.remote import OpenServer, RemoteServer, RemoteTool
from bedplate.safeguards import Safeguards
from bedplate.slots import open_slot
from bedplate.spelling import did_you_mean, shown
from bedplate.tool_sections import StatusConfig, ToolsetSlot
from bedplate.tools import REMOTE, TOOLS
from bedplate.tools.approval import check_condition
from bedplate.tools.attempted import Attempted
from bedplate.tools.checked import Checked
from bedplate.tools.configured import Configured, StatusTool
from bedplate.tools.paced import Paced
from bedplate.tools.protocol import Tool, ToolParts, Toolset
from bedplate.tools.screened import Screen, Screened, Screening, Secrets
from bedplate.tools.simulated import Examples, Simulated, read_examples
from bedplate.tools.toolsets import FixedToolset

AdmitTool = Callable[[TenantId, str, int], Awaitable[float | None]]
"""Counts a call of the tool of that name, in all processes together: see Ledger."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools of one table; `error` is why there are none."""

    table: str
    use: str
    simulated: bool
    tools: tuple[Tool, ...] = ()
    error: BedplateError | None = None


class Toolbox:
    """Tools are listed anew each time: those of a server elsewhere may change."""

    def __init__(self, tables: Mapping[str, "_Table"]) -> None:
        self._tables = tables

    async def list(
        self, names: Sequence[str] | None = None, *, assistant: str | None = None
    ) -> tuple[Tool, ...]:
        """Those that `names` means, tables or single tools, every one without it; without those that
        the assistant may not use.

        Raises:
            NotFound: no table and no tool has the name.
            ConfigError: two tools have one name, or a table's settings do not fit its tools.
            Unavailable, UpstreamError: a place that must be asked for its tools does not answer.
        """
        found: dict[str, Tool] = {}
        for name in self._tables if names is None else names:
            table = self._tables.get(name)
            chosen = await table.tools() if table else (await self._named(name),)
            for tool in chosen:
                if found.setdefault(tool.spec.name, tool) is not tool:
                    raise ConfigError(
                        f"Two tools are called {tool.spec.name!r}: set prefix in one of the tables "
                        "they come from."
                    )
        return tuple(tool for tool in found.values() if _may(tool, assistant))

    async def find(self, name: str, *, assistant: str | None = None) -> Tool:
        """The tool of that name; NotFound with the nearest one, also where the assistant may not."""
        tool = await self._named(name)
        if not _may(tool, assistant):
            raise NotFound(f"The assistant {assistant!r} may not use the tool {name!r}.")
        return tool

    async def offers(self) -> tuple[Offer, ...]:
        """What each table has to offer, or why it has nothing."""
        return tuple([await table.offer() for table in self._tables.values()])

    async def _named(self, name: str) -> Tool:
        known: list[str] = []
        failed: BedplateError | None = None
        for table in self._tables.values():
            try:
                tools = await table.tools()
            except BedplateError as error:
                # Of no concern where another place has the tool.
                failed = error
                continue
            for tool in tools:
                if tool.spec.name == name:
                    return tool
                known.append(tool.spec.name)
        if failed is not None:
            raise failed
        near = did_you_mean(name, [*known, *self._tables])
        hint = near or f" Known: {', '.join(known) or 'none'}."
        raise NotFound(f"There is no tool {shown(name)}.{hint}", param="tool")


@dataclass(slots=True)
class _Table:
    name: str
    slot: ToolsetSlot
    toolset: Toolset
    secrets: Secrets
    screen: Screen | None
    examples: Examples | None
    admit: AdmitTool
    _made: dict[str, tuple[Tool, Tool]] = field(default_factory=dict[str, tuple[Tool, Tool]])

    async def tools(self) -> tuple[Tool, ...]:
        inner = {tool.spec.name: tool for tool in await self.toolset.tools()}
        self._check_names(inner)
        offered = inner if self.slot.only is None else self.slot.only
        return tuple(self._wrapped(inner[name], inner) for name in offered)

    async def offer(self) -> Offer:
        simulated = self.examples is not None
        try:
            return Offer(self.name, self.slot.use, simulated, await self.tools())
        except BedplateError as error:
            return Offer(self.name, self.slot.use, simulated, error=error)

    def _check_names(self, inner: Mapping[str, Tool]) -> None:
        """A tool that a human should confirm, and which is called otherwise now, is not let through."""
        slot = self.slot
        named = {
            "only": slot.only or (),
            "approve": slot.approve if isinstance(slot.approve, tuple) else (),
            "each": tuple(slot.each),
            "each.*.status.tool": tuple(c.status.tool for c in slot.each.values() if c.status),
        }
        for key, names in named.items():
            for name in names:
                if name not in inner:
                    known = ", ".join(list(inner)[:20]) or "none"
                    hint = did_you_mean(name, inner) or f" It has: {known}."
                    raise ConfigError(
                        f"tools.{self.name}.{key}: there is no tool {name!r} in it.{hint}"
                    )

    def _wrapped(self, tool: Tool, inner: Mapping[str, Tool]) -> Tool:
        made = self._made.get(tool.spec.name)
        if made is None or made[0] is not tool:
            made = self._made[tool.spec.name] = (tool, self._wrap(tool, inner))
        return made[1]

    def _wrap(self, tool: Tool, inner: Mapping[str, Tool]) -> Tool:
        name = tool.spec.name
        own = self.slot.each.get(name)
        policy = replace(tool.policy, **self.slot.overrides(name))
        if isinstance(policy.approve, str):
            check_condition(policy.approve, tool.spec)
        spec = replace(tool.spec, name=f"{self.slot.prefix}{name}")
        if own is not None and own.description is not None:
            spec = replace(spec, description=own.description)
        asked = _status_tool(own.status, inner) if own is not None and own.status else None
        wrapped: Tool = Configured(tool, spec, policy, asked)
        if self.examples is not None:
            wrapped = Simulated(wrapped, self.examples)
        wrapped = Screened(Attempted(wrapped), self.secrets, self.screen)

        async def admit(tenant: TenantId, most: int) -> float | None:
            return await self.admit(tenant, f"{self.name}.{name}", most)

        wrapped = Paced(wrapped, admit)
        try:
            return Checked(wrapped)
        except InvalidInput as error:
            raise ConfigError(f"tools.{self.name}: {name}: {error.message}") from error


@asynccontextmanager
async def open_toolbox(
    config: Config,
    safeguards: Safeguards,
    admit: AdmitTool,
    search: Interpret | None = None,
    memories: Memories | None = None,
) -> AsyncGenerator[Toolbox]:
    """Tools that lie elsewhere are asked for when they are first needed, not here.

    Raises:
        ConfigError: an adapter that does not exist, options it does not take, a function or
            document that is not there, or settings for a tool that the table does not have.
    """
    screen = _screen(config, safeguards)
    callables: dict[str, Any] = {} if search is None else {"search": _searching(search, config)}
    if memories is not None:
        callables["memories"] = memories
    tables: dict[str, _Table] = {}
    async with AsyncExitStack() as stack:
        for name, slot in config.tools.items():
            toolset = await stack.enter_async_context(
                open_slot(f"tools.{name}", slot, TOOLS.load, name=name, parts=ToolParts(callables))
            )
            examples = None if slot.simulate is None else read_examples(slot.simulate, name=name)
            secrets = Secrets(_secrets(slot.options))
            table = tables[name] = _Table(name, slot, toolset, secrets, screen, examples, admit)
            if isinstance(toolset, FixedToolset):
                await table.tools()
        yield Toolbox(tables)


def remote_servers(config: Config, safeguards: Safeguards) -> OpenServer:
    """Opens MCP servers that requests name, at public addresses and those of the configuration."""
    screen, settings = _screen(config, safeguards), config.responses

    @asynccontextmanager
    async def opened(server: RemoteServer) -> AsyncGenerator[Sequence[RemoteTool]]:
        if not settings.mcp:
            raise InvalidInput(
                "tools: this server calls no MCP servers for a request (responses.mcp).",
                param="tools",
            )
        options = {
            "url": server.url,
            "headers": server.headers,
            "allow_hosts": settings.mcp_hosts,
            "trust_hints": True,
        }
        secrets = Secrets(server.headers.values())
        async with REMOTE.load("mcp")(options, place=f"The MCP server {server.label!r}") as place:
            yield [
                RemoteTool(
                    tool.name,
                    tool.policy.effect == "none",
                    Checked(Screened(Attempted(tool), secrets, screen)),
                )
                for tool in await place.tools()
            ]

    return opened


def _may(tool: Tool, assistant: str | None) -> bool:
    return not tool.policy.assistants or assistant in tool.policy.assistants


def _status_tool(status: StatusConfig, inner: Mapping[str, Tool]) -> StatusTool:
    return StatusTool(inner[status.tool], status.key)


def _screen(config: Config, safeguards: Safeguards) -> Screen | None:
    """Personal data is seen to where a model is called, and put back there for who may see it."""
    if "tool" not in config.guards.injection.on:
        return None

    async def screen(text: str, account: Account) -> Screening:
        (verdict,) = await safeguards.injection.check([text], "tool", account)
        found = tuple(sorted({reason.rule for reason in verdict.reasons}))
        match verdict.decision:
            case "allow":
                return Screening(text)
            case "flag":
                return Screening(text, found)
            case "sanitise":
                return Screening(sanitised(text, verdict), found)
            case "block":
                return Screening(None, found)

    return screen


def _searching(search: Interpret, config: Config) -> Any:
    async def searching(
        account: Account,
        collection: str,
        text: str,
        *,
        filter: str | None,
        limit: int,
        deadline: float | None,
    ) -> Sequence[Hit]:
        request = SearchRequest(
            text=text,
            filter=filter,
            limit=limit,
            self_query=config.search.self_query,
            limit_given=True,
            wide=True,
            deadline=deadline,
            account=account,
        )
        found = await search.search(Scope(account.tenant, collection), request)
        return found.hits

    return searching


def _secrets(options: Mapping[str, object]) -> list[str]:
    """Every secret among a table's options, and what stands where secrets do."""
    told = [options[key] for key in ("auth", "env", "headers", "url") if key in options]
    return [*_values(options, plain=False), *_values(told, plain=True)]


def _values(value: object, *, plain: bool) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case str() if plain:
            yield value
        case Mapping():
            for each in cast(Mapping[str, object], value).values():
                yield from _values(each, plain=plain)
        case list() | tuple():
            for each in cast(Sequence[object], value):
                yield from _values(each, plain=plain)
        case _:
            return
