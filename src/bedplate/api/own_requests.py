"""Requests that the server makes of itself, for the holder of an access key: those of batches.

They take the way of any other from the gate on, so limits, guards, budgets and routes hold for them.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from bedplate.api.access import Asker
from bedplate.domain.ids import TenantId
from bedplate.library.batch_calls import Answered

MAX_ANSWER = 64 * 1024 * 1024
TOO_LONG = b'{"error":{"message":"The answer has over 64 MiB: ask for less of it.",\
"type":"server_error","param":null,"code":"too_large"}}'


class OwnRequests:
    """See Caller. `app` begins with a KeyGate, beneath what gives a request its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, tenant: TenantId, key: str | None, path: str, body: bytes) -> Answered:
        exchange = _Exchange(body)
        # In a task of its own, as the trail answers for work that is cut off and tells nobody.
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run(_scope(Asker(tenant, key), path, len(body)), exchange))
        return exchange.answered()

    async def _run(self, scope: Scope, exchange: "_Exchange") -> None:
        await self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request's body, and its answer as it comes."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 0
        self._headers = Headers()
        self._answer = bytearray()
        self._too_long = False

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            # A client that stays until it has its answer.
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], Headers(raw=message["headers"])
            return
        part: bytes = message.get("body", b"")
        self._too_long = self._too_long or len(self._answer) + len(part) > MAX_ANSWER
        if not self._too_long:
            self._answer += part

    def answered(self) -> Answered:
        id = self._headers.get("x-request-id", "")
        if self._too_long:
            return Answered(500, id, TOO_LONG, again=False)
        wait = self._headers.get("retry-after", "")
        return Answered(
            self._status,
            id,
            bytes(self._answer),
            again=self._headers.get("x-should-retry") != "false",
            retry_after=float(wait) if wait.isdigit() else None,
        )


def _scope(asker: Asker, path: str, size: int) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"content-length", str(size).encode()),
        ],
        "client": None,
        "server": None,
        "state": {"asker": asker},
    }
