"""Runs that are kept no longer."""

from datetime import datetime

from bedplate.journal.rows import micros
from bedplate.sql import Row, Session, Sessions

AT_ONCE = 100
"""A long delete would hold up whoever writes."""


async def forget_old(sessions: Sessions, before: datetime) -> int:
    def work(session: Session) -> int:
        return _delete(
            session,
            session.select(
                "SELECT tenant_id, id FROM run WHERE ended < ? ORDER BY ended LIMIT ?",
                (micros(before), AT_ONCE),
            ),
        )

    gone = 0
    while deleted := await sessions.write(work):
        gone += deleted
    return gone


async def forget_surplus(sessions: Sessions, most: int) -> int:
    crowded = await sessions.read(
        lambda session: session.select(
            "SELECT tenant_id, count(*) FROM run WHERE ended IS NOT NULL"
            " GROUP BY tenant_id HAVING count(*) > ?",
            (most,),
        )
    )
    gone = 0
    for tenant, count in crowded:
        left = int(count) - most
        while left > 0:
            part = min(left, AT_ONCE)
            deleted = await sessions.write(
                lambda session, tenant=tenant, part=part: _oldest(session, tenant, part)
            )
            gone += deleted
            left = left - deleted if deleted else 0
    return gone


def _oldest(session: Session, tenant: str, count: int) -> int:
    return _delete(
        session,
        session.select(
            "SELECT tenant_id, id FROM run WHERE tenant_id = ? AND ended IS NOT NULL"
            " ORDER BY ended, id LIMIT ?",
            (tenant, count),
        ),
    )


def _delete(session: Session, rows: list[Row]) -> int:
    for row in rows:
        session.execute("DELETE FROM run_entry WHERE tenant_id = ? AND run = ?", row)
        session.execute("DELETE FROM run WHERE tenant_id = ? AND id = ?", row)
    return len(rows)
