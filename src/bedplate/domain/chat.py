"""A conversation with a model, as requests and streamed events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal, Protocol

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import OutputFormat, ToolCall, ToolChoice, ToolSpec

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """`url` is an https address or a `data:` URL; `detail` the wire's hint of how closely to look."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    `content` is its whole text. `parts` is empty, or the same text and the images between it in
    order. An assistant's message may hold `tool_calls`; a tool's answer names its call in
    `tool_call_id`, and `failed` says that its text is why the call failed. `reasoning` is what the provider wants back unchanged of its own thoughts, in
    its own form.
    """

    role: Role
    content: str
    parts: tuple[TextPart | ImagePart, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    reasoning: Any = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered source that an answer may cite as [number]; untrusted data, never instructions."""

    number: int
    hit: Hit


class TextSink(Protocol):
    """Takes pieces of an answer's text directly, past the layers between an adapter and its reader."""

    def take(self, texts: Sequence[str]) -> bool:
        """Whether all pieces were taken; False where they, and all that follows, are wanted as
        events.
        """
        ...

    def flush(self) -> bool:
        """Send what was taken, without waiting; False where a reader that is slow has to be waited
        for, by `leave`, before more is taken.
        """
        ...

    async def leave(self) -> None:
        """Send what was taken; a reader that is slow is waited for."""
        ...


@dataclass(slots=True)
class Unseen:
    """An answer that comes whole. While it is `under_way` it costs, and nothing shows how much; once
    it is there `whole`, nothing of it is waited for any more.
    """

    under_way: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One model call.

    `passages` repeats, structured, the sources that the messages already show as text: a model
    that quotes needs them so, others ignore them. `deadline` is a time on the event loop's clock
    after which the caller no longer waits. `asked` is the bare question where the last user message
    shows more than that, `whole` what it asks together with what was said before, where it leans on
    that: for models that read only one question. `logprobs` is how many likeliest tokens to report
    beside each chosen one, None for none at all. `knowledge` names the state of the collections that
    the passages are from, empty where it is not known. `whole_answer`: nobody reads the answer before
    it is whole, so that its pieces may be joined; `unstreamed`: nor does anything on its way, so
    that the provider may be asked for it whole. `sink` may be given pieces of text in place of events
    once the first event was read; it is there only where no layer needs to see them. `account` is
    who pays. `extra` holds wire
    fields that Bedplate does not know and hands through, `hints` those that change no answer, but how
    it is served: they are left out where the provider does not know them.
    """

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...] = ()
    asked: str = ""
    whole: str = ""
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    reasoning_effort: str | None = None
    logprobs: int | None = None
    deadline: float | None = None
    knowledge: str = ""
    whole_answer: bool = False
    unstreamed: Unseen | None = field(default=None, compare=False, repr=False)
    sink: TextSink | None = field(default=None, compare=False, repr=False)
    account: Account = LOCAL
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    hints: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def question(self) -> str:
        """What the user wants to know; empty when the user said nothing."""
        return self.asked or next(
            (m.content for m in reversed(self.messages) if m.role == "user"), ""
        )


_FIELDS = tuple(each.name for each in fields(ChatRequest))


def changed(request: ChatRequest, **values: Any) -> ChatRequest:
    """As dataclasses.replace, in less than half its time: each call is changed several times."""
    made = object.__new__(ChatRequest)
    put = object.__setattr__
    for name in _FIELDS:
        put(made, name, values[name] if name in values else getattr(request, name))
    return made


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, and what they cost.

    Of the input, `cached_tokens` were read from the provider's prompt cache and
    `cache_write_tokens` written to it; of the output, `reasoning_tokens` were thoughts. `estimated`
    when the model did not report the tokens; `cost_usd` is None where no price is known.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cost_usd: Decimal | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def added(one: Usage, other: Usage) -> Usage:
    """Both together; what they cost is known only where each is, and `Usage()` is nothing yet."""
    known = (one.cost_usd is not None or one == Usage()) and other.cost_usd is not None
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.estimated or other.estimated,
        (one.cost_usd or Decimal(0)) + (other.cost_usd or Decimal(0)) if known else None,
        one.cached_tokens + other.cached_tokens,
        one.cache_write_tokens + other.cache_write_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
    )


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token, the natural logarithm of its probability, and the likeliest others in order."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """`refusal`: the provider says that the model refuses, and this is how it puts it."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    refusal: bool = False


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Thoughts that the provider shows; not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A part of the call at `index`, counted from 0 in the order in which calls begin.

    The first of a call has its `id` and `name`, later ones only more of `arguments`. All parts of
    one call come before the first of the next. Each part of a custom tool's call says that it is
    `custom`.
    """

    index: int
    arguments: str = ""
    id: str = ""
    name: str = ""
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What was decided about a call on its way, and why: one line of its trace.

    `kind` is the stage: "route", "cascade", "key", "retry", "hedge", "fallback", "cache", "context",
    "budget", "guard"; `model` the configured name it is about.
    """

    kind: str
    model: str
    reason: str


def routed(notes: Iterable[Note]) -> str:
    """The models that routers and cascades chose, in order; empty where none did."""
    return " > ".join(note.model for note in notes if note.kind in ("route", "cascade"))


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream, exactly once.

    `model` is what the provider says answered; `reasoning` its thoughts in the form in which it
    wants them back (Message.reasoning); `extra` holds wire fields that are handed through, such as
    `system_fingerprint`; `notes` what happened to the call on its way, first things first. `whole`
    says that the answer did not stream, so that its first event came with its last.
    """

    reason: FinishReason
    usage: Usage
    model: str
    reasoning: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[Note, ...] = ()
    whole: bool = False


ChatEvent = TextDelta | ReasoningDelta | ToolCallDelta | Finished
