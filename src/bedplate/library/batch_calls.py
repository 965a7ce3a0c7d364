"""How a batch asks: one request at a time, tried again while that may help, and what is kept of it."""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from bedplate.domain.batches import BatchLine, BatchUsage
from bedplate.domain.ids import TenantId, new_id
from bedplate.library.batch_lines import Request

ATTEMPTS = 5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LIMITED, FAILING = 429, 500
OK = 200
QUOTA = "insufficient_quota"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of this server's own. `retry_after` is in seconds; `again` says whether to try it."""

    status: int
    request_id: str
    body: bytes
    again: bool = True
    retry_after: float | None = None


class Caller(Protocol):
    """Asks this server itself, for the holder of an access key; `key` is its id, never the key."""

    def __call__(
        self, tenant: TenantId, key: str | None, path: str, body: bytes, /
    ) -> Awaitable[Answered]: ...


class Calls:
    """Requests of batches, which wait until somebody answers."""

    def __init__(self) -> None:
        self._caller: asyncio.Future[Caller] = asyncio.get_running_loop().create_future()

    def open(self, caller: Caller) -> None:
        """From now on requests are answered by that."""
        if self._caller.done():
            self._caller = asyncio.get_running_loop().create_future()
        self._caller.set_result(caller)

    async def ask(
        self, tenant: TenantId, key: str | None, path: str, request: Request
    ) -> BatchLine:
        """What became of a request.

        One that is over a limit of rate is asked until it is not; one that failed by the server's
        fault a few times; one without a budget once.
        """
        # Shielded, as one who stops waiting would cancel it for all.
        call = await asyncio.shield(self._caller)
        pause, left = FIRST_PAUSE, ATTEMPTS
        while True:
            answered = await call(tenant, key, path, request.body)
            body = _parsed(answered.body)
            left -= 0 if answered.status == LIMITED else 1
            if not (left and _may_help(answered, body)):
                return line_of(request, answered, body)
            wait = pause if answered.retry_after is None else answered.retry_after
            await asyncio.sleep(min(wait, LONGEST_PAUSE))
            pause = min(2 * pause, LONGEST_PAUSE)


def line_of(request: Request, answered: Answered, body: object) -> BatchLine:
    """A line of the file of answers, or of errors where the status is not 200."""
    response = {"status_code": answered.status, "request_id": answered.request_id, "body": body}
    failed = answered.status != OK
    usage = BatchUsage() if failed else usage_of(body)
    return BatchLine(request.number, failed, _written(request, response, None), usage)


def undone(request: Request, code: str, message: str) -> BatchLine:
    """A line of the file of errors for a request that was never asked."""
    error = {"code": code, "message": message}
    return BatchLine(request.number, failed=True, content=_written(request, None, error))


def usage_of(body: object) -> BatchUsage:
    """Tokens of an answer, by whichever of the names that endpoints give them."""
    given = _table(_table(body).get("usage"))

    def tokens(table: Mapping[str, Any], *names: str) -> int:
        return next((v for name in names if isinstance(v := table.get(name), int)), 0)

    inputs = _table(given.get("input_tokens_details") or given.get("prompt_tokens_details"))
    outputs = _table(given.get("output_tokens_details") or given.get("completion_tokens_details"))
    return BatchUsage(
        input=tokens(given, "input_tokens", "prompt_tokens"),
        cached=tokens(inputs, "cached_tokens") or tokens(given, "cache_read_input_tokens"),
        output=tokens(given, "output_tokens", "completion_tokens"),
        reasoning=tokens(outputs, "reasoning_tokens"),
    )


def _written(request: Request, response: object, error: object) -> bytes:
    line = {
        "id": f"batch_req_{new_id().replace('-', '')}",
        "custom_id": request.custom_id,
        "response": response,
        "error": error,
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _may_help(answered: Answered, body: object) -> bool:
    if answered.status == LIMITED:
        return answered.again and _table(_table(body).get("error")).get("type") != QUOTA
    return answered.again and answered.status >= FAILING


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _table(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}
