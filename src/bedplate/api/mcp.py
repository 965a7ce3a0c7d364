"""POST /mcp: the Model Context Protocol over HTTP, one JSON-RPC message a request.

Source: modelcontextprotocol.io, "Streamable HTTP". There are no sessions: each request stands for
itself, so any server answers it, and a client that hangs up ends the work.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.mcp_messages import (
    INVALID_REQUEST,
    PARSE_ERROR,
    VERSIONS,
    Messages,
    Refused,
    failure,
)
from bedplate.api.reading import read_object
from bedplate.app import App
from bedplate.errors import InvalidInput

PATH = "/mcp"


class Mcp:
    """Answers with the rights, and at the cost, of the request's own access key."""

    def __init__(self, app: App) -> None:
        self._messages = Messages(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._answer(scope, Headers(scope=scope), await request.body())
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, headers: Headers, body: bytes) -> Response:
        version = headers.get("mcp-protocol-version")
        if version is not None and version not in VERSIONS:
            message = f"MCP-Protocol-Version {version!r} is not one of {', '.join(VERSIONS)}."
            return _json(failure(None, INVALID_REQUEST, message), 400)
        try:
            message = read_object(body)
        except InvalidInput as error:
            return _json(failure(None, PARSE_ERROR, error.message), 400)
        try:
            told = await self._messages.answer(message, account_of(scope), deadline_of(scope))
        except Refused as refused:
            return _json(failure(None, refused.code, refused.message), 400)
        return Response(status_code=202) if told is None else _json(told)


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, media_type="application/json")
