"""A collection's row: found by name or key, and read."""

from datetime import datetime
from typing import cast

import apsw

from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.sqlite.database import Row, select
from bedplate.state.collection import check_writable, to_fields, unknown_collection

COLLECTION = """
SELECT tenant_id, name, embedder, dimensions, created_at, documents, chunks, key, id
FROM collection
"""
# The tenant in each part, so that each goes by its own index.
NAMED = """
SELECT id, name, key FROM collection WHERE (tenant_id = :tenant AND name = :name)
  OR (tenant_id = :tenant AND key = :name) OR (tenant_id = :tenant AND former_key = :name)
"""


def find_collection(db: apsw.Connection, scope: Scope) -> int:
    """The row of a collection by its name or its key; NotFound with the nearest name."""
    return int(_find(db, scope)[0])


def named_collection(db: apsw.Connection, scope: Scope) -> Row | None:
    """Id, name and key of a collection by its name, its key or the one before; None if none is."""
    return cast(
        "Row | None",
        db.execute(NAMED, {"tenant": scope.tenant, "name": scope.collection}).fetchone(),
    )


def writable_collection(db: apsw.Connection, scope: Scope) -> int:
    """The same for a write: Conflict for a key that is no longer the one to write by."""
    row, name, key = _find(db, scope)
    check_writable(scope.collection, name, key)
    return int(row)


def read_collection(db: apsw.Connection, scope: Scope) -> Collection:
    return to_collection(
        db, select(db, f"{COLLECTION} WHERE id = ?", (find_collection(db, scope),))[0]
    )


def to_collection(db: apsw.Connection, row: Row) -> Collection:
    tenant, name, embedder, dimensions, created_at, documents, chunks, key, rowid = row
    kinds = select(
        db,
        "SELECT name, kind FROM field_kind WHERE collection_id = ? ORDER BY name, kind",
        (rowid,),
    )
    return Collection(
        tenant=TenantId(tenant),
        name=name,
        embedder=embedder,
        dimensions=dimensions,
        created_at=datetime.fromisoformat(created_at),
        documents=documents,
        chunks=chunks,
        fields=to_fields((field, kind) for field, kind in kinds),
        key=key,
    )


def _find(db: apsw.Connection, scope: Scope) -> Row:
    if (row := named_collection(db, scope)) is not None:
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
    raise unknown_collection(scope.collection, names)
