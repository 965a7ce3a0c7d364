"""`openapi`: the operations of an OpenAPI document, one tool each.

A document in a file is read at the start, one at a URL when its tools are first needed. A document
from elsewhere does not say where requests go: that is its own place, unless `server` is set.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlencode, urljoin

from pydantic import BeforeValidator, Field, SecretStr
from yarl import URL

from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError, InvalidInput, Unavailable
from bedplate.tools.arguments import Arguments
from bedplate.tools.openapi_document import MOST_BYTES, Document, read_document
from bedplate.tools.openapi_operation import Operation, operations
from bedplate.tools.openapi_parameters import filled, headers, query
from bedplate.tools.openapi_security import Credential, chosen, credentials
from bedplate.tools.protocol import ToolContext, ToolParts, ToolPolicy, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset
from bedplate.tools.web import Request, Web, WebSettings, effect_of, open_web
from bedplate.tools.wordings import mapping
from bedplate.upstream.options import BaseUrl

READ_SECONDS = 20.0


def _wrap(value: object) -> object:
    return SecretStr(value) if isinstance(value, str) else value


class OpenApiOptions(WebSettings):
    spec: str = Field(min_length=1)
    """A file, or an http or https URL."""
    server: BaseUrl | None = None
    """Where requests go; what the document says first, where it is not set."""
    auth: Mapping[str, Annotated[SecretStr, BeforeValidator(_wrap)]] = Field(
        default_factory=dict[str, SecretStr]
    )
    """Credentials by the names of the document's security schemes; "user:password" for basic."""


@dataclass(frozen=True, slots=True)
class OperationTool:
    operation: Operation
    server: URL
    credentials: Sequence[Credential]
    web: Web
    hint: str

    @property
    def spec(self) -> ToolSpec:
        return self.operation.spec

    @property
    def policy(self) -> ToolPolicy:
        return ToolPolicy(effect=effect_of(self.operation.method))

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        try:
            request = self._request(arguments)
        except InvalidInput as error:
            return ToolResult(f"{error.message} Nothing was done.", failed=True)
        return await self.web.call(request, self.policy.effect, context)

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return None

    def _request(self, arguments: Mapping[str, Any]) -> Request:
        operation = self.operation
        path = filled(operation.path, operation.parameters, arguments)
        keys = [(each.name, each.value) for each in self.credentials if each.place == "query"]
        asked = "&".join(filter(None, (query(operation.parameters, arguments), urlencode(keys))))
        sent = {"Accept": "application/json, */*;q=0.5", **headers(operation.parameters, arguments)}
        body = operation.body(arguments)
        if body is not None and operation.media_type is not None:
            sent["Content-Type"] = operation.media_type
        base = str(self.server).rstrip("/")
        url = URL(f"{base}{path}{'?' if asked else ''}{asked}", encoded=True)
        for each in self.credentials:
            if each.place == "cookie":
                cookies = [sent["Cookie"]] if "Cookie" in sent else []
                sent["Cookie"] = "; ".join([*cookies, f"{each.name}={each.value}"])
            elif each.place == "header":
                sent[each.name] = each.value
        return Request(operation.method, url, sent, body, self.hint)


class RemoteToolset:
    """Reads the document once, when it is first needed; a place that is away is asked again."""

    def __init__(self, options: OpenApiOptions, name: str, web: Web, plain: Web) -> None:
        self._options = options
        self._name = name
        self._web = web
        self._plain = plain
        self._listed: tuple[OperationTool, ...] | None = None
        self._lock = asyncio.Lock()

    async def tools(self) -> tuple[OperationTool, ...]:
        """
        Raises:
            Unavailable: the document cannot be read now.
            ConfigError: it is none, or it and the options do not fit.
        """
        async with self._lock:
            if self._listed is None:
                try:
                    async with asyncio.timeout(READ_SECONDS):
                        content = await self._plain.read(URL(self._options.spec), MOST_BYTES)
                except (InvalidInput, TimeoutError) as error:
                    said = str(error) or f"it took over {READ_SECONDS:g} s."
                    raise Unavailable(f"tools.{self._name}.spec: {said}") from error
                self._listed = await _tools(self._options, self._name, content, self._web)
            return self._listed


@asynccontextmanager
async def open_openapi(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    settings = OpenApiOptions.model_validate(options)
    async with open_web(settings) as web:
        if not settings.spec.startswith(("http://", "https://")):
            content = await asyncio.to_thread(_file, name, settings.spec)
            yield FixedToolset(await _tools(settings, name, content, web))
            return
        # Whoever keeps the document need not be whom the headers are for.
        async with open_web(settings.model_copy(update={"headers": {}})) as plain:
            yield RemoteToolset(settings, name, web, plain)


def _file(name: str, spec: str) -> bytes:
    try:
        with Path(spec).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"tools.{name}.spec: {spec!r} cannot be read: {error.strerror}."
        ) from error


async def _tools(
    options: OpenApiOptions, name: str, content: bytes, web: Web
) -> tuple[OperationTool, ...]:
    def read() -> tuple[OperationTool, ...]:
        document = read_document(content)
        server = _server(options, document)
        keys = credentials(document, options.auth)
        return tuple(
            OperationTool(
                each,
                server,
                chosen(each.security, keys),
                web,
                Arguments(each.spec.parameters).told(),
            )
            for each in operations(document)
        )

    try:
        tools = await asyncio.to_thread(read)
    except InvalidInput as error:
        raise ConfigError(f"tools.{name}: {options.spec}: {error.message}") from error
    names = [tool.spec.name for tool in tools]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise ConfigError(f"tools.{name}: {options.spec}: two operations are called {twice!r}.")
    return tools


def _server(options: OpenApiOptions, document: Document) -> URL:
    if options.server is not None:
        return URL(options.server)
    servers = document.root.get("servers")
    listed = cast(list[object], servers) if isinstance(servers, list) else []
    first = mapping(listed[0] if listed else None)
    told = str(first.get("url", "/"))
    for key, variable in mapping(first.get("variables")).items():
        told = told.replace(f"{{{key}}}", str(mapping(variable).get("default", "")))
    remote = options.spec.startswith(("http://", "https://"))
    url = URL(urljoin(options.spec, told) if remote else told)
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidInput(f"it names the server {told!r}, which is no URL: set server.")
    if remote and url.origin() != URL(options.spec).origin():
        raise InvalidInput(
            f"it sends requests elsewhere, to {url.origin()}: set server if that is meant."
        )
    return url
