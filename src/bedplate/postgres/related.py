"""Conditions on business tables as SQL: a query for the documents that their rows belong to.

Names come from the configuration and are quoted; values are bound, as everywhere. Numbers and
booleans are bound as such; text is bound without a type, so that the server reads it as the
column's own: a date, a number, an enum. What does not compare is the server's to refuse.
https://www.postgresql.org/docs/current/typeconv-oper.html
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import errors

from bedplate.domain.documents import Scalar
from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.domain.tables import DOCUMENT_ID, BusinessTable
from bedplate.errors import BadFilter, StorageError
from bedplate.postgres.database import Connection, execute, select
from bedplate.postgres.errors import first_line
from bedplate.postgres.values import PREFIX, digest, exact

SYMBOLS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
DEFAULT_SCHEMA = "public"

Condition = tuple[str, list[object]]

# Key and value are equal as numbers where both are numbers, and as text otherwise. The text is
# compared by its characters, whatever the key's own collation: "a" and "A" are two.
KIND = "(SELECT id FROM field_kind WHERE collection_id = %s AND digest = %s AND kind = '{kind}')"
KEY = '(t.{key}::text COLLATE "C")'
BY_TEXT = f"""
SELECT f.document AS document FROM {{table}} t
JOIN field f ON f.kind = {KIND.format(kind="string")}
  AND left(f.string, {PREFIX}) = left({KEY}, {PREFIX}) AND f.string = {KEY}
WHERE {{where}}
"""  # noqa: S608 - constants
# A key that is text may be long, or no number; one of a numeric type is never longer in its text
# than a number of metadata, if it equals one.
NUMERAL = "^-?[0-9]+([.][0-9]+)?(e[+-]?[0-9]{{1,3}})?$"
LONGEST_NUMERAL = 400
BY_NUMBER = f"""
SELECT f.document AS document FROM {{table}} t
JOIN field f ON f.kind = {KIND.format(kind="number")}
  AND f.number = CASE WHEN length({KEY}) <= {LONGEST_NUMERAL} AND {KEY} ~ '{NUMERAL}'
    THEN {KEY}::numeric END
  AND (pg_typeof(t.{{key}}) = ANY('{{{{int2,int4,int8,numeric,float4,float8}}}}'::regtype[])
    OR f.number::text COLLATE "C" = {KEY})
WHERE {{where}}
"""  # noqa: S608
BY_ID = f"""
SELECT d.id AS document FROM {{table}} t
JOIN document d ON d.collection_id = %s AND d.document_id = {KEY}
WHERE {{where}}
"""  # noqa: S608
# Not by the column's own collation or type: tenants "a" and "A" are two, and so are "7" and "07".
TENANT = 't.{tenant}::text COLLATE "C" = (SELECT tenant_id FROM collection WHERE id = %s) AND '

MISFITS = (
    psycopg.DataError,
    errors.UndefinedFunction,
    errors.AmbiguousFunction,
    errors.DatatypeMismatch,
    errors.CannotCoerce,
    errors.WrongObjectType,
    errors.IndeterminateDatatype,
)
"""How the server refuses to compare a column with a value."""


def compile_related(related: Related, collection: int) -> Condition:
    """A query for `document` of the rows that the conditions leave, and its values.

    The tenant is the collection's own.
    """
    table = related.table
    where, values = _compile(related.conditions)
    where = f"({where})"
    if table.tenant_column is not None:
        where = TENANT.format(tenant=quoted(table.tenant_column)) + where
        values = [collection, *values]
    by_id = table.field == DOCUMENT_ID
    values = [collection, *([] if by_id else [digest(table.field)]), *values]
    queries = [
        query.format(table=_relation(table), key=quoted(table.key), where=where)
        for query in ([BY_ID] if by_id else [BY_TEXT, BY_NUMBER])
    ]
    return " UNION ALL ".join(queries), values * len(queries)


def place_of_table(table: BusinessTable) -> tuple[str, str]:
    """Schema and name: "schema.name", or a name alone in `public`."""
    schema, dot, name = table.table.partition(".")
    return (schema, name) if dot else (DEFAULT_SCHEMA, table.table)


def quoted(name: str) -> str:
    """An identifier as it stands; % would begin a value to bind."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


@contextmanager
def reading(db: Connection, filter: Filter | None) -> Generator[None]:
    """What is read within cannot write, where it may read business tables.

    Raises:
        BadFilter: a value does not compare with its column; both are named.
        StorageError: a table, such as a view that computes, fails for a reason of its own.
    """
    leaves = list(_leaves(filter))
    if not leaves:
        yield
        return
    try:
        with _unwritable(db):
            yield
    except MISFITS as error:
        for table, comparison in leaves:
            _check_comparison(db, table, comparison)
        names = ", ".join(sorted({repr(table.name) for table, _ in leaves}))
        raise StorageError(f"The table {names} cannot be read: {first_line(error)}.") from error


@contextmanager
def _unwritable(db: Connection) -> Generator[None]:
    with db.transaction():
        execute(db, "SET TRANSACTION READ ONLY")
        yield


def _check_comparison(db: Connection, table: BusinessTable, comparison: Comparison) -> None:
    where, values = _compile(comparison)
    try:
        with _unwritable(db):
            select(db, f"SELECT FROM {_relation(table)} t WHERE {where} LIMIT 0", values)
    except MISFITS as error:
        raise BadFilter(
            f"join: {table.name}: the column {comparison.field!r} does not compare with "
            f"{str(comparison.value)[:80]!r}: {first_line(error)}",
            param="join",
        ) from error


def _leaves(filter: Filter | None) -> Iterator[tuple[BusinessTable, Comparison]]:
    """The comparisons with columns of business tables."""
    match filter:
        case Related(table, conditions):
            yield from ((table, comparison) for comparison in _comparisons(conditions))
        case Not(clause):
            yield from _leaves(clause)
        case And(clauses) | Or(clauses):
            for clause in clauses:
                yield from _leaves(clause)
        case Comparison() | Documents() | None:
            return


def _comparisons(condition: Filter) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            yield condition
        case Not(clause):
            yield from _comparisons(clause)
        case And(clauses) | Or(clauses):
            for clause in clauses:
                yield from _comparisons(clause)
        case Documents() | Related():
            raise AssertionError("conditions on a business table compare its columns")


def _relation(table: BusinessTable) -> str:
    return ".".join(map(quoted, place_of_table(table)))


def _compile(condition: Filter) -> Condition:
    match condition:
        case Comparison():
            return _compile_comparison(condition)
        case Not(clause):
            sql, values = _compile(clause)
            return f"NOT ({sql})", values
        case And(clauses) | Or(clauses):
            parts = [_compile(clause) for clause in clauses]
            word = " AND " if isinstance(condition, And) else " OR "
            joined = word.join(f"({sql})" for sql, _ in parts) or str(isinstance(condition, And))
            return joined, [value for _, values in parts for value in values]
        case Documents() | Related():
            raise AssertionError("conditions on a business table compare its columns")


def _compile_comparison(comparison: Comparison) -> Condition:
    column = f"t.{quoted(comparison.field)}"
    members = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    match comparison.operator:
        case "exists":
            return f"{column} IS {'NOT ' if comparison.value else ''}NULL", []
        case "in" | "nin":
            # One array for each type: 65,535 values are the most that a statement takes.
            lists = _by_type(members)
            sql = " OR ".join(f"{column} = ANY(%s)" for _ in lists) or "false"
            return f"{'NOT ' if comparison.operator == 'nin' else ''}({sql})", lists
        case operator:
            return f"{column} {SYMBOLS[operator]} %s", [_bound(members[0])]


def _by_type(members: Sequence[Scalar]) -> list[object]:
    texts = [member for member in members if isinstance(member, str)]
    booleans = [member for member in members if isinstance(member, bool)]
    numbers = [_bound(m) for m in members if not isinstance(m, str | bool)]
    if not all(isinstance(number, int) for number in numbers):
        numbers = [exact(m) for m in members if not isinstance(m, str | bool)]
    return [values for values in (texts, booleans, numbers) if values]


def _bound(value: Scalar) -> object:
    """Whole numbers as integers, which compare with integers by their index; others exactly."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else exact(value)
    return value
