"""Responses that are being made, and the log of their events, in SQL."""

from collections.abc import Sequence
from datetime import datetime

from bedplate.domain.ids import TenantId
from bedplate.sql import Session, Sessions
from bedplate.transcripts.moments import micros
from bedplate.transcripts.protocol import StoredResponse, Told
from bedplate.transcripts.responses import WHERE, no_response, read_response


class SqlBackground:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def log(self, tenant: TenantId, id: str, events: Sequence[tuple[int, str]]) -> None:
        rows = [(tenant, id, number, body) for number, body in events]
        await self._sessions.write(
            lambda session: session.execute_many(
                "INSERT INTO transcript_event (tenant_id, response, number, body)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (tenant_id, response, number) DO NOTHING",
                rows,
            )
        )

    async def told(self, tenant: TenantId, id: str, *, after: int, limit: int) -> Told:
        def work(session: Session) -> Told:
            found = session.select(
                f"SELECT status FROM transcript_response {WHERE}",  # noqa: S608 - constants
                (tenant, id),
            )
            if not found:
                raise no_response(id)
            rows = session.select(
                "SELECT number, body FROM transcript_event WHERE tenant_id = ? AND response = ?"
                " AND number > ? ORDER BY number LIMIT ?",
                (tenant, id, after, limit),
            )
            return Told(found[0][0], tuple((int(number), body) for number, body in rows))

        return await self._sessions.read(work)

    async def renew(
        self, running: Sequence[tuple[TenantId, str]], lease: datetime
    ) -> frozenset[str]:
        def work(session: Session) -> frozenset[str]:
            return frozenset(
                id
                for tenant, id in running
                if session.execute(
                    f"UPDATE transcript_response SET lease = ? {WHERE} AND lease IS NOT NULL",  # noqa: S608 - constants
                    (micros(lease), tenant, id),
                )
            )

        return await self._sessions.write(work)

    async def orphans(self, now: datetime, limit: int) -> tuple[StoredResponse, ...]:
        def work(session: Session) -> tuple[StoredResponse, ...]:
            rows = session.select(
                "SELECT tenant_id, id FROM transcript_response WHERE lease < ?"
                " ORDER BY lease LIMIT ?",
                (micros(now), limit),
            )
            return tuple(read_response(session, TenantId(tenant), id) for tenant, id in rows)

        return await self._sessions.read(work)
