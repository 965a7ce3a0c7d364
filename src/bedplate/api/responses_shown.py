"""What of a response and its items is sent: some of it only where it was asked for."""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import Any

from msgspec import structs

from bedplate.api.sse import encode_event
from bedplate.responses.events import Event
from bedplate.responses.items import FileSearchCall, Item, Reasoning
from bedplate.responses.response import Response

RESULTS = "file_search_call.results"
THOUGHTS = "reasoning.encrypted_content"


def shown_item(item: Any, include: Collection[str]) -> Any:
    """Without search results, probabilities and sealed thoughts that `include` does not name."""
    match item:
        case FileSearchCall() if RESULTS not in include:
            return structs.replace(item, results=None)
        case Reasoning() if THOUGHTS not in include:
            return structs.replace(item, encrypted_content=None)
        case _:
            return item


def shown_response(response: Response, include: Collection[str]) -> Response:
    output: tuple[Item, ...] = tuple(shown_item(item, include) for item in response.output)
    return structs.replace(response, output=output)


def encode_response_event(event: Event, include: Collection[str]) -> bytes:
    fields: Mapping[str, Any] = event.fields
    if "item" in fields:
        fields = {**fields, "item": shown_item(fields["item"], include)}
    elif "response" in fields:
        fields = {**fields, "response": shown_response(fields["response"], include)}
    payload = {"type": event.type, "sequence_number": event.number, **fields}
    return encode_event(payload, event.type)


async def encoded(events: AsyncGenerator[Event], include: Collection[str]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            yield encode_response_event(event, include)
