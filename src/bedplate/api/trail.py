"""The outermost layer: a trace, one log line a request, and the last resort for errors."""

import asyncio
import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedplate.api.access import known_account
from bedplate.api.errors import answer, unexpected
from bedplate.errors import BedplateError, Unavailable
from bedplate.telemetry.trace import trace

logger = logging.getLogger(__name__)

CLIENT_GONE = 499
"""Logged when the client left before the answer was complete; nobody is sent it."""


class Trail:
    """Every answer carries `x-request-id`: the trace id, the client's own where it sent one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # Here, as what it holds must outlive the copy that a HEAD is asked by.
        scope.setdefault("state", {})
        with trace(Headers(scope=scope).get("traceparent")) as trace_id:
            sent = _Sent(send, trace_id)
            started = time.perf_counter()
            try:
                await self._answer(scope, receive, sent, trace_id)
            finally:
                account = known_account(scope)
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


class _Sent:
    """`send`, remembering how far the answer got."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace_id = trace_id
        self._complete = False
        self.status: int | None = None

    @property
    def outcome(self) -> int:
        return self.status if self.status is not None and self._complete else CLIENT_GONE

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self._trace_id
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._complete = True
