"""Stored chat completions in SQL."""

from collections.abc import Mapping, Sequence

import msgspec

from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound
from bedplate.sql import Session, Sessions
from bedplate.transcripts.moments import now
from bedplate.transcripts.protocol import (
    CompletionQuery,
    ItemPage,
    Page,
    StoredCompletion,
    StoredItem,
)
from bedplate.transcripts.rows import add_items, drop_items, page_of

COLUMNS = "id, model, metadata, body"
WHERE = "WHERE tenant_id = ? AND id = ?"


class SqlCompletions:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, completion: StoredCompletion, messages: Sequence[StoredItem]) -> None:
        tenant, id = completion.tenant, completion.id
        metadata = msgspec.json.encode(completion.metadata).decode()

        def work(session: Session) -> None:
            session.execute(
                "INSERT INTO transcript_completion (tenant_id, id, touched, model, metadata, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (tenant, id, now(), completion.model, metadata, completion.body),
            )
            _label(session, tenant, id, completion.metadata)
            add_items(session, tenant, id, messages)

        await self._sessions.write(work)

    async def get(self, tenant: TenantId, id: str) -> StoredCompletion:
        return await self._sessions.read(lambda session: _get(session, tenant, id))

    async def update(
        self, tenant: TenantId, id: str, metadata: Mapping[str, str]
    ) -> StoredCompletion:
        def work(session: Session) -> StoredCompletion:
            session.execute(
                f"UPDATE transcript_completion SET metadata = ?, touched = ? {WHERE}",  # noqa: S608 - constants
                (msgspec.json.encode(metadata).decode(), now(), tenant, id),
            )
            found = _get(session, tenant, id)
            _unlabel(session, tenant, id)
            _label(session, tenant, id, metadata)
            return found

        return await self._sessions.write(work)

    async def delete(self, tenant: TenantId, id: str) -> None:
        def work(session: Session) -> None:
            _get(session, tenant, id)
            drop_completion(session, tenant, id)

        await self._sessions.write(work)

    async def list(
        self, tenant: TenantId, query: CompletionQuery, page: Page
    ) -> tuple[StoredCompletion, ...]:
        where, values = "tenant_id = ?", [str(tenant)]
        if query.model is not None:
            where += " AND model = ?"
            values.append(query.model)
        for name, value in query.metadata.items():
            where += (
                " AND EXISTS (SELECT 1 FROM transcript_label l WHERE l.name = ? AND l.value = ?"
                " AND l.tenant_id = transcript_completion.tenant_id"
                " AND l.completion = transcript_completion.id)"
            )
            values += [name, value]
        if page.after is not None:
            where += f" AND id {'>' if page.order == 'asc' else '<'} ?"
            values.append(page.after)
        # Ids sort by time of creation.
        order = "ASC" if page.order == "asc" else "DESC"
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM transcript_completion WHERE {where}"  # noqa: S608 - constants
                f" ORDER BY id {order} LIMIT {int(page.limit)}",
                values,
            )
        )
        return tuple(_stored(tenant, *row) for row in rows)

    async def messages(self, tenant: TenantId, id: str, page: Page) -> ItemPage:
        def work(session: Session) -> ItemPage:
            _get(session, tenant, id)
            return page_of(session, tenant, id, page)

        return await self._sessions.read(work)


def drop_completion(session: Session, tenant: TenantId, id: str) -> None:
    drop_items(session, tenant, id)
    _unlabel(session, tenant, id)
    session.execute(f"DELETE FROM transcript_completion {WHERE}", (tenant, id))  # noqa: S608 - constants


def _label(session: Session, tenant: TenantId, id: str, metadata: Mapping[str, str]) -> None:
    session.execute_many(
        "INSERT INTO transcript_label (tenant_id, completion, name, value) VALUES (?, ?, ?, ?)",
        [(tenant, id, name, value) for name, value in metadata.items()],
    )


def _unlabel(session: Session, tenant: TenantId, id: str) -> None:
    session.execute(
        "DELETE FROM transcript_label WHERE tenant_id = ? AND completion = ?", (tenant, id)
    )


def _get(session: Session, tenant: TenantId, id: str) -> StoredCompletion:
    rows = session.select(f"SELECT {COLUMNS} FROM transcript_completion {WHERE}", (tenant, id))  # noqa: S608 - constants
    if not rows:
        raise NotFound(f"Chat completion with id {id!r} not found: no such one was stored.")
    return _stored(tenant, *rows[0])


def _stored(tenant: TenantId, id: str, model: str, metadata: str, body: str) -> StoredCompletion:
    return StoredCompletion(
        tenant, id, model, msgspec.json.decode(metadata, type=dict[str, str]), body
    )
