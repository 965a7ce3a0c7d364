"""The outermost layer: a trace, one log line a request, and the last resort for errors."""

import asyncio
import logging
import time
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedplate.api.access import known_account
from bedplate.api.errors import answer, unexpected
from bedplate.api.headers import header_of
from bedplate.errors import BedplateError, Unavailable
from bedplate.telemetry.conventions import ANONYMOUS, METHOD, PATH, ROUTE, STATUS
from bedplate.telemetry.trace import Recorder, Span, begun

logger = logging.getLogger(__name__)

ROUTED = "route"
"""In the request's `state`: the route of what FastAPI did not see."""

REQUEST_ID = b"x-request-id"

CLIENT_GONE = 499
"""Logged when the client left before the answer was complete; nobody is sent it."""


class Trail:
    """Every answer carries `x-request-id`: the trace id, the client's own where it sent one."""

    def __init__(self, app: ASGIApp, recorder: Recorder | None = None) -> None:
        """`recorder` is told of every request."""
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # Here, as what it holds must outlive the copy that a HEAD is asked by.
        scope.setdefault("state", {})
        parent = header_of(scope, b"traceparent")
        with begun("request", "server", parent, self._recorder) as request:
            trace_id = request.trace.id
            sent = _Sent(send, trace_id)
            started = time.perf_counter()
            try:
                await self._answer(scope, receive, sent, trace_id)
            finally:
                account = known_account(scope)
                _describe(request, scope, sent.outcome)
                logger.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": sent.outcome,
                        "took_ms": round((time.perf_counter() - started) * 1000, 1),
                        "tenant": account and account.tenant,
                        "key": account and account.key,
                    },
                )

    async def _answer(self, scope: Scope, receive: Receive, sent: "_Sent", trace_id: str) -> None:
        # A HEAD is answered as its GET would be; the server leaves out the body (RFC 9110 9.3.2).
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        try:
            await self._app(asked, receive, sent)
        except BedplateError as error:
            if sent.status is None:
                await answer(error)(scope, receive, sent)
            else:
                logger.warning("answer cut off", extra={"error": error.message})
        except asyncio.CancelledError:
            # Only the server's shutdown cancels this task, and nothing of it runs after this.
            logger.warning("cut off by shutdown")
            if sent.status is None:
                await answer(Unavailable("The server is shutting down."))(scope, receive, sent)
        except Exception:
            logger.exception("unexpected error")
            if sent.status is None:
                await unexpected(trace_id)(scope, receive, sent)


def _describe(request: Span, scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", None) or scope["state"].get(ROUTED)
    method = scope["method"]
    # Without ids, so that there are few names.
    request.name = f"{method} {route}" if route else method
    found = request.attributes
    found[METHOD], found[PATH], found[STATUS] = method, scope["path"], status
    if route:
        found[ROUTE] = route
    if (account := known_account(scope)) is None:
        found[ANONYMOUS] = True
    else:
        request.bill(account)


class _Sent:
    """`send`, remembering how far the answer got."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace = trace_id.encode()
        self._complete = False
        self.status: int | None = None

    @property
    def outcome(self) -> int:
        return self.status if self.status is not None and self._complete else CLIENT_GONE

    def __call__(self, message: Message) -> Awaitable[None]:
        # Of a stream nearly every message is one of these.
        return self._send(message) if message.get("more_body") else self._send_end(message)

    async def _send_end(self, message: Message) -> None:
        """The head, or what is last of the body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], (REQUEST_ID, self._trace)]}
        await self._send(message)
        if message["type"] == "http.response.body":
            self._complete = True
