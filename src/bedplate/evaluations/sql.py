"""Verdicts of online evaluation over SQL: what is the same on every database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bedplate.domain.evaluations import Evaluation, EvaluationGroup, HallucinationRate
from bedplate.domain.ids import TenantId
from bedplate.evaluations.protocol import MOST_GROUPS
from bedplate.sql import Row, Session, Sessions

START = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
FORGOTTEN = 500
"""At once: a long delete would hold up whoever writes."""

GROUPS: Mapping[EvaluationGroup, str] = {
    "day": f"e.at / {DAY}",
    "assistant": "coalesce(e.assistant, '')",
    "model": "e.model",
    "collection": "c.collection",
}
JOIN = " JOIN evaluation_collection c ON c.tenant_id = e.tenant_id AND c.evaluation = e.id"
INSERT = (
    "INSERT INTO evaluation (tenant_id, id, at, model, assistant, verdict, score, judge, trace_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, id) DO NOTHING"
)
INSERT_COLLECTION = (
    "INSERT INTO evaluation_collection (tenant_id, evaluation, collection) VALUES (?, ?, ?)"
    " ON CONFLICT (tenant_id, evaluation, collection) DO NOTHING"
)


class SqlEvaluations:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, evaluations: Sequence[Evaluation]) -> None:
        rows = [
            (
                e.tenant,
                e.id,
                micros(e.at),
                e.model,
                e.assistant,
                e.verdict,
                e.score,
                e.judge,
                e.trace_id,
            )
            for e in evaluations
        ]
        collections = [
            (each.tenant, each.id, name) for each in evaluations for name in set(each.collections)
        ]

        def work(session: Session) -> None:
            session.execute_many(INSERT, rows)
            if collections:
                session.execute_many(INSERT_COLLECTION, collections)

        if rows:
            await self._sessions.write(work)

    async def rates(
        self,
        tenant: TenantId | None,
        by: EvaluationGroup,
        *,
        since: datetime,
        until: datetime,
    ) -> tuple[HallucinationRate, ...]:
        where, values = "e.at >= ? AND e.at < ?", [micros(since), micros(until)]
        if tenant is not None:
            where, values = f"{where} AND e.tenant_id = ?", [*values, tenant]
        order = "1" if by == "day" else "2 DESC, 1"
        sql = (
            f"SELECT {GROUPS[by]},"  # noqa: S608 - constants
            " sum(CASE WHEN e.verdict IN ('supported', 'unsupported') THEN 1 ELSE 0 END),"
            " sum(CASE WHEN e.verdict = 'unsupported' THEN 1 ELSE 0 END),"
            " sum(CASE WHEN e.verdict = 'failed' THEN 1 ELSE 0 END)"
            f" FROM evaluation e{JOIN if by == 'collection' else ''}"
            f" WHERE {where} AND e.verdict <> 'unchecked'"
            f" GROUP BY 1 ORDER BY {order} LIMIT {MOST_GROUPS}"
        )
        rows = await self._sessions.read(lambda session: session.select(sql, values))
        return tuple(_rate(by, row) for row in rows)

    async def forget(self, before: datetime) -> int:
        gone = 0
        while part := await self._sessions.write(lambda session: _forget(session, micros(before))):
            gone += part
        return gone


def micros(at: datetime) -> int:
    return (at - START) // timedelta(microseconds=1)


def _rate(by: EvaluationGroup, row: Row) -> HallucinationRate:
    group, judged, unsupported, failed = row
    name = str(group)
    if by == "day":
        name = f"{START + timedelta(days=int(group)):%Y-%m-%d}"
    return HallucinationRate.of(name, int(judged), int(unsupported), int(failed))


def _forget(session: Session, before: int) -> int:
    rows = session.select(
        "SELECT tenant_id, id FROM evaluation WHERE at < ? ORDER BY at LIMIT ?",
        (before, FORGOTTEN),
    )
    session.execute_many(
        "DELETE FROM evaluation_collection WHERE tenant_id = ? AND evaluation = ?", rows
    )
    session.execute_many("DELETE FROM evaluation WHERE tenant_id = ? AND id = ?", rows)
    return len(rows)
