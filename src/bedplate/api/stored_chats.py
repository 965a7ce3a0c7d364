"""/v1/chat/completions that were stored as their request asked for. Source: OpenAI API reference,
"List Chat Completions" and those after it.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Struct

from bedplate.api.chat_reply import ChoiceEvent, Reply
from bedplate.api.chat_requests import ChatCall
from bedplate.api.conversations_requests import MetadataBody
from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.metadata import read_metadata
from bedplate.api.openapi import JSON, answers, body_of, schema_of
from bedplate.api.reading import convert, read_object
from bedplate.api.responses_requests import known_fields
from bedplate.api.wire import (
    ChatCompletion,
    ChatCompletionList,
    DeletedObject,
    StoredMessageList,
    encode,
)
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.transcripts.protocol import CompletionQuery, Page, StoredCompletion, StoredItem

COMPLETION = answers("The completion.", schema_of(ChatCompletion))
LABEL = re.compile(r"metadata\[(.*)\]", re.DOTALL)


async def _page(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "asc",
    after: Annotated[
        str | None, Query(description="The id of the last one of the page before.")
    ] = None,
) -> Page:
    return Page(limit, after, order)


AskedPage = Annotated[Page, Depends(_page)]

router = APIRouter(prefix="/v1/chat/completions", tags=["chat"])


@router.get(
    "", response_class=Response, responses=answers("A page.", schema_of(ChatCompletionList))
)
async def list_completions(
    request: Request,
    app: CurrentApp,
    tenant: Tenant,
    page: AskedPage,
    model: Annotated[str | None, Query(max_length=500)] = None,
    metadata: Annotated[
        str | None, Query(description="`metadata[name]=text`, once for each name.")
    ] = None,
) -> Response:
    """Those that were stored; of a model, and with all of the metadata asked for."""
    labels = {
        found[1]: value
        for name, value in request.query_params.multi_items()
        if (found := LABEL.fullmatch(name))
    }
    query = CompletionQuery(model, read_metadata(labels))
    one_more = replace(page, limit=page.limit + 1)
    found = await app.transcripts.completions.list(tenant, query, one_more)
    return _listed([_shown(each) for each in found[: page.limit]], more=len(found) > page.limit)


@router.get("/{completion_id}", response_class=Response, responses=COMPLETION)
async def get_completion(completion_id: str, app: CurrentApp, tenant: Tenant) -> Response:
    return _answer(_shown(await app.transcripts.completions.get(tenant, completion_id)))


@router.post(
    "/{completion_id}",
    response_class=Response,
    responses=COMPLETION,
    openapi_extra=body_of(MetadataBody),
)
async def update_completion(
    completion_id: str, request: Request, app: CurrentApp, tenant: Tenant
) -> Response:
    """Replaces its metadata."""
    body = convert(known_fields(read_object(await request.body()), MetadataBody, ()), MetadataBody)
    metadata = read_metadata(body.metadata)
    return _answer(
        _shown(await app.transcripts.completions.update(tenant, completion_id, metadata))
    )


@router.delete(
    "/{completion_id}",
    response_class=Response,
    responses=answers("What is gone.", schema_of(DeletedObject)),
)
async def delete_completion(completion_id: str, app: CurrentApp, tenant: Tenant) -> Response:
    await app.transcripts.completions.delete(tenant, completion_id)
    return _answer(DeletedObject(completion_id, "chat.completion.deleted"))


@router.get(
    "/{completion_id}/messages",
    response_class=Response,
    responses=answers("A page of messages.", schema_of(StoredMessageList)),
)
async def list_messages(
    completion_id: str, app: CurrentApp, tenant: Tenant, page: AskedPage
) -> Response:
    """Those that it answers."""
    found = await app.transcripts.completions.messages(tenant, completion_id, page)
    return _listed([msgspec.json.decode(item.body) for item in found.items], more=found.more)


async def storing(
    app: App,
    tenant: TenantId,
    call: ChatCall,
    reply: Reply,
    events: AsyncGenerator[ChoiceEvent],
) -> AsyncGenerator[ChoiceEvent]:
    """The same events; at their end the completion is stored. StorageError where it cannot be."""
    told: list[ChoiceEvent] = []
    async with aclosing(events):
        async for event in events:
            told.append(event)
            yield event
    await store(app, tenant, call, reply.whole(told))


async def store(app: App, tenant: TenantId, call: ChatCall, whole: ChatCompletion) -> None:
    """Keep the completion, and the messages that it answers. StorageError where that cannot be."""
    made = StoredCompletion(
        tenant, whole.id, call.model, call.metadata or {}, encode(whole).decode()
    )
    messages = [
        StoredItem(id, msgspec.json.encode(_message(raw, id)).decode())
        for at, raw in enumerate(call.stored or ())
        for id in (f"{whole.id}-{at}",)
    ]
    await app.transcripts.completions.add(made, messages)


def _message(raw: Mapping[str, Any], id: str) -> Mapping[str, Any]:
    content: Any = raw.get("content")
    in_parts = isinstance(content, list)
    return {
        **raw,
        "id": id,
        "content": None if in_parts else content,
        "content_parts": content if in_parts else None,
        "name": raw.get("name"),
    }


def _shown(stored: StoredCompletion) -> Mapping[str, Any]:
    return {**msgspec.json.decode(stored.body), "metadata": stored.metadata}


def _listed(data: list[Any], *, more: bool) -> Response:
    ids = [each["id"] for each in data]
    return _answer(
        {
            "object": "list",
            "data": data,
            "first_id": ids[0] if ids else None,
            "last_id": ids[-1] if ids else None,
            "has_more": more,
        }
    )


def _answer(payload: Struct | Mapping[str, Any]) -> Response:
    return Response(encode(payload), media_type=JSON)
