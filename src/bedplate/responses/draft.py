"""A response while it is being made: what models and searches say becomes items and events."""

import base64
import binascii
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from bedplate.domain.chat import TokenLogprob, ToolCallDelta, Usage
from bedplate.responses.events import Event, Lifecycle, Numbering, Said
from bedplate.responses.items import FileSearchCall, FileSearchResult, Item, ItemStatus, item_id
from bedplate.responses.open_items import (
    OpenCall,
    OpenCustomCall,
    OpenItem,
    OpenMessage,
    OpenReasoning,
    OpenRefusal,
    Shown,
)
from bedplate.responses.response import (
    Grounded,
    IncompleteDetails,
    Response,
    ResponseError,
    response_usage,
)

TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})


class Draft:
    """One response from its first event to its last. At most one item is open at a time."""

    def __init__(self, response: Response, *, thoughts: Shown = "content", first: int = 0) -> None:
        """`response` is as yet without output; `first` is the number of the next event."""
        self._response = response
        self._thoughts: Shown = thoughts
        self._numbering = Numbering(first)
        self._begun = False
        self._done: list[Item] = []
        self._open: OpenItem | None = None
        self._thought: OpenReasoning | None = None
        self._searching: FileSearchCall | None = None
        self._behind: list[Callable[[], Iterator[Event]]] = []
        """What was said while a call was open, in order."""
        self.usage = Usage()

    @property
    def response(self) -> Response:
        """As far as it has come; items that are not yet whole are left out."""
        return msgspec.structs.replace(self._response, output=tuple(self._done))

    @property
    def text(self) -> str:
        """Of the message that is being written."""
        return self._open.text if isinstance(self._open, OpenMessage) else ""

    def queue(self) -> Iterator[Event]:
        """Its first events where it has to wait."""
        self._response = msgspec.structs.replace(self._response, status="queued")
        yield from self._lifecycle("created")
        yield from self._lifecycle("queued")

    def begin(self) -> Iterator[Event]:
        """The events with which the work on it begins; nothing where it has begun."""
        if self._begun:
            return
        self._begun = True
        queued = self._response.status == "queued"
        self._response = msgspec.structs.replace(self._response, status="in_progress")
        if not queued:
            yield from self._lifecycle("created")
        yield from self._lifecycle("in_progress")

    def say(self, text: str, logprobs: Sequence[TokenLogprob] = ()) -> Iterator[Event]:
        if self._is_calling:
            self._behind.append(partial(self.say, text, logprobs))
            return
        message = self._open
        if not isinstance(message, OpenMessage):
            message = OpenMessage(self._next_index)
            yield from self._opened(message)
        yield from self._numbering.number(message.push(text, logprobs))

    def refuse(self, text: str) -> Iterator[Event]:
        if self._is_calling:
            self._behind.append(partial(self.refuse, text))
            return
        message = self._open
        if not isinstance(message, OpenRefusal):
            message = OpenRefusal(self._next_index)
            yield from self._opened(message)
        yield from self._numbering.number(message.push(text))

    def cite(self, annotations: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
        """What the message that is open cites."""
        if isinstance(self._open, OpenMessage):
            yield from self._numbering.number(self._open.cite(annotations))

    def think(self, text: str) -> Iterator[Event]:
        if self._is_calling:
            self._behind.append(partial(self.think, text))
            return
        thought = self._open
        if not isinstance(thought, OpenReasoning):
            thought = OpenReasoning(self._next_index, self._thoughts)
            yield from self._opened(thought)
        yield from self._numbering.number(thought.push(text))

    def call(self, part: ToolCallDelta) -> Iterator[Event]:
        """A part of a call of the client's tool; the first of a call has its id."""
        if part.id:
            kind = OpenCustomCall if part.custom else OpenCall
            yield from self._opened(kind(self._next_index, part.id, part.name))
        if isinstance(self._open, OpenCall | OpenCustomCall):
            yield from self._numbering.number(self._open.push(part.arguments))
        if self._behind and not self._is_calling:
            yield from self._caught_up()

    def serve(self, tier: object) -> None:
        """How the model's server says that it served the call; other words than OpenAI's are its own."""
        if isinstance(tier, str) and tier in TIERS:
            self._response = msgspec.structs.replace(self._response, service_tier=tier)

    def keep_thoughts(self, reasoning: Any) -> Iterator[Event]:
        """The thoughts of a model call that ended, as its provider wants them back."""
        opaque, thought, self._thought = sealed(reasoning), self._thought, None
        if opaque is None:
            return
        if thought is None:
            yield from self._opened(OpenReasoning(self._next_index, self._thoughts, opaque))
            yield from self.close()
            self._thought = None
            return
        thought.opaque = opaque
        for at, item in enumerate(self._done):
            if item.id == thought.id:
                self._done[at] = thought.made

    def start_tool(self, item: Item, told: Sequence[str] = ()) -> Iterator[Event]:
        """The first events of a tool that is used here; `end_tool` must follow."""
        yield from self.close()
        at = {"output_index": self._next_index, "item_id": item.id}
        first = Said("output_item.added", {"output_index": at["output_index"], "item": item})
        yield from self._numbering.number((first, *(Said(name, at) for name in told)))

    def tell_tool(self, item: Item, name: str, **fields: Any) -> Iterator[Event]:
        """An event of the tool that was started last."""
        at = {"output_index": self._next_index, "item_id": item.id}
        yield from self._numbering.number([Said(name, {**at, **fields})])

    def end_tool(self, item: Item, *told: str) -> Iterator[Event]:
        """Its last events: the item is part of the response from here on."""
        at = {"output_index": self._next_index, "item_id": item.id}
        last = Said("output_item.done", {"output_index": at["output_index"], "item": item})
        self._done.append(item)
        yield from self._numbering.number((*(Said(name, at) for name in told), last))

    def start_search(self, queries: Sequence[str]) -> Iterator[Event]:
        """`end_search` must follow."""
        self._searching = FileSearchCall(tuple(queries), "in_progress", item_id(FileSearchCall))
        told = ("file_search_call.in_progress", "file_search_call.searching")
        yield from self.start_tool(self._searching, told)

    def end_search(self, results: Sequence[FileSearchResult]) -> Iterator[Event]:
        if self._searching is None:
            raise AssertionError("a search ends after its beginning")
        begun, self._searching = self._searching, None
        call = msgspec.structs.replace(begun, status="completed", results=tuple(results))
        yield from self.end_tool(call, "file_search_call.completed")

    def close(self, status: ItemStatus = "completed") -> Iterator[Event]:
        """End the item that is open, if any."""
        if self._open is not None:
            yield from self._numbering.number(self._open.end(status))
            self._done.append(self._open.made)
            self._open = None
        if self._behind:
            yield from self._caught_up()
            yield from self.close(status)

    def complete(self, grounding: Grounded | None = None) -> Iterator[Event]:
        yield from self.close()
        self._ground(grounding)
        yield from self._ended("completed", completed_at=int(time.time()))

    def cut_off(
        self, details: IncompleteDetails, grounding: Grounded | None = None
    ) -> Iterator[Event]:
        yield from self.close("incomplete")
        self._ground(grounding)
        yield from self._ended("incomplete", incomplete_details=details)

    def fail(self, error: ResponseError) -> Iterator[Event]:
        """What is open stays as it is: its end is not known."""
        if self._open is not None:
            self._done.append(msgspec.structs.replace(self._open.made, status="incomplete"))
            self._open = None
        yield from self._ended("failed", error=error)

    def cancelled(self) -> Response:
        """The response, cut short by whoever asked for it; there is no event for that."""
        if self._open is not None:
            self._done.append(msgspec.structs.replace(self._open.made, status="incomplete"))
            self._open = None
        return msgspec.structs.replace(self.response, status="cancelled")

    @property
    def _is_calling(self) -> bool:
        """Whether a call is open whose arguments have yet to come to their end: servers write other
        things in between, which have to wait, as an item is told in one piece.
        """
        return isinstance(self._open, OpenCall) and not self._open.whole

    def _caught_up(self) -> Iterator[Event]:
        behind, self._behind = self._behind, []
        for said in behind:
            yield from said()

    @property
    def _next_index(self) -> int:
        return len(self._done) + (self._open is not None)

    def _ground(self, grounding: Grounded | None) -> None:
        if grounding is not None:
            self._response = msgspec.structs.replace(self._response, bedplate=grounding)

    def _opened(self, item: OpenItem) -> Iterator[Event]:
        yield from self.close()
        self._open = item
        if isinstance(item, OpenReasoning):
            self._thought = item
        yield from self._numbering.number(item.begin())

    def _ended(self, name: Lifecycle, **fields: Any) -> Iterator[Event]:
        usage = None if self.usage == Usage() and name == "failed" else response_usage(self.usage)
        self._response = msgspec.structs.replace(self._response, status=name, usage=usage, **fields)
        yield from self._lifecycle(name)

    def _lifecycle(self, name: Lifecycle) -> Iterator[Event]:
        yield from self._numbering.number([Said(name, {"response": self.response})])


def sealed(reasoning: Any) -> str | None:
    """A provider's thoughts as one opaque text; None where there are none."""
    if reasoning is None:
        return None
    return base64.b64encode(msgspec.json.encode(reasoning)).decode("ascii")


def unsealed(content: str | None) -> Any:
    """What was `sealed`; None for anything else: the text comes back from the client."""
    with suppress(ValueError, binascii.Error):
        return json.loads(base64.b64decode(content or "", validate=True)) if content else None
    return None
