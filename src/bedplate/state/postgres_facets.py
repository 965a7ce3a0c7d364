"""The facets of a collection in PostgreSQL, read from the catalog's table of metadata values."""

from decimal import Decimal

from bedplate.domain.documents import Scalar
from bedplate.domain.facets import Facet, Facets
from bedplate.domain.filters import FieldKind
from bedplate.domain.retrieval import Scope
from bedplate.postgres.database import Connection, select, select_one
from bedplate.postgres.values import is_text

MOST_FIELDS = 500
LONGEST_VALUE = 100
LARGEST_INTEGER = 2**63

_KINDS = """
SELECT k.id, k.name, k.kind, k.documents FROM field_kind k
WHERE k.tenant_id = %s AND k.collection_id = %s
ORDER BY k.documents DESC, k.name, k.kind LIMIT %s
"""
# The kind is asked for by its collection again: by an id alone it could be anyone's.
_FIELD = """
FROM field f WHERE f.tenant_id = %s AND f.kind = (
  SELECT id FROM field_kind WHERE id = %s AND tenant_id = %s AND collection_id = %s)
"""
_STRINGS = f"""
SELECT f.string, count(*) AS documents {_FIELD} AND length(f.string) <= %s
GROUP BY f.string ORDER BY documents DESC, f.string LIMIT %s
"""
_BOOLEANS = f"""
SELECT f.number <> 0, count(*) AS documents {_FIELD}
GROUP BY f.number ORDER BY documents DESC, f.number LIMIT %s
"""
_NUMBERS = f"""
SELECT min(f.number), max(f.number), count(*), bool_or(f.number <> round(f.number)) {_FIELD}
"""
_DATES = f"SELECT min(f.string), max(f.string), count(*), NULL {_FIELD}"


def generation(db: Connection, scope: Scope, collection: int) -> int:
    row = select_one(
        db,
        "SELECT generation FROM collection WHERE tenant_id = %s AND id = %s",
        (scope.tenant, collection),
    )
    return int(row[0]) if row else 0


def read_facets(db: Connection, scope: Scope, collection: int, limit: int) -> Facets:
    """All facets. The generation is read first: a change in between makes it the older one."""
    number = generation(db, scope, collection)
    row = select_one(
        db,
        "SELECT documents FROM collection WHERE tenant_id = %s AND id = %s",
        (scope.tenant, collection),
    )
    kinds = select(db, _KINDS, (scope.tenant, collection, MOST_FIELDS))
    facets = (
        _facet(db, name, kind, documents, (scope.tenant, field, scope.tenant, collection), limit)
        for field, name, kind, documents in kinds
    )
    return Facets(
        collection=scope.collection,
        documents=int(row[0]) if row else 0,
        generation=number,
        fields=tuple(facets),
    )


def _facet(
    db: Connection,
    name: str,
    kind: FieldKind,
    documents: int,
    place: tuple[object, ...],
    limit: int,
) -> Facet:
    if kind in ("number", "date"):
        sql = _DATES if is_text(kind) else _NUMBERS
        low, high, entries, broken = select(db, sql, place)[0]
        return Facet(
            name, kind, documents, entries, low=_bound(low), high=_bound(high),
            whole=kind == "number" and not broken,
        )  # fmt: skip
    if kind == "string":
        rows = select(db, _STRINGS, (*place, LONGEST_VALUE, limit + 1))
    else:
        rows = select(db, _BOOLEANS, (*place, limit + 1))
    values: dict[Scalar, int] = dict(rows[:limit])
    entries = sum(count for _, count in rows)
    return Facet(name, kind, documents, entries, values, complete=len(rows) <= limit)


def _bound(value: Decimal | str | None) -> float | str | None:
    """Numbers as Python's own: whole ones of 64 bits exactly, others as the float they were."""
    if not isinstance(value, Decimal):
        return value
    whole = value == value.to_integral_value() and abs(value) < LARGEST_INTEGER
    return int(value) if whole else float(value)
