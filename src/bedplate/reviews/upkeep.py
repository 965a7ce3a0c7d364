"""Reviews that are due, webhooks that are to be told, and what is forgotten, in SQL."""

from datetime import datetime

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Delivery
from bedplate.reviews.protocol import WaitingCall
from bedplate.reviews.rows import COLUMNS, micros, review_of
from bedplate.sql import Session, Sessions

FORGOTTEN = 200
"""At once: a long delete would hold up whoever decides."""


class SqlReviewUpkeep:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def due(
        self, now: datetime, *, limit: int, tenant: TenantId | None = None
    ) -> tuple[tuple[TenantId, str], ...]:
        whose, values = ("", ()) if tenant is None else (" AND tenant_id = ?", (tenant,))
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT tenant_id, id FROM review WHERE state = 'pending' AND due <= ?"  # noqa: S608 - constants
                f"{whose} ORDER BY due LIMIT ?",
                (micros(now), *values, limit),
            )
        )
        return tuple((TenantId(found), id) for found, id in rows)

    async def calls(
        self, now: datetime, *, again_at: datetime, limit: int
    ) -> tuple[WaitingCall, ...]:
        def work(session: Session) -> tuple[WaitingCall, ...]:
            rows = session.select(
                f"SELECT {COLUMNS}, attempts FROM review WHERE call_at <= ?"  # noqa: S608 - constants
                f" ORDER BY call_at LIMIT ?{session.locking}",
                (micros(now), limit),
            )
            for row in rows:
                session.execute(
                    "UPDATE review SET call_at = ?, attempts = attempts + 1"
                    " WHERE tenant_id = ? AND id = ?",
                    (micros(again_at), row[0], row[1]),
                )
            return tuple(WaitingCall(review_of(row), int(row[-1]) + 1) for row in rows)

        return await self._sessions.write(work)

    async def called(
        self, tenant: TenantId, id: str, delivery: Delivery, *, again_at: datetime
    ) -> None:
        at = micros(again_at) if delivery == "waiting" else None
        await self._sessions.write(
            lambda session: session.execute(
                "UPDATE review SET delivery = ?, call_at = ? WHERE tenant_id = ? AND id = ?",
                (delivery, at, tenant, id),
            )
        )

    async def latest(self, tenant: TenantId) -> int:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT changed FROM review_tenant WHERE tenant_id = ?", (tenant,)
            )
        )
        return int(rows[0][0]) if rows else 0

    async def waiting(self) -> int:
        [(count,)] = await self._sessions.read(
            lambda session: session.select("SELECT count(*) FROM review WHERE state = 'pending'")
        )
        return int(count)

    async def forget(self, before: datetime) -> int:
        gone = 0
        while part := await self._sessions.write(lambda session: _forget(session, micros(before))):
            gone += part
        return gone


def _forget(session: Session, before: int) -> int:
    rows = session.select(
        "SELECT tenant_id, id FROM review WHERE decided < ? ORDER BY decided LIMIT ?",
        (before, FORGOTTEN),
    )
    session.execute_many("DELETE FROM review WHERE tenant_id = ? AND id = ?", rows)
    return len(rows)
