"""Traces as points over time, for charts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bedplate.domain.ids import TenantId
from bedplate.domain.money import from_micro
from bedplate.domain.traces import TracePoint, TraceSeries
from bedplate.errors import InvalidInput
from bedplate.sql import Row, Session, Sessions
from bedplate.traces.protocol import MOST_POINTS, SeriesQuery

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_LOOKED_AT = 200_000
"""Of the newest traces: a chart costs no more, however many there are."""

SELECT = """
SELECT started, took_ms, error, input_tokens, output_tokens, cost, ttft_ms, grounded
FROM trace WHERE tenant_id = ? AND listed = 1 ORDER BY id DESC LIMIT ?
"""


class SqlCharts:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def series(self, tenant: TenantId, query: SeriesQuery) -> TraceSeries:
        return await self._sessions.read(lambda session: _series(session, tenant, query))


def _series(session: Session, tenant: TenantId, query: SeriesQuery) -> TraceSeries:
    """Points of equal length that cover the time asked for; InvalidInput for one that is none."""
    if query.since >= query.until:
        raise InvalidInput(
            f"since is {query.since}, which is not before {query.until}.", param="since"
        )
    if not 1 <= query.points <= MOST_POINTS:
        raise InvalidInput(
            f"points is {query.points}; it must be 1 to {MOST_POINTS}.", param="points"
        )
    rows = session.select(SELECT, (tenant, MOST_LOOKED_AT + 1))
    first, last = _micros(query.since), _micros(query.until)
    step = max(1, math.ceil((last - first) / query.points))
    gathered = [_Gathered() for _ in range(query.points)]
    total = _Gathered()
    for row in rows[:MOST_LOOKED_AT]:
        if first <= row[0] < last:
            gathered[(row[0] - first) // step].add(row, query.under)
            total.add(row, query.under)
    whole = len(rows) <= MOST_LOOKED_AT or rows[-1][0] < first
    return TraceSeries(
        step=timedelta(microseconds=step),
        whole=whole,
        total=total.point(query.since),
        points=tuple(
            each.point(query.since + timedelta(microseconds=step * at))
            for at, each in enumerate(gathered)
        ),
    )


@dataclass(slots=True)
class _Gathered:
    requests: int = 0
    errors: int = 0
    sent: int = 0
    made: int = 0
    cost: int = 0
    took: list[float] = field(default_factory=list[float])
    ttft: list[float] = field(default_factory=list[float])
    speeds: list[float] = field(default_factory=list[float])
    grounded: list[float] = field(default_factory=list[float])
    under: int = 0

    def add(self, row: Row, under: float) -> None:
        _, took, error, sent, made, cost, ttft, grounded = row
        self.requests += 1
        self.errors += error is not None
        self.sent += sent
        self.made += made
        self.cost += cost or 0
        self.took.append(took)
        if ttft is not None:
            self.ttft.append(ttft)
            if made > 0 and took > ttft:
                self.speeds.append(made / (took - ttft) * 1_000)
        if grounded is not None:
            self.grounded.append(grounded)
            self.under += grounded < under

    def point(self, at: datetime) -> TracePoint:
        return TracePoint(
            at=at,
            requests=self.requests,
            errors=self.errors,
            input_tokens=self.sent,
            output_tokens=self.made,
            cost_usd=from_micro(self.cost),
            took_p50_ms=_quantile(self.took, 0.5),
            took_p99_ms=_quantile(self.took, 0.99),
            ttft_p50_ms=_quantile(self.ttft, 0.5),
            ttft_p99_ms=_quantile(self.ttft, 0.99),
            tokens_per_second=_quantile(self.speeds, 0.5),
            checked=len(self.grounded),
            under=self.under,
            grounded=_mean(self.grounded),
        )


def _quantile(values: Sequence[float], share: float) -> float | None:
    """The nearest rank: a value that was measured."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(math.fsum(known) / len(known), 4) if known else None


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
