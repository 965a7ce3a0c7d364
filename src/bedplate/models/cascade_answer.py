"""What the small model of a cascade answered, held back until it was judged."""

import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from bedplate.models.protocol import MeteredModel

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """A whole answer. `end` is None where it was cut off, as it grew over what is held."""

    events: tuple[ChatEvent, ...]
    end: Finished | None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def plain(self) -> str:
        """The text on one line."""
        return _SPACE.sub(" ", self.text).strip()

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """The tools that it calls, each with its arguments as they are written."""
        names: dict[int, str] = {}
        arguments: dict[int, str] = {}
        for event in self.events:
            if isinstance(event, ToolCallDelta):
                names[event.index] = names.get(event.index, "") or event.name
                arguments[event.index] = arguments.get(event.index, "") + event.arguments
        return tuple((name, arguments[at]) for at, name in names.items())

    @property
    def said(self) -> str:
        """Text and tool calls as one text; arguments in one form, however they are spaced."""
        calls: list[str] = []
        for name, arguments in self.calls:
            try:
                calls.append(f"{name} {json.dumps(json.loads(arguments), sort_keys=True)}")
            except (ValueError, RecursionError):
                calls.append(f"{name} {arguments}")
        return " ".join([self.text.strip(), *calls]).strip()

    @property
    def mean_logprob(self) -> float | None:
        """Of its tokens; None where the model gave none."""
        tokens: list[TokenLogprob] = [
            token for e in self.events if isinstance(e, TextDelta) for token in e.logprobs
        ]
        return sum(token.logprob for token in tokens) / len(tokens) if tokens else None

    def shown(self, request: ChatRequest) -> Sequence[ChatEvent]:
        """The events as their reader asked for them: without logprobs that only a check wanted."""
        if request.logprobs is not None:
            return self.events
        return [replace(e, logprobs=()) if isinstance(e, TextDelta) else e for e in self.events]


async def hold(model: MeteredModel, request: ChatRequest, most: int) -> HeldAnswer:
    """The model's whole answer, but no more than `most` characters of it."""
    events: list[ChatEvent] = []
    size = 0
    stream: AsyncGenerator[ChatEvent] = model.stream(request)
    async with aclosing(stream):
        async for event in stream:
            match event:
                case Finished():
                    return HeldAnswer(tuple(events), event)
                case TextDelta(text=text) | ReasoningDelta(text=text):
                    size += len(text)
                case ToolCallDelta(arguments=text):
                    size += len(text)
            if size > most:
                break
            events.append(event)
    return HeldAnswer(tuple(events), None)
