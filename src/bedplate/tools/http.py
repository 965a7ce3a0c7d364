"""`http`: requests to servers on a list, by the model's own choice of path and body."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field
from yarl import URL

from bedplate.domain.tools import ToolSpec
from bedplate.tools.protocol import Effect, ToolContext, ToolParts, ToolPolicy, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset, FunctionTool
from bedplate.tools.web import Request, WebSettings, effect_of, open_web
from bedplate.upstream.options import BaseUrl

MOST_BODY = 100_000
HARM: tuple[Effect, ...] = ("none", "idempotent", "once")
"""From the least; the tool as a whole is as the worst of its methods."""

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def _check_prefix(value: str) -> str:
    url = URL(value)
    if url.query_string or url.fragment or not url.path.endswith("/"):
        raise ValueError('must end with "/", and have no query')
    return value


Prefix = Annotated[BaseUrl, AfterValidator(_check_prefix)]


class HttpOptions(WebSettings):
    allow: tuple[Prefix, ...] = Field(min_length=1)
    """What URLs begin with, scheme, host and port included; each ends with "/"."""
    methods: tuple[Method, ...] = Field(default=("GET",), min_length=1)
    description: str = "Sends an HTTP request."
    """What the model is told it is for; the list of what is allowed is added."""


def spec_of(name: str, settings: HttpOptions) -> ToolSpec:
    writes = [each for each in settings.methods if each not in ("GET", "HEAD")]
    body = {
        "body": {
            "description": "JSON, or text that is sent as it is.",
            "type": ["object", "array", "string"],
        }
    }
    return ToolSpec(
        name,
        f"{settings.description} URLs begin with {' or '.join(settings.allow)}",
        {
            "type": "object",
            "properties": {
                "url": {"type": "string", "maxLength": 4_000, "description": "The whole URL."},
                "method": {
                    "type": "string",
                    "enum": list(settings.methods),
                    "default": settings.methods[0],
                },
                **(body if writes else {}),
            },
            "required": ["url"],
            "additionalProperties": False,
        },
    )


def refusal(url: str, allowed: tuple[str, ...]) -> str | None:
    """Why the URL is none of those allowed; None where it is."""
    listed = " or ".join(allowed)
    try:
        asked = URL(url)
        port = asked.port
    except ValueError as error:
        return f"{url[:200]!r} is no URL: {error}."
    if asked.user is not None or asked.password is not None or "\\" in url:
        return f"{url[:200]!r} holds what no URL here may."
    parts = asked.raw_path.lower().split("/")
    # A server may read these as a way up, and so leave the place that is allowed.
    if any(
        part in ("..", ".") or "%2e" in part or "%2f" in part or "%5c" in part for part in parts
    ):
        return (
            f"{url[:200]!r} has a path that does not say where it leads; URLs begin with {listed}"
        )
    for prefix in map(URL, allowed):
        same = (asked.scheme, asked.host, port) == (prefix.scheme, prefix.host, prefix.port)
        if same and f"{asked.raw_path}/".startswith(prefix.raw_path):
            return None
    return f"{url[:200]!r} is not allowed; URLs begin with {listed}"


@asynccontextmanager
async def open_http(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    settings = HttpOptions.model_validate(options)
    worst: Effect = max([effect_of(each) for each in settings.methods], key=HARM.index)
    async with open_web(settings) as web:

        async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
            url, method = str(arguments["url"]), str(arguments.get("method", settings.methods[0]))
            refused = refusal(url, settings.allow)
            if refused is not None:
                return ToolResult(refused, failed=True)
            body, headers = _body(arguments.get("body"))
            if body is not None and len(body) > MOST_BODY:
                return ToolResult(f"The body is over {MOST_BODY:,} bytes.", failed=True)
            request = Request(method, URL(url), headers, body)
            return await web.call(request, effect_of(method), context)

        yield FixedToolset((FunctionTool(spec_of(name, settings), run, ToolPolicy(effect=worst)),))


def _body(given: object) -> tuple[bytes | None, Mapping[str, str]]:
    if given is None:
        return None, {}
    if isinstance(given, str):
        return given.encode(), {"Content-Type": "text/plain; charset=utf-8"}
    return msgspec.json.encode(given), {"Content-Type": "application/json"}
