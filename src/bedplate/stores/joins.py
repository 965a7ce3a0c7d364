"""Joins as people and programs write them: conditions on declared business tables, by name."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

from bedplate.conditions.field_schema import Fields, nearest, shown
from bedplate.conditions.filters import load_json, read_condition
from bedplate.domain.filters import Related
from bedplate.domain.tables import DOCUMENT_ID, BusinessTable
from bedplate.errors import BadFilter
from bedplate.stores.column_schema import ColumnSchema

JOINABLE = frozenset({"string", "number"})
"""Kinds of a field that compare with a key: dates are not kept as they were written."""


def parse_join(
    source: Mapping[str, object], tables: Mapping[str, BusinessTable], fields: Fields
) -> list[Related]:
    """Read `{table: condition}` and check it; each condition in either notation of filters.

    BadFilter names the table, what is wrong and, for text, where.
    """
    if not source:
        raise BadFilter("join: an empty object says nothing; leave it out", param="join")
    return [
        _related(_declared(name, tables), condition, fields) for name, condition in source.items()
    ]


def load_join(text: str) -> dict[str, object]:
    """`{table: condition}` from JSON text; BadFilter for other text."""
    with _told("join"):
        found = load_json(text)
    if not isinstance(found, dict):
        raise BadFilter(f"join: expected an object like {{...}}, not {shown(found)}", param="join")
    return cast(dict[str, object], found)


def _declared(name: str, tables: Mapping[str, BusinessTable]) -> BusinessTable:
    if not tables:
        raise BadFilter(
            "join: no business table is declared; the configuration's [tables] does that",
            param="join",
        )
    if name not in tables:
        raise BadFilter(
            f"join: no table {shown(name)} is declared.{nearest(name, tables)}", param="join"
        )
    return tables[name]


def _related(table: BusinessTable, condition: object, fields: Fields) -> Related:
    kinds = fields.get(table.field, frozenset())
    if table.field != DOCUMENT_ID and not kinds & JOINABLE:
        held = f"holds only {' and '.join(sorted(kinds))} values" if kinds else "is in no document"
        raise BadFilter(
            f"join: the table {table.name!r} is tied to this collection by the field "
            f"{table.field!r}, which {held}",
            param="join",
        )
    with _told(f"join: {table.name}"):
        if not isinstance(condition, str | Mapping):
            raise BadFilter(
                f"filter: a condition is an expression or an object, not {shown(condition)}"
            )
        return Related(
            table, read_condition(cast(str | Mapping[str, object], condition), ColumnSchema(table))
        )


@contextmanager
def _told(what: str) -> Generator[None]:
    """The filter's complaints as complaints about a join."""
    try:
        yield
    except BadFilter as error:
        raise BadFilter(
            f"{what}: {error.message.removeprefix('filter: ')}",
            position=error.position,
            param="join",
        ) from error
