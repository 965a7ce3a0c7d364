"""/v1/conversations. Source: OpenAI API reference, "Conversations"."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from bedplate.api.conversations_requests import ConversationBody, ItemsBody, MetadataBody
from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.item_pages import AskedPage, Included, encode_page
from bedplate.api.metadata import read_metadata
from bedplate.api.openapi import JSON, answers, body_of, named_schema, schema_of
from bedplate.api.reading import convert, read_object, wrong
from bedplate.api.responses_calls import resolved
from bedplate.api.responses_items import read_input
from bedplate.api.responses_requests import known_fields
from bedplate.api.wire import DeletedObject
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.responses.items import Conversation, Item, ItemList, fresh_id
from bedplate.responses.keeping import item_of, stored_items
from bedplate.responses.shown import shown_item
from bedplate.transcripts.protocol import ItemPage, StoredConversation

MOST_AT_ONCE = 20
"""Items of one request, as with OpenAI."""

CONVERSATION = answers("The conversation.", schema_of(Conversation))
ITEMS = answers("A page of items.", schema_of(ItemList))

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


@router.post(
    "",
    response_class=Response,
    responses=CONVERSATION,
    openapi_extra=body_of(ConversationBody),
)
async def create_conversation(request: Request, app: CurrentApp, tenant: Tenant) -> Response:
    content = await request.body()
    body = convert(
        known_fields(read_object(content) if content else {}, ConversationBody, ()),
        ConversationBody,
    )
    items = await _items(app, tenant, body.items or ())
    metadata = read_metadata(body.metadata)
    made = StoredConversation(
        tenant,
        fresh_id("conv"),
        datetime.now(UTC).replace(microsecond=0),
        msgspec.json.encode(metadata).decode(),
    )
    await app.transcripts.conversations.create(made, stored_items(items))
    return _answer(made)


@router.get("/{conversation_id}", response_class=Response, responses=CONVERSATION)
async def get_conversation(conversation_id: str, app: CurrentApp, tenant: Tenant) -> Response:
    return _answer(await app.transcripts.conversations.get(tenant, conversation_id))


@router.post(
    "/{conversation_id}",
    response_class=Response,
    responses=CONVERSATION,
    openapi_extra=body_of(MetadataBody),
)
async def update_conversation(
    conversation_id: str, request: Request, app: CurrentApp, tenant: Tenant
) -> Response:
    """Replaces its metadata."""
    body = convert(known_fields(read_object(await request.body()), MetadataBody, ()), MetadataBody)
    metadata = msgspec.json.encode(read_metadata(body.metadata)).decode()
    return _answer(await app.transcripts.conversations.update(tenant, conversation_id, metadata))


@router.delete(
    "/{conversation_id}",
    response_class=Response,
    responses=answers("What is gone.", schema_of(DeletedObject)),
)
async def delete_conversation(conversation_id: str, app: CurrentApp, tenant: Tenant) -> Response:
    """With its items."""
    await app.transcripts.conversations.delete(tenant, conversation_id)
    return _json(DeletedObject(conversation_id, "conversation.deleted"))


@router.post(
    "/{conversation_id}/items",
    response_class=Response,
    responses=ITEMS,
    openapi_extra=body_of(ItemsBody),
)
async def create_items(
    conversation_id: str,
    request: Request,
    app: CurrentApp,
    tenant: Tenant,
    include: Included,
) -> Response:
    """Adds up to 20 items after those that are there."""
    body = convert(
        known_fields(read_object(await request.body()), ItemsBody, {"include"}), ItemsBody
    )
    items = stored_items(await _items(app, tenant, body.items))
    await app.transcripts.items.add(tenant, conversation_id, items)
    return Response(encode_page(ItemPage(items, more=False), include), media_type=JSON)


@router.get("/{conversation_id}/items", response_class=Response, responses=ITEMS)
async def list_items(
    conversation_id: str,
    app: CurrentApp,
    tenant: Tenant,
    page: AskedPage,
    include: Included,
) -> Response:
    found = await app.transcripts.items.page(tenant, conversation_id, page)
    return Response(encode_page(found, include), media_type=JSON)


@router.get(
    "/{conversation_id}/items/{item_id}",
    response_class=Response,
    responses=answers("The item.", named_schema("Item")),
)
async def get_item(
    conversation_id: str,
    item_id: str,
    app: CurrentApp,
    tenant: Tenant,
    include: Included,
) -> Response:
    found = item_of(await app.transcripts.items.get(tenant, conversation_id, item_id))
    return _json(shown_item(found, include))


@router.delete(
    "/{conversation_id}/items/{item_id}", response_class=Response, responses=CONVERSATION
)
async def delete_item(
    conversation_id: str, item_id: str, app: CurrentApp, tenant: Tenant
) -> Response:
    """The conversation without it."""
    await app.transcripts.items.delete(tenant, conversation_id, item_id)
    return _answer(await app.transcripts.conversations.get(tenant, conversation_id))


async def _items(
    app: App, tenant: TenantId, given: Sequence[Mapping[str, Any]]
) -> tuple[Item, ...]:
    if len(given) > MOST_AT_ONCE:
        raise wrong("items", f"expected at most {MOST_AT_ONCE} items, got {len(given)}")
    return await resolved(app, tenant, read_input(list(given), "items"), "items")


def _answer(stored: StoredConversation) -> Response:
    metadata = msgspec.json.decode(stored.metadata, type=dict[str, str])
    created = int(stored.created_at.timestamp())
    return _json(Conversation(stored.id, created, metadata))


def _json(payload: Any) -> Response:
    return Response(msgspec.json.encode(payload), media_type=JSON)
