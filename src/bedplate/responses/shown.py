"""What of responses, items and events is shown: some of it only where it was asked for."""

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from bedplate.responses.events import Event
from bedplate.responses.items import FileSearchCall, Item, Reasoning
from bedplate.responses.response import Response

Include = frozenset[str]
"""What was asked for, in OpenAI's words."""

RESULTS = "file_search_call.results"
THOUGHTS = "reasoning.encrypted_content"


def shown_item(item: Item, include: Include) -> Item:
    """Without search results and sealed thoughts that `include` does not name."""
    match item:
        case FileSearchCall() if RESULTS not in include:
            return structs.replace(item, results=None)
        case Reasoning() if THOUGHTS not in include:
            return structs.replace(item, encrypted_content=None)
        case _:
            return item


def shown_response(response: Response, include: Include) -> Response:
    output = tuple(shown_item(item, include) for item in response.output)
    return structs.replace(response, output=output)


def shown(event: Event, include: Include) -> Mapping[str, Any]:
    """What is sent as the event's data."""
    payload = dict(event.payload)
    if "item" in payload:
        payload["item"] = shown_item(payload["item"], include)
    elif "response" in payload:
        payload["response"] = shown_response(payload["response"], include)
    return payload
