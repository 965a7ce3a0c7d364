"""The facets of a collection, read from the catalog's table of metadata values."""

import apsw

from bedplate.domain.documents import Scalar
from bedplate.domain.facets import Facet, Facets
from bedplate.domain.filters import FieldKind
from bedplate.domain.retrieval import Scope
from bedplate.sqlite.database import select, select_one

MOST_FIELDS = 500
LONGEST_VALUE = 100

_VALUES = """
SELECT value, count(*) AS documents FROM field
WHERE collection_id = ? AND name = ? AND kind = ? AND length(value) <= ?
GROUP BY value ORDER BY documents DESC, value LIMIT ?
"""
_BOUNDS = """
SELECT min(value), max(value), count(*), total(kind = 'number' AND value <> round(value))
FROM field WHERE collection_id = ? AND name = ? AND kind = ?
"""


def generation(db: apsw.Connection, collection: int) -> int:
    row = select_one(db, "SELECT generation FROM collection WHERE id = ?", (collection,))
    return int(row[0]) if row else 0


def read_facets(db: apsw.Connection, scope: Scope, collection: int, limit: int) -> Facets:
    """All facets. The generation is read first: a change in between makes it the older one."""
    number = generation(db, collection)
    row = select_one(db, "SELECT documents FROM collection WHERE id = ?", (collection,))
    kinds = select(
        db,
        "SELECT name, kind, documents FROM field_kind WHERE tenant_id = ? AND collection_id = ?"
        " ORDER BY documents DESC, name, kind LIMIT ?",
        (scope.tenant, collection, MOST_FIELDS),
    )
    return Facets(
        collection=scope.collection,
        documents=int(row[0]) if row else 0,
        generation=number,
        fields=tuple(
            _facet(db, collection, name, kind, documents, limit) for name, kind, documents in kinds
        ),
    )


def _facet(
    db: apsw.Connection, collection: int, name: str, kind: FieldKind, documents: int, limit: int
) -> Facet:
    if kind in ("number", "date"):
        low, high, entries, broken = select(db, _BOUNDS, (collection, name, kind))[0]
        return Facet(
            name, kind, documents, entries, low=low, high=high,
            whole=kind == "number" and not broken,
        )  # fmt: skip
    rows = select(db, _VALUES, (collection, name, kind, LONGEST_VALUE, limit + 1))
    values: dict[Scalar, int] = {
        bool(value) if kind == "boolean" else value: count for value, count in rows[:limit]
    }
    entries = sum(count for _, count in rows)
    return Facet(name, kind, documents, entries, values, complete=len(rows) <= limit)
