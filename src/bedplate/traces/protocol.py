"""What a place for traces is: they are written in batches, found again, and forgotten after a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from bedplate.domain.ids import TenantId
from bedplate.domain.traces import EndedSpan, EndedTrace, Feedback, TraceSeries, TraceSummary

TraceState = Literal["ok", "error"]

MOST_LISTED = 200
MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """What is listed, newest first; all conditions together.

    `text` are words that the content holds, or names and ids of the trace do. `before` is the
    number of the last trace of the page before. `error` is the code of an error.
    """

    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    assistant: str | None = None
    key: str | None = None
    name: str | None = None
    state: TraceState | None = None
    error: str | None = None
    min_ms: float | None = None
    min_cost_usd: Decimal | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """The time to cover, and in how many points."""

    since: datetime
    until: datetime
    points: int = 60


class Charts(Protocol):
    async def series(self, tenant: TenantId, query: SeriesQuery) -> TraceSeries:
        """Over the newest 200,000 at most. InvalidInput for no time, or a number out of bounds."""
        ...


class Traces(Protocol):
    @property
    def charts(self) -> Charts: ...

    async def write(self, traces: Sequence[EndedTrace]) -> None:
        """In one transaction. StorageError or Unavailable: none of them is kept."""
        ...

    async def list(self, tenant: TenantId, query: TraceQuery) -> tuple[TraceSummary, ...]:
        """At most `query.limit`, newest first. InvalidInput for a limit that is out of bounds."""
        ...

    async def spans(self, tenant: TenantId, id: str) -> tuple[EndedSpan, ...]:
        """All of a trace by the time they began; NotFound for none of that tenant."""
        ...

    async def prune(self, before: datetime, *, max_bytes: int) -> int:
        """Forget what ended before, and the oldest as long as the file is larger; how many went."""
        ...

    async def add_feedback(self, tenant: TenantId, feedback: Feedback) -> None:
        """NotFound where the tenant has no such trace."""
        ...

    async def list_feedback(
        self, tenant: TenantId, *, since: datetime | None = None, limit: int = 1_000
    ) -> tuple[Feedback, ...]:
        """Oldest first."""
        ...
