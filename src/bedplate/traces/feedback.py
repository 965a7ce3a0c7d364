"""What people thought of answers."""

from datetime import UTC, datetime, timedelta
from typing import cast

from bedplate.domain.ids import TenantId
from bedplate.domain.traces import Feedback, Rating
from bedplate.sql import Row, Session, Sessions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = "id, trace_id, at, rating, correction, comment, key_id, question, answer"


class SqlFeedback:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, feedback: Feedback) -> None:
        at = (feedback.at - EPOCH) // timedelta(microseconds=1)
        row = (
            tenant, feedback.id, feedback.trace_id, at, feedback.rating, feedback.correction,
            feedback.comment, feedback.key, feedback.question, feedback.answer,
        )  # fmt: skip

        def insert(session: Session) -> None:
            session.execute(
                f"INSERT INTO trace_feedback (tenant_id, {COLUMNS})"  # noqa: S608 - constants
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

        await self._sessions.write(insert)

    async def list(
        self, tenant: TenantId, *, since: datetime | None, limit: int
    ) -> tuple[Feedback, ...]:
        first = 0 if since is None else (since - EPOCH) // timedelta(microseconds=1)
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM trace_feedback"  # noqa: S608 - constants
                " WHERE tenant_id = ? AND at >= ? ORDER BY at, id LIMIT ?",
                (tenant, first, limit),
            )
        )
        return tuple(_feedback(row) for row in rows)


def _feedback(row: Row) -> Feedback:
    id, trace, at, rating, correction, comment, key, question, answer = row
    return Feedback(
        id=id,
        trace_id=trace,
        at=EPOCH + timedelta(microseconds=at),
        rating=cast("Rating | None", rating),
        correction=correction,
        comment=comment,
        key=key,
        question=question,
        answer=answer,
    )
