"""Transcripts over SQL: what is the same on every database."""

from datetime import datetime

from bedplate.domain.ids import TenantId
from bedplate.sql import Row, Session, Sessions
from bedplate.transcripts.background import SqlBackground
from bedplate.transcripts.completions import SqlCompletions, drop_completion
from bedplate.transcripts.conversations import (
    SqlConversationItems,
    SqlConversations,
    drop_conversation,
)
from bedplate.transcripts.moments import micros
from bedplate.transcripts.responses import SqlResponses, drop_response

FORGOTTEN = 200
"""At once: a long delete would hold up whoever writes."""

TABLES = {
    "transcript_response": drop_response,
    "transcript_conversation": drop_conversation,
    "transcript_completion": drop_completion,
}


class SqlTranscripts:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.responses = SqlResponses(sessions)
        self.background = SqlBackground(sessions)
        self.conversations = SqlConversations(sessions)
        self.items = SqlConversationItems(sessions)
        self.completions = SqlCompletions(sessions)

    async def forget(self, before: datetime, *, most: int) -> int:
        gone = 0
        for table in TABLES:
            while True:
                old = await self._sessions.write(
                    lambda session, table=table: _forget_old(session, table, micros(before))
                )
                gone += old
                if old < FORGOTTEN:
                    break
            gone += await self._forget_surplus(table, most)
        return gone

    async def _forget_surplus(self, table: str, most: int) -> int:
        crowded = await self._sessions.read(
            lambda session: session.select(
                f"SELECT tenant_id, count(*) FROM {table} GROUP BY tenant_id HAVING count(*) > ?",  # noqa: S608 - constants
                (most,),
            )
        )
        gone = 0
        for tenant, count in crowded:
            left = int(count) - most
            while left > 0:
                part = min(left, FORGOTTEN)
                dropped = await self._sessions.write(
                    lambda session, tenant=tenant, part=part: _forget_oldest(
                        session, table, tenant, part
                    )
                )
                gone += dropped
                left = left - dropped if dropped == part else 0
        return gone


def _forget_old(session: Session, table: str, before: int) -> int:
    rows = session.select(
        f"SELECT tenant_id, id FROM {table} WHERE touched < ?{_ended(table)}"  # noqa: S608 - constants
        f" ORDER BY touched LIMIT {FORGOTTEN}",
        (before,),
    )
    return _drop(session, table, rows)


def _forget_oldest(session: Session, table: str, tenant: TenantId, count: int) -> int:
    rows = session.select(
        f"SELECT tenant_id, id FROM {table} WHERE tenant_id = ?{_ended(table)}"  # noqa: S608 - constants
        " ORDER BY touched, id LIMIT ?",
        (tenant, count),
    )
    return _drop(session, table, rows)


def _ended(table: str) -> str:
    return " AND lease IS NULL" if table == "transcript_response" else ""


def _drop(session: Session, table: str, rows: list[Row]) -> int:
    for tenant, id in rows:
        TABLES[table](session, tenant, id)
    return len(rows)
