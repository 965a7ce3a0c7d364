"""Responses in SQL."""

from collections.abc import Sequence
from datetime import datetime

from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput, NotFound, PreviousNotFound
from bedplate.sql import Row, Session, Sessions, places
from bedplate.transcripts.conversations import lock
from bedplate.transcripts.moments import micros, moment, now
from bedplate.transcripts.protocol import (
    ENDED,
    KEPT,
    LONGEST_CHAIN,
    MOST_ITEMS,
    ItemPage,
    Page,
    StoredItem,
    StoredResponse,
)
from bedplate.transcripts.rows import PART, add_items, drop_items, items_of, page_of, parts_of

COLUMNS = "created, status, body, previous, conversation, background"
WHERE = "WHERE tenant_id = ? AND id = ?"
CHAIN = f"""
WITH RECURSIVE chain (id, previous, conversation, status, depth) AS (
  SELECT id, previous, conversation, status, 0 FROM transcript_response {WHERE}
  UNION ALL
  SELECT r.id, r.previous, r.conversation, r.status, chain.depth + 1
  FROM transcript_response r JOIN chain ON r.id = chain.previous
  WHERE r.tenant_id = ? AND chain.depth < {LONGEST_CHAIN}
)
SELECT id, previous, conversation, status FROM chain ORDER BY depth DESC
"""  # noqa: S608 - constants


class SqlResponses:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(
        self, response: StoredResponse, *, lease: datetime | None = None, begun: bool = False
    ) -> bool:
        return await self._sessions.write(
            lambda session: _put(session, response, lease, begun=begun)
        )

    async def get(self, tenant: TenantId, id: str) -> StoredResponse:
        return await self._sessions.read(lambda session: read_response(session, tenant, id))

    async def delete(self, tenant: TenantId, id: str) -> None:
        def work(session: Session) -> None:
            _check(session, tenant, id)
            drop_response(session, tenant, id)

        await self._sessions.write(work)

    async def chain(self, tenant: TenantId, id: str) -> tuple[StoredItem, ...]:
        return await self._sessions.write(lambda session: _chain(session, tenant, id))

    async def input(self, tenant: TenantId, id: str, page: Page) -> ItemPage:
        def work(session: Session) -> ItemPage:
            _check(session, tenant, id)
            return page_of(session, tenant, id, page, input_only=True)

        return await self._sessions.read(work)

    async def find(self, tenant: TenantId, ids: Sequence[str]) -> tuple[StoredItem, ...]:
        def work(session: Session) -> tuple[StoredItem, ...]:
            found: dict[str, StoredItem] = {}
            for start in range(0, len(ids), PART):
                part = ids[start : start + PART]
                rows = session.select(
                    "SELECT id, body FROM transcript_item"  # noqa: S608 - constants
                    f" WHERE tenant_id = ? AND id IN ({places(len(part))})",
                    (tenant, *part),
                )
                found.update({id: StoredItem(id, body) for id, body in rows})
            return tuple(found.values())

        return await self._sessions.read(work)


def read_response(session: Session, tenant: TenantId, id: str) -> StoredResponse:
    rows = session.select(f"SELECT {COLUMNS} FROM transcript_response {WHERE}", (tenant, id))  # noqa: S608 - constants
    if not rows:
        raise no_response(id)
    created, status, body, previous, conversation, background = rows[0]
    input, output = parts_of(session, tenant, id)
    return StoredResponse(
        tenant,
        id,
        moment(int(created)),
        status,
        body,
        input,
        output,
        previous,
        conversation,
        bool(background),
    )


def drop_response(session: Session, tenant: TenantId, id: str) -> None:
    drop_items(session, tenant, id)
    session.execute(
        "DELETE FROM transcript_event WHERE tenant_id = ? AND response = ?", (tenant, id)
    )
    session.execute(f"DELETE FROM transcript_response {WHERE}", (tenant, id))  # noqa: S608 - constants


def no_response(id: str) -> NotFound:
    return NotFound(f"Response with id {id!r} not found.")


def _put(
    session: Session, response: StoredResponse, lease: datetime | None, *, begun: bool
) -> bool:
    tenant, id = response.tenant, response.id
    there = session.select(
        f"SELECT status FROM transcript_response {WHERE}{session.locking}",  # noqa: S608 - constants
        (tenant, id),
    )
    if (begun and not there) or (there and there[0][0] in ENDED):
        return False
    until = None if lease is None else micros(lease)
    if there:
        session.execute(
            "UPDATE transcript_response SET status = ?, body = ?, touched = ?, lease = ?"  # noqa: S608 - constants
            f" {WHERE}",
            (response.status, response.body, now(), until, tenant, id),
        )
        session.execute(
            "DELETE FROM transcript_item WHERE tenant_id = ? AND owner = ? AND made = 1",
            (tenant, id),
        )
    else:
        session.execute(
            "INSERT INTO transcript_response (tenant_id, id, created, touched, status, body,"
            " previous, conversation, background, lease) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(tenant, id, micros(response.created_at), now(), response.status, response.body),
                *(response.previous, response.conversation, int(response.background), until),
            ),
        )
        add_items(session, tenant, id, response.input)
    add_items(session, tenant, id, response.output, made=True)
    if response.conversation is not None and response.status in KEPT:
        _converse(session, response, response.conversation)
    return True


def _converse(session: Session, response: StoredResponse, conversation: str) -> None:
    """Add it to its conversation; one that was deleted meanwhile stays deleted."""
    try:
        lock(session, response.tenant, conversation)
    except NotFound:
        return
    there = {item.id for item in items_of(session, response.tenant, conversation)}
    own = items_of(session, response.tenant, response.id)
    added = [item for item in own if item.id not in there]
    add_items(session, response.tenant, conversation, added)


def _chain(session: Session, tenant: TenantId, id: str) -> tuple[StoredItem, ...]:
    chain: list[Row] = session.select(CHAIN, (tenant, id, tenant))
    _check_chain(id, chain)
    ids = [row[0] for row in chain]
    items: list[StoredItem] = []
    for owner in ids:
        items += items_of(session, tenant, owner)
        if len(items) > MOST_ITEMS:
            raise InvalidInput(
                f"previous_response_id: {id!r} goes on from more than {MOST_ITEMS:,} items.",
                param="previous_response_id",
            )
    moment_ = now()
    session.execute_many(
        f"UPDATE transcript_response SET touched = ? {WHERE}",  # noqa: S608 - constants
        [(moment_, tenant, owner) for owner in ids],
    )
    return tuple(items)


def _check_chain(id: str, chain: Sequence[Row]) -> None:
    """The oldest is first."""
    param = "previous_response_id"
    if not chain:
        raise PreviousNotFound(f"Previous response with id {id!r} not found.", param=param)
    _, before, conversation, _ = chain[0]
    if len(chain) > LONGEST_CHAIN:
        raise InvalidInput(
            f"{param}: {id!r} is the end of more than {LONGEST_CHAIN:,} responses; send their "
            "items, or use a conversation.",
            param=param,
        )
    if before is not None:
        raise PreviousNotFound(
            f"Previous response with id {before!r} not found; {id!r} goes on from it.", param=param
        )
    if conversation is not None:
        raise InvalidInput(
            f"{param}: {id!r} belongs to conversation {conversation!r}; send 'conversation' instead.",
            param=param,
        )
    status = chain[-1][3]
    if status not in ENDED:
        raise InvalidInput(f"{param}: {id!r} is {status} yet: wait for its end.", param=param)


def _check(session: Session, tenant: TenantId, id: str) -> None:
    if not session.select(f"SELECT 1 FROM transcript_response {WHERE}", (tenant, id)):  # noqa: S608 - constants
        raise no_response(id)
