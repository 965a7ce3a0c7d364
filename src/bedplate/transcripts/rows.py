"""Items of a response or a conversation, its owner, in SQL."""

from collections.abc import Sequence

from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput, NotFound
from bedplate.sql import Row, Session, places
from bedplate.transcripts.protocol import MOST_ITEMS, ItemPage, Page, StoredItem

INSERT = "INSERT INTO transcript_item (tenant_id, owner, place, id, made, body) VALUES (?, ?, ?, ?, ?, ?)"
PART = 500
"""How many ids one statement names."""


def add_items(
    session: Session,
    tenant: TenantId,
    owner: str,
    items: Sequence[StoredItem],
    *,
    made: bool = False,
) -> None:
    """After those that are there. InvalidInput for too many, or one that is there already."""
    if not items:
        return
    [(count, last)] = session.select(
        "SELECT count(*), coalesce(max(place), -1) FROM transcript_item"
        " WHERE tenant_id = ? AND owner = ?",
        (tenant, owner),
    )
    if count + len(items) > MOST_ITEMS:
        raise InvalidInput(
            f"items: {owner!r} would have {count + len(items):,}; it takes {MOST_ITEMS:,}.",
            param="items",
        )
    ids = [item.id for item in items]
    for start in range(0, len(ids), PART):
        part = ids[start : start + PART]
        there = session.select(
            "SELECT id FROM transcript_item WHERE tenant_id = ? AND owner = ?"  # noqa: S608 - constants
            f" AND id IN ({places(len(part))})",
            (tenant, owner, *part),
        )
        if there or len(set(ids)) < len(ids):
            twice = there[0][0] if there else next(id for id in ids if ids.count(id) > 1)
            raise InvalidInput(f"items: {twice!r} would be there twice.", param="items")
    session.execute_many(
        INSERT,
        [
            (tenant, owner, place, item.id, int(made), item.body)
            for place, item in enumerate(items, int(last) + 1)
        ],
    )


def items_of(session: Session, tenant: TenantId, owner: str) -> tuple[StoredItem, ...]:
    rows = session.select(
        "SELECT id, body FROM transcript_item WHERE tenant_id = ? AND owner = ? ORDER BY place",
        (tenant, owner),
    )
    return tuple(StoredItem(id, body) for id, body in rows)


def parts_of(
    session: Session, tenant: TenantId, owner: str
) -> tuple[tuple[StoredItem, ...], tuple[StoredItem, ...]]:
    """What went into a response, and what came out of it."""
    rows = session.select(
        "SELECT made, id, body FROM transcript_item WHERE tenant_id = ? AND owner = ?"
        " ORDER BY place",
        (tenant, owner),
    )
    return (
        tuple(StoredItem(id, body) for made, id, body in rows if not made),
        tuple(StoredItem(id, body) for made, id, body in rows if made),
    )


def page_of(
    session: Session, tenant: TenantId, owner: str, page: Page, *, input_only: bool = False
) -> ItemPage:
    """NotFound where `page.after` is none of them."""
    where, values = "tenant_id = ? AND owner = ?", [tenant, owner]
    if input_only:
        where += " AND made = 0"
    if page.after is not None:
        found: list[Row] = session.select(
            f"SELECT place FROM transcript_item WHERE {where} AND id = ?",  # noqa: S608 - constants
            (*values, page.after),
        )
        if not found:
            raise NotFound(f"There is no item {page.after!r} in {owner!r}.", param="after")
        where += f" AND place {'>' if page.order == 'asc' else '<'} {int(found[0][0])}"
    rows = session.select(
        f"SELECT id, body FROM transcript_item WHERE {where}"  # noqa: S608 - constants
        f" ORDER BY place {'ASC' if page.order == 'asc' else 'DESC'} LIMIT {int(page.limit) + 1}",
        values,
    )
    return ItemPage(
        tuple(StoredItem(id, body) for id, body in rows[: page.limit]), len(rows) > page.limit
    )


def drop_items(session: Session, tenant: TenantId, owner: str) -> None:
    session.execute(
        "DELETE FROM transcript_item WHERE tenant_id = ? AND owner = ?", (tenant, owner)
    )
