"""POST /mcp: the Model Context Protocol over HTTP, one JSON-RPC message a request.

Source: modelcontextprotocol.io, "Streamable HTTP". There are no sessions: each request stands for
itself, so any server answers it, and a client that hangs up ends the work.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.gates import is_loopback
from bedplate.api.mcp_failures import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    NO_METHOD,
    PARSE_ERROR,
    UNKNOWN_VERSION,
    WRONG_HEADER,
    Id,
    Refused,
)
from bedplate.api.mcp_messages import Caller, Messages, Reply
from bedplate.api.mcp_reading import read_message
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import HEADERS
from bedplate.app import App

PATH = "/mcp"

STATUSES: Mapping[int | None, int] = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    WRONG_HEADER: 400,
    UNKNOWN_VERSION: 400,
    NO_METHOD: 404,
}
"""Of errors, since there is no handshake; what was greeted before has its errors with 200."""

CUT_OFF = "The request was cut off before its end: ask again."


class Mcp:
    """Answers with the rights, and at the cost, of the request's own access key."""

    def __init__(self, app: App) -> None:
        self._messages = Messages(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if (origin := _foreign(headers)) is not None:
            message = f"The Origin header is {origin!r:.200}: pages of other sites may not call."
            refused = Refused(INVALID_REQUEST, message)
            await _json(refused.told(None), 403)(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        out = _Answering(scope, receive, send, streams=_takes_events(headers))
        values = {name: [each.strip(" \t") for each in headers.getlist(name)] for name in headers}
        caller = Caller(account_of(scope), deadline_of(scope), out.tell, values)
        id: Any = None
        try:
            message = read_message(body)
            id = message.get("id")
            reply = await self._messages.answer(message, caller)
        except Refused as refused:
            await _json(refused.told(None), 400)(scope, receive, send)
        except asyncio.CancelledError:
            await out.cut_off(id)
            raise
        else:
            await out.end(reply)


class _Answering:
    """One answer: JSON, or with the first that is told before it a stream of events.

    A client that takes no events is told nothing.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, streams: bool) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._streams = streams
        self._begun = False

    async def tell(self, notification: Mapping[str, Any]) -> None:
        if not self._streams:
            return
        if not self._begun:
            self._begun = True
            start = Response(headers=HEADERS, media_type=MEDIA_TYPE)
            del start.headers["content-length"]
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": start.raw_headers}
            )
        await self._event(notification, more=True)

    async def end(self, reply: Reply | None) -> None:
        if reply is None:
            await Response(status_code=202)(self._scope, self._receive, self._send)
        elif self._begun:
            await self._event(reply.message, more=False)
        else:
            status = STATUSES.get(reply.code, 200) if reply.alone else 200
            await _json(reply.message, status)(self._scope, self._receive, self._send)

    async def cut_off(self, id: Id) -> None:
        """The server stops, or nobody is there any more to hear it."""
        if self._begun:
            await self._event(Refused(INTERNAL, CUT_OFF).told(id), more=False)

    async def _event(self, message: Mapping[str, Any], *, more: bool) -> None:
        event = encode_event(message, "message")
        await self._send({"type": "http.response.body", "body": event, "more_body": more})


def _takes_events(headers: Headers) -> bool:
    return MEDIA_TYPE in headers.get("accept", "").lower()


def _foreign(headers: Headers) -> str | None:
    """The origin of a page that is neither this server's nor this machine's."""
    for origin in headers.getlist("origin"):
        try:
            parts = urlsplit(origin)
            host = parts.hostname or ""
        except ValueError:
            return origin
        ours = bool(host) and parts.netloc.lower() == headers.get("host", "").lower()
        if not (ours or is_loopback(host)):
            return origin
    return None


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, media_type="application/json")
