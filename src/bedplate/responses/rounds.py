"""One call of a model, turned into items and events of the response it is part of."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bedplate.domain.chat import (
    ChatEvent,
    Finished,
    FinishReason,
    Passage,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    added,
)
from bedplate.markers import MarkerFilter
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.response import Grounded, IncompleteDetails
from bedplate.responses.searching import annotations


@dataclass(frozen=True, slots=True)
class OwnCall:
    """A call that is made here; its arguments come in pieces."""

    name: str
    pieces: list[str] = field(default_factory=list[str])

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Round:
    """`own` are the tools that are called here, as the model knows them; `passages` are those it was
    shown.
    """

    def __init__(self, draft: Draft, own: Collection[str], passages: Sequence[Passage]) -> None:
        self.first = len(draft.response.output)
        """How many items the response had before."""
        self.calls: list[OwnCall] = []
        """Of tools that are called here."""
        self.functions = False
        self.reason: FinishReason = "stop"
        self._draft = draft
        self._own = frozenset(own)
        self._passages = tuple(passages)
        # Without passages a bracket is whatever the model means by it.
        self._markers = MarkerFilter([each.number for each in passages]) if passages else None
        self._calling = False

    @property
    def cites(self) -> bool:
        """Whether there is anything that its text can cite."""
        return self._markers is not None

    def take(self, event: ChatEvent) -> Iterator[Event]:
        """Where it `cites`, `end_text` comes before what is no text."""
        yield from self._draft.begin()
        match event:
            case TextDelta(text, refusal=True):
                yield from self._draft.refuse(text)
            case TextDelta(text, logprobs):
                ready = self._markers.push(text) if self._markers else text
                if ready:
                    yield from self._draft.say(ready, logprobs)
            case ReasoningDelta(text):
                yield from self._draft.think(text)
            case ToolCallDelta():
                yield from self._called(event)
            case Finished():
                yield from self._finished(event)

    def end_text(self) -> tuple[Event, ...]:
        """The rest of a text that something else follows, and what it cites."""
        if self._markers is None:
            return ()
        rest = self._markers.finish()
        said = tuple(self._draft.say(rest)) if rest else ()
        text = self._draft.text
        return (*said, *self._draft.cite(annotations(text, self._passages))) if text else said

    def _called(self, part: ToolCallDelta) -> Iterator[Event]:
        if part.id:
            self._calling = part.name in self._own
            self.functions |= not self._calling
            if self._calling:
                self.calls.append(OwnCall(part.name))
        if self._calling:
            self.calls[-1].pieces.append(part.arguments)
        else:
            yield from self._draft.call(part)

    def _finished(self, end: Finished) -> Iterator[Event]:
        self._draft.usage = added(self._draft.usage, end.usage)
        self._draft.serve(end.extra.get("service_tier"))
        self.reason = end.reason
        yield from self._draft.close("incomplete" if end.reason == "length" else "completed")
        yield from self._draft.keep_thoughts(end.reasoning)


def closing(
    draft: Draft, reason: FinishReason, grounding: Grounded | None = None
) -> tuple[Event, ...]:
    match reason:
        case "length":
            return tuple(draft.cut_off(IncompleteDetails("max_output_tokens"), grounding))
        case "content_filter":
            return tuple(draft.cut_off(IncompleteDetails("content_filter"), grounding))
        case _:
            return tuple(draft.complete(grounding))
