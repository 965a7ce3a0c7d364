"""A trace: what one piece of work did, step by step, how long each took and what it came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from bedplate.domain.ids import DEFAULT_TENANT, TenantId

SpanKind = Literal["internal", "server", "client"]
"""What a step is to others: work inside, an answer to a client, or a question to a server."""

Value = str | int | float | bool

Content = Literal["off", "redacted", "full"]
"""What of prompts, answers and passages is kept: nothing, what a guard leaves of it, or all."""


@dataclass(frozen=True, slots=True)
class EndedSpan:
    """One step. `id` and `parent` are 16 hexadecimal digits, times nanoseconds (since 1970).

    `content` holds what people and models said, by attribute name, `attributes` everything else.
    `error` is the code of the error it ended with.
    """

    id: str
    parent: str | None
    name: str
    kind: SpanKind
    started: int
    took: int
    attributes: Mapping[str, Value] = field(default_factory=dict[str, Value])
    content: Mapping[str, str] = field(default_factory=dict[str, str])
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EndedTrace:
    """One request, ask, ingest or job, its root first.

    `id` is 32 hexadecimal digits; several that a client ties together have the same. `late` spans
    ended after their root was written: there is no root among them. `dropped` is how many spans
    were too many.
    """

    id: str
    spans: tuple[EndedSpan, ...]
    tenant: TenantId = DEFAULT_TENANT
    key: str | None = None
    assistant: str | None = None
    late: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A line of the list. Times to the first token and in all are in milliseconds.

    `number` counts up as traces are written. `cost_usd` is of the calls whose price is known,
    None where there was no call. `grounded` is the score of the answer, where one was checked, and
    `verdict` what its judge made of that.
    """

    number: int
    id: str
    span: str
    name: str
    started: datetime
    took_ms: float
    spans: int
    key: str | None = None
    assistant: str | None = None
    model: str | None = None
    status: int | None = None
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    ttft_ms: float | None = None
    grounded: float | None = None
    verdict: str | None = None


Rating = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody thought of an answer. `question` and `answer` are as the trace holds them."""

    id: str
    trace_id: str
    at: datetime
    rating: Rating | None = None
    correction: str | None = None
    comment: str | None = None
    key: str | None = None
    question: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class TracePoint:
    """What the traces that began in a stretch of time come to.

    Quantiles are None where nothing was measured. `tokens_per_second` is the median over answers, of
    output tokens after the first one until the end. `checked` answers were judged, with the mean score
    `grounded`; so many of them are `unsupported`.
    """

    at: datetime
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    took_p50_ms: float | None
    took_p99_ms: float | None
    ttft_p50_ms: float | None
    ttft_p99_ms: float | None
    tokens_per_second: float | None
    checked: int
    unsupported: int
    grounded: float | None


@dataclass(frozen=True, slots=True)
class TraceSeries:
    """Points that follow each other by `step`, and what they come to in all.

    Not `whole`: older traces were too many to look at.
    """

    step: timedelta
    whole: bool
    total: TracePoint
    points: tuple[TracePoint, ...]
