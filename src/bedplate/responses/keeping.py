"""Responses and items as they are kept, and back."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from bedplate.domain.ids import TenantId
from bedplate.responses.items import Item
from bedplate.responses.response import Response
from bedplate.transcripts.protocol import StoredItem, StoredResponse

_encode = msgspec.json.Encoder().encode
_item = msgspec.json.Decoder(Item)
_response = msgspec.json.Decoder(Response)


def stored_item(item: Item) -> StoredItem:
    if item.id is None:
        raise AssertionError("every item that is kept has an id")
    return StoredItem(item.id, _encode(item).decode())


def stored_items(items: Iterable[Item]) -> tuple[StoredItem, ...]:
    return tuple(stored_item(item) for item in items)


def item_of(stored: StoredItem) -> Item:
    return _item.decode(stored.body)


def items_of(stored: Iterable[StoredItem]) -> tuple[Item, ...]:
    return tuple(item_of(item) for item in stored)


def stored_response(
    tenant: TenantId, response: Response, input: Sequence[Item] = ()
) -> StoredResponse:
    """`input` is its own, without what it goes on from."""
    return StoredResponse(
        tenant,
        response.id,
        datetime.fromtimestamp(response.created_at, UTC),
        response.status,
        _encode(msgspec.structs.replace(response, output=())).decode(),
        stored_items(input),
        stored_items(response.output),
        response.previous_response_id,
        response.conversation.id if response.conversation else None,
        response.background,
    )


def response_of(stored: StoredResponse) -> Response:
    kept = _response.decode(stored.body)
    return msgspec.structs.replace(kept, output=items_of(stored.output))
