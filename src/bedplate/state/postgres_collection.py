"""A collection's row in PostgreSQL: found by name or key, read, and locked by those who write."""

from collections.abc import Callable, Sequence

from bedplate.domain.filters import FieldKind
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.postgres.collection import NAMED
from bedplate.postgres.database import Connection, Row, select, select_one
from bedplate.state.collection import check_writable, to_fields, unknown_collection
from bedplate.state.postgres_rows import Place

COLLECTION = """
SELECT c.id, c.tenant_id, c.name, c.embedder, c.dimensions, c.created_at, c.documents, c.chunks,
  c.key, (SELECT array_agg(ARRAY[k.name, k.kind] ORDER BY k.name, k.kind) FROM field_kind k
    WHERE k.collection_id = c.id)
FROM collection c
"""


def named_collection(db: Connection, scope: Scope) -> int:
    """The row of a collection by its name, its key or the one before; 0, which none has."""
    row = select_one(
        db,
        f"SELECT id FROM collection WHERE {NAMED} LIMIT 1",  # noqa: S608
        (scope.tenant, scope.collection),
    )
    return 0 if row is None else int(row[0])


def find_collection(db: Connection, scope: Scope) -> int:
    """The same; NotFound with the nearest name."""
    if found := named_collection(db, scope):
        return found
    rows = select(
        db,
        "SELECT name FROM collection WHERE tenant_id = %s AND strpos(name, '/') = 0 ORDER BY name",
        (scope.tenant,),
    )
    raise unknown_collection(scope.collection, [str(name) for (name,) in rows])


def locked(db: Connection, look: Callable[[], Sequence[int]]) -> dict[int, Row]:
    """Id, name, key and dimensions of the rows that `look` finds, while other writers wait until
    this transaction ends.

    Rows are locked in the order of their ids, so that no two wait for each other. Names may have
    moved while this one waited: it looks again until it holds what it finds.
    """
    wanted = look()
    while True:
        rows = select(
            db,
            "SELECT id, name, key, dimensions FROM collection WHERE id = ANY(%s::bigint[])"
            " ORDER BY id FOR UPDATE",
            (list(wanted),),
        )
        found = look()
        if found == wanted:
            return {int(row[0]): row for row in rows}
        wanted = found


def locked_place(db: Connection, scope: Scope) -> Place:
    return _locked_place(db, scope)[0]


def writable_place(db: Connection, scope: Scope) -> Place:
    """The same for a write: Conflict for a key that is no longer the one to write by."""
    place, name, key = _locked_place(db, scope)
    check_writable(scope.collection, name, key)
    return place


def _locked_place(db: Connection, scope: Scope) -> tuple[Place, str, str]:
    (row,) = locked(db, lambda: [find_collection(db, scope)]).values()
    return Place(int(row[0]), scope.tenant, int(row[3])), str(row[1]), str(row[2])


def read_collection(db: Connection, scope: Scope) -> Collection:
    row = select_one(db, f"{COLLECTION} WHERE {NAMED} LIMIT 1", (scope.tenant, scope.collection))
    if row is None:
        find_collection(db, scope)
        # It came between the two.
        return read_collection(db, scope)
    return to_collection(row)


def to_collection(row: Row) -> Collection:
    _, tenant, name, embedder, dimensions, created_at, documents, chunks, key, kinds = row
    pairs: list[tuple[str, FieldKind]] = kinds or []
    return Collection(
        tenant=TenantId(tenant),
        name=name,
        embedder=embedder,
        dimensions=dimensions,
        created_at=created_at,
        documents=documents,
        chunks=chunks,
        fields=to_fields(pairs),
        key=key,
    )
