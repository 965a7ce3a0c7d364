"""/v1/responses. Source: OpenAI API reference, "Responses" and their streaming events."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec.json import encode

from bedplate.api.current import CurrentApp, Deadline, Tenant
from bedplate.api.openapi import body_of, schema_of
from bedplate.api.responses_calls import Caller, Calls, failure_of
from bedplate.api.responses_requests import ResponsesBody, read_response
from bedplate.api.responses_shown import encoded, shown_response
from bedplate.api.sse import MEDIA_TYPE
from bedplate.api.streams import open_stream
from bedplate.domain.accounts import Account
from bedplate.errors import BedplateError
from bedplate.responses import response as wire
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/responses", tags=["responses"])


ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The response; with `stream`, its events.",
        "content": {
            "application/json": {"schema": schema_of(wire.Response)},
            MEDIA_TYPE: {"schema": {"type": "string"}},
        },
    }
}


@router.post("", response_class=Response, responses=ANSWER, openapi_extra=body_of(ResponsesBody))
async def create_response(
    request: Request, app: CurrentApp, tenant: Tenant, deadline: Deadline
) -> Response:
    """`model` is a model, or an assistant whose answers are grounded.

    With `stream` the response comes as typed, numbered events.
    """
    call = read_response(await request.body())
    calls = Calls(app)
    draft = calls.draft(call)
    caller = Caller(Account(tenant), deadline)
    items = await calls.conversation(call, caller)
    events = await calls.events(call, draft, items, caller)
    if call.body.stream:
        return await open_stream(encoded(_failing(draft, events), call.include))
    async with aclosing(events):
        async for _ in events:
            pass
    body = encode(shown_response(draft.response, call.include))
    return Response(body, media_type="application/json")


async def _failing(draft: Draft, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """Once something was told, an error is an event as well."""
    begun = False
    async with aclosing(events):
        try:
            async for event in events:
                begun = True
                yield event
        except BedplateError as error:
            if not begun:
                raise
            logger.warning("response failed", extra={"code": error.code, "error": error.message})
            for event in draft.fail(failure_of(error)):
                yield event
