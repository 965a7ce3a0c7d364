"""`mcp`: the tools of a Model Context Protocol server, a program that is started or one at a URL.

A tool that the server describes otherwise than it did when it was offered is not called: whoever
allowed it allowed what it was. What a server says of its own tools' effects is believed only where
`trust_hints` says so.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Self

import httpx2
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolListChangedNotification,
)
from mcp_types import Tool as ServerTool
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator

from bedplate.domain.tools import ToolSpec
from bedplate.errors import InvalidInput, Unavailable
from bedplate.tools.mcp_http import open_http_client
from bedplate.tools.mcp_session import Session, open_session
from bedplate.tools.protocol import Effect, ToolContext, ToolParts, ToolPolicy, ToolResult, Toolset
from bedplate.tools.values import as_text
from bedplate.tools.web import WebSettings
from bedplate.upstream.options import BaseUrl

LIST_SECONDS = 30.0
MOST_PAGES = 100
MOST_TOOLS = 1_000
MOST_DESCRIPTION = 2_000
REFUSED = frozenset({-32600, -32601, -32602})
"""JSON-RPC errors of a server that works: it has not done anything."""

KEY = "bedplate/idempotency-key"

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def _wrap(value: object) -> object:
    return SecretStr(value) if isinstance(value, str) else value


class McpOptions(WebSettings):
    command: tuple[str, ...] = ()
    """A program and its arguments, spoken to over its standard input and output."""
    env: Mapping[str, Annotated[SecretStr, BeforeValidator(_wrap)]] = Field(
        default_factory=dict[str, SecretStr]
    )
    """Its environment, beside PATH, HOME and the like."""
    folder: str | None = None
    """Where it is started."""
    url: BaseUrl | None = None
    """A server that speaks streamable HTTP."""
    recheck_seconds: float = Field(default=60.0, ge=0)
    """A call asks first whether the tool is still as it was, where that was asked longer ago."""
    trust_hints: bool = False
    """Whether the server is believed that a tool only reads, or may be repeated."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("give either command or url")
        return self


@dataclass(frozen=True, slots=True)
class McpTool:
    spec: ToolSpec
    policy: ToolPolicy
    name: str
    """As the server calls it."""
    server: "McpServer"

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return await self.server.call(self, arguments, context)

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return None


class McpServer:
    def __init__(self, session: Session, settings: McpOptions, place: str) -> None:
        self._session = session
        self._settings = settings
        self._place = place
        self._listed: dict[str, McpTool] = {}
        self._asked_at: float | None = None
        self._lock = asyncio.Lock()

    async def notice(self, message: object) -> None:
        """What the server tells unasked."""
        if isinstance(message, ToolListChangedNotification):
            self._asked_at = None

    async def tools(self) -> tuple[McpTool, ...]:
        """Unavailable where it cannot be asked. A tool that is as it was is the same object."""
        async with self._lock:
            if self._old():
                await self._list()
            return tuple(self._listed.values())

    async def call(
        self, tool: McpTool, arguments: Mapping[str, Any], context: ToolContext
    ) -> ToolResult:
        await self.tools()
        now = self._listed.get(tool.spec.name)
        if now is not tool:
            return _changed(tool, now)
        client = await self._session.client()
        meta: Any = {KEY: context.key} if context.key and tool.policy.effect != "none" else None
        try:
            result = await client.call_tool(tool.name, dict(arguments), meta=meta)
        except MCPError as error:
            if error.code in REFUSED:
                return ToolResult(f"{tool.spec.name} was refused: {error.message}", failed=True)
            return self._broken(client, tool, error.message)
        except (OSError, httpx2.HTTPError, ValidationError, RuntimeError) as error:
            return self._broken(client, tool, f"{type(error).__name__}: {error}")
        return _result(result)

    def _broken(self, client: Client, tool: McpTool, said: str) -> ToolResult:
        self._session.lose(client)
        self._asked_at = None
        return ToolResult(
            f"{tool.spec.name}: {self._place} broke off ({said[:300]}).",
            failed=True,
            retryable=tool.policy.effect != "once",
            unknown=True,
        )

    def _old(self) -> bool:
        if self._asked_at is None:
            return True
        now = asyncio.get_running_loop().time()
        return now - self._asked_at >= self._settings.recheck_seconds

    async def _list(self) -> None:
        client = await self._session.client()
        try:
            async with asyncio.timeout(LIST_SECONDS):
                found = await _all(client)
        except (MCPError, OSError, httpx2.HTTPError, ValidationError, RuntimeError) as error:
            self._session.lose(client)
            said = f"{str(error).rstrip('.')[:300] or type(error).__name__}."
            raise Unavailable(f"{self._place} does not list its tools: {said}") from error
        listed: dict[str, McpTool] = {}
        for each in found:
            tool = self._made(each)
            before = self._listed.get(tool.spec.name)
            same = before is not None and (before.spec, before.policy) == (tool.spec, tool.policy)
            listed[tool.spec.name] = before if before is not None and same else tool
        self._listed = listed
        self._asked_at = asyncio.get_running_loop().time()

    def _made(self, tool: ServerTool) -> McpTool:
        name = _NO_NAME.sub("_", tool.name)[:64]
        schema = {"type": "object", **tool.input_schema}
        # What a server does not name it mostly ignores, and the model would never learn of it.
        schema.setdefault("additionalProperties", not schema.get("properties"))
        description = (tool.description or tool.title or "")[:MOST_DESCRIPTION]
        policy = ToolPolicy(effect=self._effect(tool))
        return McpTool(ToolSpec(name, description, schema), policy, tool.name, self)

    def _effect(self, tool: ServerTool) -> Effect:
        hints = tool.annotations
        if not self._settings.trust_hints or hints is None:
            return "once"
        if hints.read_only_hint:
            return "none"
        return "idempotent" if hints.idempotent_hint else "once"


@asynccontextmanager
async def open_mcp(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    settings = McpOptions.model_validate(options)
    place = f"tools.{name}: the MCP server {settings.url or settings.command[0]!r}"
    async with _open(settings, place) as server:
        yield server


@asynccontextmanager
async def open_remote(options: Mapping[str, Any], *, place: str) -> AsyncGenerator[McpServer]:
    """A server at a URL alone: no request starts a program."""
    settings = McpOptions.model_validate(options)
    if settings.url is None:
        raise InvalidInput(f"{place} must be at a URL.")
    async with _open(settings, place) as server:
        yield server


@asynccontextmanager
async def _open(settings: McpOptions, place: str) -> AsyncGenerator[McpServer]:
    opened: list[McpServer] = []

    async def notice(message: object) -> None:
        for server in opened:
            await server.notice(message)

    @asynccontextmanager
    async def connect() -> AsyncGenerator[Client]:
        if settings.url is None:
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123, ASYNC230 - a device, which the process writes to
                transport = stdio_client(_program(settings), errlog=nowhere)
                async with Client(transport, message_handler=notice) as client:
                    yield client
        else:
            async with open_http_client(settings) as http:
                transport = streamable_http_client(
                    settings.url, http_client=http, max_sse_event_size=settings.max_bytes
                )
                async with Client(transport, message_handler=notice) as client:
                    yield client

    async with open_session(place, connect) as session:
        server = McpServer(session, settings, place)
        opened.append(server)
        yield server


def _program(settings: McpOptions) -> StdioServerParameters:
    return StdioServerParameters(
        command=settings.command[0],
        args=list(settings.command[1:]),
        env={name: secret.get_secret_value() for name, secret in settings.env.items()},
        cwd=settings.folder,
    )


async def _all(client: Client) -> Sequence[ServerTool]:
    found: list[ServerTool] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        found += page.tools
        cursor = page.next_cursor
        if cursor is None or len(found) >= MOST_TOOLS:
            break
    return found[:MOST_TOOLS]


def _changed(tool: McpTool, now: McpTool | None) -> ToolResult:
    if now is None:
        return ToolResult(
            f"The server has no tool {tool.spec.name} any more; it was not called.",
            failed=True,
            missing=True,
        )
    return ToolResult(
        f"The server describes {tool.spec.name} otherwise than when it was offered; it was not "
        "called. List the tools again.",
        failed=True,
    )


def _result(result: CallToolResult) -> ToolResult:
    parts = [_text(block) for block in result.content]
    if not parts and result.structured_content is not None:
        parts = [as_text(result.structured_content)]
    text = "\n".join(parts) or "Done."
    return ToolResult(text, failed=result.is_error)


def _text(block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case ResourceLink():
            return f"({block.name}: {block.uri})"
        case _:
            return f"({block.type}, not shown)"
