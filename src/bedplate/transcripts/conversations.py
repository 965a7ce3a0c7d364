"""Conversations and their items in SQL."""

from collections.abc import Sequence

from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound
from bedplate.sql import Row, Session, Sessions
from bedplate.transcripts.moments import micros, moment, now
from bedplate.transcripts.protocol import ItemPage, Page, StoredConversation, StoredItem
from bedplate.transcripts.rows import add_items, drop_items, items_of, page_of

WHERE = "WHERE tenant_id = ? AND id = ?"


class SqlConversations:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(self, conversation: StoredConversation, items: Sequence[StoredItem]) -> None:
        def work(session: Session) -> None:
            session.execute(
                "INSERT INTO transcript_conversation (tenant_id, id, created, touched, metadata)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    conversation.tenant,
                    conversation.id,
                    micros(conversation.created_at),
                    now(),
                    conversation.metadata,
                ),
            )
            add_items(session, conversation.tenant, conversation.id, items)

        await self._sessions.write(work)

    async def get(self, tenant: TenantId, id: str) -> StoredConversation:
        return await self._sessions.read(lambda session: _get(session, tenant, id))

    async def update(self, tenant: TenantId, id: str, metadata: str) -> StoredConversation:
        def work(session: Session) -> StoredConversation:
            session.execute(
                f"UPDATE transcript_conversation SET metadata = ?, touched = ? {WHERE}",  # noqa: S608 - constants
                (metadata, now(), tenant, id),
            )
            return _get(session, tenant, id)

        return await self._sessions.write(work)

    async def delete(self, tenant: TenantId, id: str) -> None:
        def work(session: Session) -> None:
            lock(session, tenant, id)
            drop_conversation(session, tenant, id)

        await self._sessions.write(work)


class SqlConversationItems:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, id: str, items: Sequence[StoredItem]) -> None:
        def work(session: Session) -> None:
            lock(session, tenant, id)
            add_items(session, tenant, id, items)

        await self._sessions.write(work)

    async def all(self, tenant: TenantId, id: str) -> tuple[StoredItem, ...]:
        def work(session: Session) -> tuple[StoredItem, ...]:
            lock(session, tenant, id)
            return items_of(session, tenant, id)

        return await self._sessions.write(work)

    async def page(self, tenant: TenantId, id: str, page: Page) -> ItemPage:
        def work(session: Session) -> ItemPage:
            _get(session, tenant, id)
            return page_of(session, tenant, id, page)

        return await self._sessions.read(work)

    async def get(self, tenant: TenantId, id: str, item: str) -> StoredItem:
        def work(session: Session) -> StoredItem:
            _get(session, tenant, id)
            rows = session.select(
                "SELECT id, body FROM transcript_item WHERE tenant_id = ? AND owner = ? AND id = ?",
                (tenant, id, item),
            )
            if not rows:
                raise no_item(id, item)
            return StoredItem(*rows[0])

        return await self._sessions.read(work)

    async def delete(self, tenant: TenantId, id: str, item: str) -> None:
        def work(session: Session) -> None:
            lock(session, tenant, id)
            if not session.execute(
                "DELETE FROM transcript_item WHERE tenant_id = ? AND owner = ? AND id = ?",
                (tenant, id, item),
            ):
                raise no_item(id, item)

        await self._sessions.write(work)


def lock(session: Session, tenant: TenantId, id: str) -> None:
    """Whoever adds to it comes after one another; it counts as used now. NotFound where it is not."""
    if not session.execute(
        f"UPDATE transcript_conversation SET touched = ? {WHERE}",  # noqa: S608 - constants
        (now(), tenant, id),
    ):
        raise no_conversation(id)


def drop_conversation(session: Session, tenant: TenantId, id: str) -> None:
    drop_items(session, tenant, id)
    session.execute(f"DELETE FROM transcript_conversation {WHERE}", (tenant, id))  # noqa: S608 - constants


def no_conversation(id: str) -> NotFound:
    return NotFound(f"Conversation with id {id!r} not found.")


def no_item(conversation: str, id: str) -> NotFound:
    return NotFound(f"Item with id {id!r} not found in conversation {conversation!r}.")


def _get(session: Session, tenant: TenantId, id: str) -> StoredConversation:
    rows: list[Row] = session.select(
        f"SELECT created, metadata FROM transcript_conversation {WHERE}",  # noqa: S608 - constants
        (tenant, id),
    )
    if not rows:
        raise no_conversation(id)
    created, metadata = rows[0]
    return StoredConversation(tenant, id, moment(int(created)), metadata)
