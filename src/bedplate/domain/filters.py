"""A condition over typed metadata, as a tree that each store compiles to its own language."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from bedplate.domain.documents import Scalar
from bedplate.domain.ids import DocumentId
from bedplate.domain.tables import BusinessTable

FieldKind = Literal["string", "number", "boolean", "date"]
Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field <operator> value`, already coerced to one kind.

    Meaning, the same in every store: a comparison looks only at values of `kind`; a list passes
    when any of its members does; a missing or null field passes `ne` and `nin` and nothing else.
    Dates are UTC ISO 8601 text with microseconds, so that text order is time order.
    `in`/`nin` take a tuple, `exists` a boolean (its `kind` is ignored).
    """

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]
    kind: FieldKind


@dataclass(frozen=True, slots=True)
class Documents:
    """The document is one of these: how a condition that a store cannot express reaches it."""

    ids: tuple[DocumentId, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """Some row of the business table belongs to the document and meets all the conditions.

    Their comparisons name columns, and mean what they mean in that database: values are compared
    as given (`kind` says nothing, dates are text), and nothing but `exists` holds of a NULL. A
    database that reads text as the column's type, or refuses to compare two types, does so here.
    """

    table: BusinessTable
    conditions: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    clauses: Sequence["Filter"]


@dataclass(frozen=True, slots=True)
class Or:
    clauses: Sequence["Filter"]


@dataclass(frozen=True, slots=True)
class Not:
    clause: "Filter"


Filter = Comparison | Documents | Related | And | Or | Not

_ISO_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def normalise_date(text: str) -> str | None:
    """An ISO 8601 date or date and time as UTC text with microseconds, or None if it is neither.

    A date stands for its midnight, and a time without a zone is read as UTC:
    "2026-01-02" gives "2026-01-02T00:00:00.000000+00:00".
    """
    if not _ISO_DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="microseconds")


def kind_of(value: Scalar) -> FieldKind:
    """The kind under which a metadata value is indexed; text that is an ISO date is a date."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if normalise_date(value) is None else "date"
