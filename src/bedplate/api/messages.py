"""POST /v1/messages and /v1/messages/count_tokens, as plain ASGI: Anthropic's clients work as they
are.

`model` is a model or an assistant, as for a chat completion. Source: Claude API reference,
"Messages", "Count tokens" and "Errors".
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.completions import Completions
from bedplate.api.costs import cost_headers
from bedplate.api.errors import answer, envelope
from bedplate.api.messages_reply import Reply
from bedplate.api.messages_requests import read_counted, read_messages
from bedplate.api.routed import routed_headers
from bedplate.api.sse import encode_event
from bedplate.api.streams import open_stream
from bedplate.api.wire import encode
from bedplate.errors import BedplateError
from bedplate.models.tokens import request_tokens
from bedplate.telemetry.trace import trace_id

PATH = "/v1/messages"
COUNT_PATH = f"{PATH}/count_tokens"

TYPES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "invalid_request_error",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_request_error",
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.CONFLICT: "invalid_request_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
}
"""Anthropic's word for a status; every other one is an `api_error`."""


class Messages:
    def __init__(self, completions: Completions) -> None:
        self._completions = completions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(scope, (await receive())["body"])
        except BedplateError as error:
            response = _refused(error)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes) -> Response:
        call = read_messages(body)
        account, deadline = account_of(scope), deadline_of(scope)
        reply = Reply(call.model)
        if call.stream:
            events = self._completions.events(call, account, deadline)
            return await open_stream(reply.stream(events), _event)
        told = await self._completions.answer(call, account, deadline)
        whole = reply.whole(told)
        headers = {**cost_headers(whole["usage"]["cost_usd"]), **routed_headers(told)}
        return Response(encode(whole), media_type="application/json", headers=headers)


async def count_tokens(scope: Scope, receive: Receive, send: Send) -> None:
    """An estimate, rather too high: what Bedplate itself reckons with before a call."""
    try:
        counted = request_tokens(read_counted((await receive())["body"]).request)
        response = Response(encode({"input_tokens": counted}), media_type="application/json")
    except BedplateError as error:
        response = _refused(error)
    await response(scope, receive, send)


def _event(error: BedplateError) -> bytes:
    return encode_event(_envelope(error, answer(error).status_code), "error")


def _refused(error: BedplateError) -> Response:
    told = answer(error)
    headers = {
        name: value
        for name in ("Retry-After", "x-should-retry")
        if (value := told.headers.get(name)) is not None
    }
    body = encode(_envelope(error, told.status_code))
    return Response(body, told.status_code, headers, media_type="application/json")


def _envelope(error: BedplateError, status: int) -> Mapping[str, Any]:
    """Anthropic's, with the parameter and the code that OpenAI's has."""
    told = msgspec.to_builtins(envelope(error).error)
    told["type"] = TYPES.get(status, "api_error")
    return {"type": "error", "error": told, "request_id": trace_id()}
