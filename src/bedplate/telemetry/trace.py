"""The trace of the work in hand, and its steps. Ids are those of W3C Trace Context
(https://www.w3.org/TR/trace-context/).

with span("retrieval") as step:
    step.set(COLLECTION, name)
    step.content(QUERY, text)

A span that no other encloses begins a trace. What it costs where nobody records is two looks at a
context variable.
"""

import asyncio
import random
import re
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self

from bedplate.domain.accounts import Account
from bedplate.domain.chat import Message
from bedplate.domain.traces import SpanKind
from bedplate.errors import BedplateError

MOST_SPANS = 2_000
"""Of one trace; further ones are counted."""

CUT_OFF = "cut_off"
"""The error of a step whose reader left."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_current: "ContextVar[Span | None]" = ContextVar("span", default=None)
_ambient: "ContextVar[Recorder | None]" = ContextVar("recorder", default=None)
# Ids must differ, not be hard to guess: whoever may read a trace is decided by the tenant.
_random = random.SystemRandom()
_bits = random.Random(_random.getrandbits(256)).getrandbits  # noqa: S311


Said = str | Sequence[Message] | Sequence[Mapping[str, Any]]
"""A text, a conversation, or records whose texts are content."""


class Recorder(Protocol):
    """Takes traces whose root has ended, at once."""

    content_characters: int
    """The most that is kept of one text; 0 keeps none."""

    def offer(self, trace: "Trace") -> None: ...

    def offer_late(self, span: "Span") -> None:
        """One that ended after its root did."""
        ...


class Trace:
    """What the steps of one piece of work have in common."""

    __slots__ = ("account", "characters", "dropped", "ended", "id", "recorder", "remote", "spans")

    def __init__(self, id: str, remote: str | None, recorder: Recorder | None) -> None:
        """`remote` is the span of another process that it belongs to."""
        self.id = id
        self.remote = remote
        self.recorder = recorder
        self.spans: list[Span] = []
        self.account: Account | None = None
        self.ended = False
        self.dropped = 0
        self.characters = 0

    def add(self, span: "Span") -> None:
        recorder = self.recorder
        if recorder is None:
            return
        if span.parent is None:
            self.ended = True
            self.spans.insert(0, span)
            recorder.offer(self)
        elif self.ended:
            recorder.offer_late(span)
        elif len(self.spans) < MOST_SPANS:
            self.spans.append(span)
        else:
            self.dropped += 1


class Span:
    """A step, from when it is entered to when it is left. Its own task alone touches it."""

    __slots__ = (
        "_begun",
        "attributes",
        "contents",
        "error",
        "id",
        "kind",
        "name",
        "parent",
        "started",
        "took",
        "trace",
    )

    def __init__(self, trace: Trace, parent: "Span | None", name: str, kind: SpanKind) -> None:
        self.trace = trace
        self.parent = parent
        self.name = name
        self.kind: SpanKind = kind
        self.id = _bits(64)
        self.attributes: dict[str, Any] = {}
        self.contents: dict[str, Said] | None = None
        self.error: str | None = None
        self.started = time.time_ns()
        self._begun = time.perf_counter_ns()
        self.took = 0

    def set(self, name: str, value: Any) -> None:
        """A number, a text, or data that JSON can hold, which is not changed afterwards. No content."""
        self.attributes[name] = value

    def content(self, name: str, value: Said) -> None:
        """What somebody said: kept, if at all, as the configuration allows."""
        recorder = self.trace.recorder
        if recorder is None or not recorder.content_characters:
            return
        kept, size = shortened(value, recorder.content_characters)
        self.trace.characters += size
        if self.contents is None:
            self.contents = {}
        self.contents[name] = kept

    def bill(self, account: Account) -> None:
        """Whose work it is; key and assistant are those that anybody knew of."""
        known = self.trace.account
        if known is None:
            self.trace.account = account
        elif (account.key and not known.key) or (account.assistant and not known.assistant):
            self.trace.account = replace(
                account,
                key=account.key or known.key,
                assistant=account.assistant or known.assistant,
            )

    @property
    def records(self) -> bool:
        """Whether anybody will see what is set."""
        return self.trace.recorder is not None

    def __enter__(self) -> Self:
        _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # Not reset(): a stream may be closed by another task than the one that began it.
        if _current.get() is self:
            _current.set(self.parent)
        if error is not None and self.error is None:
            self.error = _code(error)
        self.took = time.perf_counter_ns() - self._begun
        self.trace.add(self)


def span(name: str, kind: SpanKind = "internal") -> Span:
    """The next step of the work in hand, to be entered; the root of a new trace where there is none."""
    parent = _current.get()
    if parent is None:
        return Span(Trace(new_trace_id(), None, _ambient.get()), None, name, kind)
    return Span(parent.trace, parent, name, kind)


def begun(
    name: str, kind: SpanKind, traceparent: str | None = None, recorder: Recorder | None = None
) -> Span:
    """A root, to be entered: of the trace that `traceparent` names, or of a new one."""
    identifier, remote = _sent(traceparent)
    trace = Trace(identifier or new_trace_id(), remote, recorder or _ambient.get())
    return Span(trace, None, name, kind)


def trace_id() -> str:
    """32 hexadecimal digits; empty outside of any trace."""
    current = _current.get()
    return "" if current is None else current.trace.id


def current_span() -> Span | None:
    """The step that is under way."""
    return _current.get()


@contextmanager
def trace(traceparent: str | None = None, *, name: str = "work") -> Generator[str]:
    """Work under one trace: the one `traceparent` names, the one already there, or a new one."""
    identifier, _ = _sent(traceparent)
    if identifier is None and (known := trace_id()):
        yield known
        return
    outer = _current.get()
    root = begun(name, "internal", traceparent)
    try:
        with root:
            yield root.trace.id
    finally:
        if _current.get() is None:
            _current.set(outer)


@contextmanager
def recorded_by(recorder: Recorder) -> Generator[None]:
    """Traces that begin within are told to the recorder."""
    outer = _ambient.get()
    _ambient.set(recorder)
    try:
        yield
    finally:
        _ambient.set(outer)


def recorder_in_use() -> Recorder | None:
    """That of `recorded_by`, for work that will run elsewhere."""
    return _ambient.get()


def new_trace_id() -> str:
    return f"{_bits(128) or 1:032x}"


def shortened(value: Said, most: int) -> tuple[Said, int]:
    """As much of it as `most` characters hold, and how many it has; of messages, the last first."""
    if isinstance(value, str):
        return value[:most], min(len(value), most)
    sizes = [_size(each) for each in value]
    if sum(sizes) <= most:
        return value, sum(sizes)
    kept: list[Any] = []
    left = most
    for each, size in zip(reversed(value), reversed(sizes), strict=True):
        kept.append(_cut(each, left))
        left = max(0, left - size)
    return kept[::-1], most


def _size(each: Message | Mapping[str, Any]) -> int:
    if isinstance(each, Message):
        return len(each.content) + sum(len(call.arguments) for call in each.tool_calls)
    return sum(len(inner) for inner in each.values() if isinstance(inner, str))


def _cut(each: Message | Mapping[str, Any], most: int) -> Message | Mapping[str, Any]:
    if isinstance(each, Message):
        calls = tuple(replace(call, arguments=call.arguments[:most]) for call in each.tool_calls)
        return replace(each, content=each.content[:most], parts=(), tool_calls=calls)
    return {name: v[:most] if isinstance(v, str) else v for name, v in each.items()}


def _sent(traceparent: str | None) -> tuple[str | None, str | None]:
    """Ids of trace and span; nothing of a header that is none."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or match.group(1) == "0" * 32 or match.group(2) == "0" * 16:
        return None, None
    if traceparent and traceparent.startswith("ff"):
        return None, None
    return match.group(1), match.group(2)


def _code(error: BaseException) -> str:
    match error:
        case BedplateError():
            return error.code
        case GeneratorExit():
            return CUT_OFF
        case asyncio.CancelledError():
            return "cancelled"
        case _:
            return type(error).__name__
