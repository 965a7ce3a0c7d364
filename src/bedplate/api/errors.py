"""Every error as an HTTP answer: one table from the tree to a status and OpenAI's word for it.

A document that cannot be read is 422: the request was sound, its content could not be processed
(RFC 9110 15.5.21). OpenAI's clients raise by status and read `message`, `type`, `param`, `code`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from starlette.responses import Response

from bedplate.api.wire import ErrorBody, ErrorEnvelope, encode, error_envelope
from bedplate.errors import (
    BedplateError,
    Blocked,
    BudgetExceeded,
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    StorageError,
    TooLarge,
    Unavailable,
    Unreadable,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)

REQUEST, SERVER, LIMIT = "invalid_request_error", "server_error", "rate_limit_error"
PERMISSION, QUOTA = "permission_error", "insufficient_quota"

STATUSES: Mapping[type[BedplateError], tuple[int, str]] = {
    BedplateError: (500, SERVER),
    InvalidInput: (400, REQUEST),
    Unreadable: (422, REQUEST),
    TooLarge: (413, REQUEST),
    NotFound: (404, REQUEST),
    Conflict: (409, REQUEST),
    Blocked: (403, PERMISSION),
    BudgetExceeded: (429, QUOTA),
    RateLimited: (429, LIMIT),
    Unavailable: (503, SERVER),
    StorageError: (503, SERVER),
    UpstreamError: (502, SERVER),
    UpstreamTimeout: (504, SERVER),
    UpstreamRateLimited: (429, LIMIT),
}
"""The nearest ancestor decides. BadFilter is InvalidInput; ConfigError is the server's own fault."""

RETRY_SECONDS = 1


def answer(error: BedplateError) -> Response:
    """The error's HTTP answer, with advice on trying again.

    OpenAI's clients repeat 409 and 5xx unless `x-should-retry` says no.
    """
    status, type = _entry(error)
    headers = _retry_after(error)
    if not error.retryable:
        headers = {**headers, "x-should-retry": "false"}
    return _respond(status, error_envelope(error, type), headers)


def envelope(error: BedplateError) -> ErrorEnvelope:
    """The error's body alone, for a stream whose status has been sent."""
    return error_envelope(error, _entry(error)[1])


def refuse(
    status: int,
    message: str,
    *,
    code: str,
    type: str = REQUEST,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that HTTP itself gives, before any flow was asked."""
    return _respond(status, ErrorEnvelope(ErrorBody(message, type, param, code)), headers)


def unexpected(trace_id: str) -> Response:
    """What is said of an error nobody foresaw: where to look it up, nothing else."""
    message = f"Something went wrong in the server; its log tells more under {trace_id}."
    return refuse(500, message, code=BedplateError.code, type=SERVER)


def _entry(error: BedplateError) -> tuple[int, str]:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def _retry_after(error: BedplateError) -> Mapping[str, str]:
    match error:
        case (UpstreamRateLimited() | Unavailable()) as busy if busy.retry_after is not None:
            return {"Retry-After": str(max(0, math.ceil(busy.retry_after)))}
        case Unavailable() | UpstreamRateLimited():
            return {"Retry-After": str(RETRY_SECONDS)}
        case RateLimited() | BudgetExceeded() if error.retry_after is not None:
            return {"Retry-After": str(max(0, math.ceil(error.retry_after)))}
        case _:
            return {}


def _respond(
    status: int, body: ErrorEnvelope, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(encode(body), status, headers, media_type="application/json")


def place_of(loc: Sequence[int | str], body: Any) -> str:
    """A problem's place as a path in the body, or the name of a parameter.

    Pydantic names the members of a union in between, which no client knows.
    """
    source, *parts = loc
    at = body if source == "body" else None
    path: list[str] = []
    for number, part in enumerate(parts):
        inside = (isinstance(at, dict) and part in at) or (
            isinstance(at, list) and isinstance(part, int)
        )
        if inside:
            at = cast(Any, at)[part]
        if inside or source != "body" or (isinstance(at, dict) and number == len(parts) - 1):
            path.append(str(part))
    return ".".join(path)
