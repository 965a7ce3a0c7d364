"""Traces as points over time, for charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

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
SELECT started, took_ms, error IS NOT NULL, input_tokens, output_tokens, cost, ttft_ms, grounded,
  verdict = 'unsupported'
FROM trace WHERE tenant_id = ? AND listed = 1 AND started >= ? AND started < ?
ORDER BY started DESC LIMIT ?
"""

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


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
    rows = session.select(SELECT, (tenant, first, last, MOST_LOOKED_AT + 1))
    step = max(1, math.ceil((last - first) / query.points))
    columns = _Columns.of(rows[:MOST_LOOKED_AT])
    places = (columns.started - first) // step
    begun = [query.since + timedelta(microseconds=step * at) for at in range(query.points)]
    return TraceSeries(
        step=timedelta(microseconds=step),
        whole=len(rows) <= MOST_LOOKED_AT,
        total=columns.points(np.zeros_like(places), [query.since])[0],
        points=tuple(columns.points(places, begun)),
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """What traces have, one value each; NaN where there is none."""

    started: Places
    took: Numbers
    failed: Numbers
    sent: Numbers
    made: Numbers
    cost: Numbers
    ttft: Numbers
    grounded: Numbers
    unsupported: Numbers

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "_Columns":
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * 9
        started, *others = columns
        return cls(
            np.array(started, dtype=np.int64), *(np.array(each, np.float64) for each in others)
        )

    def points(self, places: Places, begun: Sequence[datetime]) -> list[TracePoint]:
        """What the traces at each place come to."""
        size = len(begun)
        timed = self.took - self.ttft
        with np.errstate(invalid="ignore", divide="ignore"):
            speeds = np.where((self.made > 0) & (timed > 0), self.made / timed * 1_000, np.nan)
        requests = np.bincount(places, minlength=size)
        errors, sent, made, cost, unsupported, grounded = (
            np.bincount(places, np.nan_to_num(each), size)
            for each in (
                self.failed, self.sent, self.made, self.cost, self.unsupported, self.grounded
            )
        )  # fmt: skip
        checked = np.bincount(places[~np.isnan(self.grounded)], minlength=size)
        took_p50, took_p99 = _quantiles(self.took, places, size)
        ttft_p50, ttft_p99 = _quantiles(self.ttft, places, size)
        speed, _ = _quantiles(speeds, places, size)
        return [
            TracePoint(
                at=at,
                requests=int(requests[n]),
                errors=int(errors[n]),
                input_tokens=int(sent[n]),
                output_tokens=int(made[n]),
                cost_usd=from_micro(int(cost[n])),
                took_p50_ms=took_p50[n],
                took_p99_ms=took_p99[n],
                ttft_p50_ms=ttft_p50[n],
                ttft_p99_ms=ttft_p99[n],
                tokens_per_second=speed[n],
                checked=int(checked[n]),
                unsupported=int(unsupported[n]),
                grounded=round(float(grounded[n] / checked[n]), 4) if checked[n] else None,
            )
            for n, at in enumerate(begun)
        ]


def _quantiles(
    values: Numbers, places: Places, size: int
) -> tuple[list[float | None], list[float | None]]:
    """The median and the 99th percentile at each place, by the nearest rank: values that were
    measured. None where there are none.
    """
    known = ~np.isnan(values)
    values, places = values[known], places[known]
    ordered = values[np.lexsort((values, places))]
    counts = np.bincount(places, minlength=size)
    before = np.cumsum(counts) - counts

    def at(share: float) -> list[float | None]:
        ranks = np.maximum(0, np.ceil(share * counts).astype(np.int64) - 1)
        return [
            round(float(ordered[start + rank]), 3) if count else None
            for start, rank, count in zip(before, ranks, counts, strict=True)
        ]

    return at(0.5), at(0.99)


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
