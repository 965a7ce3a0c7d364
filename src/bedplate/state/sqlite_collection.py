"""A collection's row: found by name or key, and read."""

from datetime import datetime
from difflib import get_close_matches

import apsw

from bedplate.domain.filters import FieldKind
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.errors import Conflict, NotFound
from bedplate.sqlite.database import Row, select, select_one

COLLECTION = """
SELECT tenant_id, name, embedder, dimensions, created_at, documents, chunks, key, id
FROM collection
"""
NAMED = """
SELECT id, name, key FROM collection WHERE tenant_id = ? AND (name = ? OR key = ? OR former_key = ?)
"""


def find_collection(db: apsw.Connection, scope: Scope) -> int:
    """The row of a collection by its name or its key; NotFound with the nearest name."""
    return int(_find(db, scope)[0])


def writable_collection(db: apsw.Connection, scope: Scope) -> int:
    """The same for a write: Conflict where a key is given that is no longer the collection's, or
    whose collection lost its name.

    The writer looked it up before the names were swapped, and must look again.
    """
    row, name, key = _find(db, scope)
    if scope.collection != name and (scope.collection != key or "/" in name):
        base = name.partition("/")[0]
        raise Conflict(f"Collection {base!r} got another index meanwhile: try again.")
    return int(row)


def read_collection(db: apsw.Connection, scope: Scope) -> Collection:
    return to_collection(
        db, select(db, f"{COLLECTION} WHERE id = ?", (find_collection(db, scope),))[0]
    )


def to_collection(db: apsw.Connection, row: Row) -> Collection:
    tenant, name, embedder, dimensions, created_at, documents, chunks, key, rowid = row
    fields: dict[str, frozenset[FieldKind]] = {}
    for field, kind in select(
        db,
        "SELECT name, kind FROM field_kind WHERE collection_id = ? ORDER BY name, kind",
        (rowid,),
    ):
        fields[field] = fields.get(field, frozenset()) | {kind}
    return Collection(
        tenant=TenantId(tenant),
        name=name,
        embedder=embedder,
        dimensions=dimensions,
        created_at=datetime.fromisoformat(created_at),
        documents=documents,
        chunks=chunks,
        fields=fields,
        key=key,
    )


def _find(db: apsw.Connection, scope: Scope) -> Row:
    row = select_one(db, NAMED, (scope.tenant, *[scope.collection] * 3))
    if row is not None:
        return row
    names = [
        str(name)
        for (name,) in select(
            db,
            "SELECT name FROM collection WHERE tenant_id = ? AND instr(name, '/') = 0"
            " ORDER BY name",
            (scope.tenant,),
        )
    ]
    near = get_close_matches(scope.collection, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise NotFound(
        f"There is no collection {scope.collection!r}.{hint} "
        f"Known: {', '.join(names) or 'none; ingest some documents first'}.",
        param="collection",
    )
