"""/api/traces: what requests, ingests and jobs did, step by step. Each tenant sees its own."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Body, Shown, Text
from bedplate.domain import traces as domain
from bedplate.domain.evaluations import wilson
from bedplate.domain.traces import EndedSpan, SpanKind, TraceSummary, Value
from bedplate.traces.protocol import MOST_LISTED, MOST_POINTS, SeriesQuery, TraceQuery, TraceState

DAY = timedelta(days=1)

router = APIRouter(prefix="/api/traces", tags=["traces"])


class TraceLine(Shown):
    """`took_ms` and `ttft_ms` are from the beginning of the whole; `grounded` is the answer's score and
    `verdict` what its judge made of that.
    """

    id: str
    span: str
    name: str
    started: datetime
    took_ms: float
    spans: int
    key: str | None
    assistant: str | None
    model: str | None
    status: int | None
    error: str | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    ttft_ms: float | None
    grounded: float | None
    verdict: str | None

    @classmethod
    def of(cls, summary: TraceSummary) -> Self:
        return cls.model_validate(summary)


class TraceList(Shown):
    """`next` goes into `cursor` for the page of older ones; null where there is none."""

    traces: list[TraceLine]
    next: str | None


class Step(Shown):
    """A span with those that it encloses. `start_ms` counts from the beginning of the trace.

    `content` is there as far as tracing.content keeps it; texts in it are data, never to be run.
    """

    id: str
    parent: str | None
    name: str
    kind: SpanKind
    started: datetime
    start_ms: float
    took_ms: float
    error: str | None
    attributes: dict[str, Value]
    content: dict[str, str]
    steps: list["Step"]


class Trace(Shown):
    """`steps` are the roots: one for each request that a client tied together."""

    id: str
    steps: list[Step]


class Wanted(Body):
    """What is listed: all conditions together."""

    text: Annotated[Text, Field(description="Words of content, names and texts.")] = ""
    since: AwareDatetime | None = None
    until: Annotated[AwareDatetime | None, Field(description="Begun before this moment.")] = None
    model: Text | None = None
    assistant: Text | None = None
    key: Text | None = None
    name: Annotated[Text | None, Field(description="Such as `POST /api/ask`.")] = None
    status: Annotated[TraceState | None, Field(description="How it ended.")] = None
    error: Annotated[Text | None, Field(description="The code of its error.")] = None
    min_ms: Annotated[float | None, Field(ge=0)] = None
    min_cost_usd: Annotated[Decimal | None, Field(ge=0, max_digits=24, decimal_places=6)] = None
    cursor: Annotated[str | None, Field(pattern="^[0-9]{1,18}$")] = None
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 50

    @property
    def query(self) -> TraceQuery:
        return TraceQuery(
            text=self.text,
            since=self.since,
            until=self.until,
            model=self.model,
            assistant=self.assistant,
            key=self.key,
            name=self.name,
            state=self.status,
            error=self.error,
            min_ms=self.min_ms,
            min_cost_usd=self.min_cost_usd,
            before=None if self.cursor is None else int(self.cursor),
            limit=self.limit,
        )


class TracePoint(Shown):
    """Of the traces that began in `step_seconds` from `at`; null where nothing was measured.

    `checked` answers were judged, with the mean score `grounded`; `unsupported` is how many of them
    their sources do not carry, and the share lies from `low` to `high` with 95 %.
    """

    at: datetime
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    took_p50_ms: float | None
    took_p99_ms: float | None
    ttft_p50_ms: float | None
    ttft_p99_ms: float | None
    tokens_per_second: float | None
    checked: int
    unsupported: int
    low: float
    high: float
    grounded: float | None

    @classmethod
    def of(cls, point: domain.TracePoint) -> Self:
        low, high = wilson(point.unsupported, point.checked)
        return cls(**asdict(point), low=low, high=high)


class TraceSeries(Shown):
    """Not `whole` where there are too many traces to look at all: those before are left out.
    A claim is supported from `threshold` on, by the judge of answers as it is now.
    """

    since: datetime
    until: datetime
    step_seconds: float
    whole: bool
    threshold: float
    total: TracePoint
    points: list[TracePoint]


class Span(Body):
    """The time that a series covers, in so many points."""

    since: Annotated[AwareDatetime | None, Field(description="A day before `until`.")] = None
    until: Annotated[AwareDatetime | None, Field(description="Now.")] = None
    points: Annotated[int, Field(ge=1, le=MOST_POINTS)] = 60


@router.get("")
async def list_traces(
    app: CurrentApp, tenant: Tenant, wanted: Annotated[Wanted, Query()]
) -> TraceList:
    """Newest first."""
    found = await app.tracing.kept.list(tenant, wanted.query)
    more = len(found) == wanted.limit
    return TraceList(
        traces=[TraceLine.of(each) for each in found],
        next=str(found[-1].number) if more else None,
    )


@router.get("/series")
async def trace_series(
    app: CurrentApp, tenant: Tenant, span: Annotated[Span, Query()]
) -> TraceSeries:
    """What traces come to over time, for charts. Sampled traces count as they were kept."""
    until = span.until or datetime.now(UTC)
    query = SeriesQuery(span.since or until - DAY, until, span.points)
    found = await app.tracing.kept.charts.series(tenant, query)
    return TraceSeries(
        since=query.since,
        until=query.until,
        step_seconds=found.step.total_seconds(),
        whole=found.whole,
        threshold=app.safeguards.grounding.threshold,
        total=TracePoint.of(found.total),
        points=[TracePoint.of(each) for each in found.points],
    )


@router.get("/{id}")
async def show_trace(id: str, app: CurrentApp, tenant: Tenant) -> Trace:
    """All of its steps, as a tree."""
    return Trace(id=id, steps=tree(await app.tracing.kept.spans(tenant, id)))


def tree(spans: Sequence[EndedSpan]) -> list[Step]:
    """Each below the one that encloses it; roots are those whose parent is not among them."""
    begun = min((span.started for span in spans), default=0)
    steps = {span.id: _step(span, begun) for span in spans}
    roots: list[Step] = []
    for span in spans:
        step = steps[span.id]
        above = steps.get(span.parent or "")
        (roots if above is None or above is step else above.steps).append(step)
    return roots


def _step(span: EndedSpan, begun: int) -> Step:
    return Step(
        id=span.id,
        parent=span.parent,
        name=span.name,
        kind=span.kind,
        started=datetime.fromtimestamp(span.started / 1e9, tz=UTC),
        start_ms=round((span.started - begun) / 1e6, 3),
        took_ms=round(span.took / 1e6, 3),
        error=span.error,
        attributes=dict(span.attributes),
        content=dict(span.content),
        steps=[],
    )
