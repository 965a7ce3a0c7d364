"""A conversation with a model, as requests and streamed events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from bedplate.domain.retrieval import Hit

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered source that an answer may cite as [number]; untrusted data, never instructions."""

    number: int
    hit: Hit


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One model call.

    `passages` repeats, structured, the sources that the messages already show as text: a model
    that quotes needs them so, others ignore them. `deadline` is a time on the event loop's clock
    after which the caller no longer waits. `asked` is the bare question where the last user message
    shows more than that. `extra` holds wire fields that Bedplate does not know
    and hands through.
    """

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...] = ()
    asked: str = ""
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    deadline: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def question(self) -> str:
        """What the user wants to know; empty when the user said nothing."""
        return self.asked or next(
            (m.content for m in reversed(self.messages) if m.role == "user"), ""
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, and what they cost.

    `estimated` when the model did not report the tokens; `cost_usd` is None where no price is
    known.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cost_usd: Decimal | None = None

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream, exactly once. `model` is what the provider says answered."""

    reason: FinishReason
    usage: Usage
    model: str


ChatEvent = TextDelta | Finished
