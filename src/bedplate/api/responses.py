"""/v1/responses. Source: OpenAI API reference, "Responses" and their streaming events."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from bedplate.api.current import CurrentAccount, CurrentApp, Deadline, Tenant
from bedplate.api.item_pages import AskedPage, Included, encode_page
from bedplate.api.obfuscation import obfuscated
from bedplate.api.openapi import JSON, answers, body_of, named_schema, schema_of
from bedplate.api.responses_calls import Caller, Calls
from bedplate.api.responses_requests import ResponseCall, ResponsesBody, read_response
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import open_stream
from bedplate.api.wire import DeletedObject, encode
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.errors import BedplateError, InvalidInput
from bedplate.responses import response as wire
from bedplate.responses.background import Job
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.items import Item, ItemList
from bedplate.responses.keeping import response_of, stored_response
from bedplate.responses.response import failure_of
from bedplate.responses.shown import Include, shown, shown_response

logger = logging.getLogger(__name__)

LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
RESPONSE = answers("The response.", schema_of(wire.Response))
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The response; with `stream`, its events.",
        "content": {
            **RESPONSE[200]["content"],
            MEDIA_TYPE: {"schema": named_schema("ResponseStreamEvent")},
        },
    }
}

router = APIRouter(prefix="/v1/responses", tags=["responses"])


@router.post("", response_class=Response, responses=ANSWER, openapi_extra=body_of(ResponsesBody))
async def create_response(
    request: Request, app: CurrentApp, account: CurrentAccount, deadline: Deadline
) -> Response:
    """`model` is a model, or an assistant whose answers are grounded.

    With `stream` the response comes as typed, numbered events, with `background` it is made while
    nobody waits.
    """
    call = read_response(await request.body())
    calls = Calls(app)
    caller = Caller(account, None if call.body.background else deadline)
    turns = await calls.conversation(call, caller)
    draft = calls.draft(call)
    events = await calls.events(call, draft, turns.items, caller)
    if call.body.background:
        job = Job(account.tenant, draft, events, turns.given, call.include)
        return await _started(app, call, job)
    if call.body.stream:
        events = _failing(draft, events)
    if call.store:
        events = _kept(app, account.tenant, draft, turns.given, events)
    if call.body.stream:
        return await open_stream(_encoded(events, call.include, pad=call.pads))
    async with aclosing(events):
        async for _ in events:
            pass
    return _answer(draft.response, call.include)


@router.get("/{response_id}", response_class=Response, responses=ANSWER)
async def get_response(
    response_id: str,
    app: CurrentApp,
    tenant: Tenant,
    include: Included,
    *,
    stream: bool = False,
    include_obfuscation: bool = False,
    starting_after: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """With `stream` its events, from the one after number `starting_after` on, as they come; padded
    with `include_obfuscation`.

    Only responses made in the background have them.
    """
    stored = await app.transcripts.responses.get(tenant, response_id)
    if not stream:
        return _answer(response_of(stored), include)
    if not stored.background:
        raise InvalidInput(
            f"stream: response {response_id!r} was not made in the background, so its events were "
            "not kept.",
            param="stream",
        )
    after = -1 if starting_after is None else starting_after
    told = _replayed(app, tenant, response_id, after, pad=include_obfuscation)
    return await open_stream(told)


@router.delete(
    "/{response_id}",
    response_class=Response,
    responses=answers("What is gone.", schema_of(DeletedObject)),
)
async def delete_response(response_id: str, app: CurrentApp, tenant: Tenant) -> Response:
    """One that is still being made is made no further."""
    await app.transcripts.responses.delete(tenant, response_id)
    app.background.stop(tenant, response_id)
    return Response(encode(DeletedObject(response_id, "response")), media_type=JSON)


@router.post("/{response_id}/cancel", response_class=Response, responses=RESPONSE)
async def cancel_response(response_id: str, app: CurrentApp, tenant: Tenant) -> Response:
    """Of one made in the background; one that has ended stays as it is."""
    return _answer(await app.background.cancel(tenant, response_id), frozenset())


@router.get(
    "/{response_id}/input_items",
    response_class=Response,
    responses=answers("A page of items.", schema_of(ItemList)),
)
async def list_input_items(
    response_id: str,
    app: CurrentApp,
    tenant: Tenant,
    page: AskedPage,
    include: Included,
) -> Response:
    """What was given with it, without what it goes on from."""
    found = await app.transcripts.responses.input(tenant, response_id, page)
    return Response(encode_page(found, include), media_type=JSON)


async def _started(app: App, call: ResponseCall, job: Job) -> Response:
    queued = await app.background.start(job)
    if call.body.stream:
        return await open_stream(_replayed(app, job.tenant, job.id, -1, pad=call.pads))
    return _answer(queued, call.include)


def _answer(response: wire.Response, include: Include) -> Response:
    return Response(msgspec.json.encode(shown_response(response, include)), media_type=JSON)


async def _kept(
    app: App,
    tenant: TenantId,
    draft: Draft,
    given: Sequence[Item],
    events: AsyncGenerator[Event],
) -> AsyncGenerator[Event]:
    """The response is kept before its last event is told: what follows may go on from it."""
    async with aclosing(events):
        async for event in events:
            if event.type in LAST:
                await app.transcripts.responses.put(stored_response(tenant, draft.response, given))
            yield event


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


async def _encoded(
    events: AsyncGenerator[Event], include: Include, *, pad: bool
) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            yield _padded(encode_event(shown(event, include), event.type), event.type, pad=pad)


def _padded(event: bytes, type: str, *, pad: bool) -> bytes:
    return obfuscated(event) if pad and type.endswith(".delta") else event


class _Typed(msgspec.Struct):
    type: str


async def _replayed(
    app: App, tenant: TenantId, id: str, after: int, *, pad: bool
) -> AsyncGenerator[bytes]:
    """Events of the log; a comment first, as the next may be long in coming."""
    yield b": events\n\n"
    async with aclosing(app.background.tail(tenant, id, after=after)) as events:
        async for _, body in events:
            name = msgspec.json.decode(body, type=_Typed).type
            event = b"event: " + name.encode() + b"\ndata: " + body.encode() + b"\n\n"
            yield _padded(event, name, pad=pad)
