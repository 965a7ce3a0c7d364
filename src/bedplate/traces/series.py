"""Traces as points over time, for charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.ids import TenantId
from bedplate.domain.money import from_micro
from bedplate.domain.traces import TracePoint, TraceSeries
from bedplate.errors import InvalidInput
from bedplate.sql import Row, Session, Sessions
from bedplate.traces.protocol import MOST_POINTS, SeriesQuery

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_LOOKED_AT = 200_000
"""The newest of the time that is asked for: a chart costs no more, however many there are."""

SELECT = """
SELECT (started - ?) / ?, count(*), count(error), sum(input_tokens), sum(output_tokens), sum(cost),
  count(grounded), sum(grounded), sum(verdict = 'unsupported'),
  group_concat(took_ms), group_concat(ttft_ms),
  group_concat(CASE WHEN output_tokens > 0 AND took_ms > ttft_ms
    THEN output_tokens * 1000.0 / (took_ms - ttft_ms) END)
FROM (
  SELECT started, took_ms, error, input_tokens, output_tokens, cost, ttft_ms, grounded, verdict
  FROM trace WHERE tenant_id = ? AND listed = 1 AND started >= ? AND started < ?
  ORDER BY started DESC LIMIT ?
) GROUP BY 1
"""
"""Sums are made here, quantiles outside: a row for each trace would cost ten times as much."""

Numbers = NDArray[np.float64]


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
    first, last = _micros(query.since), _micros(query.until)
    step = max(1, math.ceil((last - first) / query.points))
    values = (first, step, tenant, first, last, MOST_LOOKED_AT + 1)
    found = {int(row[0]): _Gathered.of(row) for row in session.select(SELECT, values)}
    total = _Gathered.together(list(found.values()))
    return TraceSeries(
        step=timedelta(microseconds=step),
        whole=total.requests <= MOST_LOOKED_AT,
        total=total.point(query.since),
        points=tuple(
            found.get(at, NOTHING).point(query.since + timedelta(microseconds=step * at))
            for at in range(query.points)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What the traces of a stretch come to; `score` is the sum of the scores, numbers are in order."""

    requests: int
    errors: int
    sent: int
    made: int
    cost: int
    checked: int
    score: float
    unsupported: int
    took: Numbers
    ttft: Numbers
    speeds: Numbers

    @classmethod
    def of(cls, row: Row) -> Self:
        _, *sums, took, ttft, speeds = row
        requests, errors, sent, made, cost, checked, score, unsupported = (
            each or 0 for each in sums
        )
        return cls(
            requests, errors, sent, made, cost, checked, float(score), unsupported,
            _numbers(took), _numbers(ttft), _numbers(speeds),
        )  # fmt: skip

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        return cls(
            requests=sum(each.requests for each in parts),
            errors=sum(each.errors for each in parts),
            sent=sum(each.sent for each in parts),
            made=sum(each.made for each in parts),
            cost=sum(each.cost for each in parts),
            checked=sum(each.checked for each in parts),
            score=math.fsum(each.score for each in parts),
            unsupported=sum(each.unsupported for each in parts),
            took=_ordered([each.took for each in parts]),
            ttft=_ordered([each.ttft for each in parts]),
            speeds=_ordered([each.speeds for each in parts]),
        )

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
            checked=self.checked,
            unsupported=self.unsupported,
            grounded=round(self.score / self.checked, 4) if self.checked else None,
        )


def _numbers(written: str | None) -> Numbers:
    """Of a list with commas, in order."""
    return np.sort(np.fromstring(written or "", dtype=np.float64, sep=","))


def _ordered(parts: Sequence[Numbers]) -> Numbers:
    return np.sort(np.concatenate([np.empty(0), *parts]))


def _quantile(ordered: Numbers, share: float) -> float | None:
    """The nearest rank: a value that was measured."""
    if not len(ordered):
        return None
    return round(float(ordered[max(0, math.ceil(share * len(ordered)) - 1)]), 3)


NOTHING = _Gathered.of((0, *[0] * 8, None, None, None))


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
