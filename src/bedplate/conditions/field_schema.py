"""The checks that every filter passes, whichever way it was written."""

import difflib
import math
import reprlib
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bedplate.domain.documents import Scalar
from bedplate.domain.filters import (
    And,
    Comparison,
    FieldKind,
    Filter,
    Operator,
    Or,
    kind_of,
    normalise_date,
)
from bedplate.errors import BadFilter

MAX_COMPARISONS = 200
MAX_DEPTH = 32
MAX_LIST = 1000


Fields = Mapping[str, frozenset[FieldKind]]


class Schema(Protocol):
    """What either notation asks to make its comparisons; BadFilter for those that do not fit."""

    def exists(self, name: str, *, wanted: bool, position: int | None = None) -> Comparison: ...

    def compare(
        self, name: str, operator: Operator, values: Sequence[object], position: int | None = None
    ) -> Comparison: ...


class Count:
    """How many comparisons one filter has made."""

    def __init__(self) -> None:
        self._comparisons = 0

    def add(self, position: int | None) -> None:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise BadFilter(
                f"filter: more than {MAX_COMPARISONS} comparisons{at(position)}; "
                "use 'in' for many values of one field",
                position=position,
            )


class FieldSchema:
    """Makes comparisons that fit the fields, and counts them."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._count = Count()

    def exists(self, name: str, *, wanted: bool, position: int | None = None) -> Comparison:
        self._kinds(name, position)
        return Comparison(name, "exists", wanted, "string")

    def compare(
        self, name: str, operator: Operator, values: Sequence[object], position: int | None = None
    ) -> Comparison:
        kinds = self._kinds(name, position)
        check_list(name, values, position)
        read = [self._coerce(name, kinds, value, position) for value in values]
        kind = read[0][0]
        found = {each for each, _ in read}
        if len(found) > 1:
            raise BadFilter(
                f"filter: the list for {shown(name)} mixes {' and '.join(sorted(found))}"
                f"{at(position)}; write one comparison a kind and join them with 'or'",
                position=position,
            )
        if kind == "boolean" and operator in ("gt", "gte", "lt", "lte"):
            raise BadFilter(
                f"filter: {shown(name)} cannot be ordered against a boolean{at(position)}; "
                "use == or !=",
                position=position,
            )
        coerced = tuple(value for _, value in read)
        return Comparison(
            name, operator, coerced if operator in ("in", "nin") else coerced[0], kind
        )

    def _kinds(self, name: str, position: int | None) -> frozenset[FieldKind]:
        self._count.add(position)
        kinds = self._fields.get(name)
        if kinds is None:
            raise BadFilter(
                f"filter: no field {shown(name)}{at(position)}.{self._nearest(name)}",
                position=position,
            )
        return kinds

    def _nearest(self, name: str) -> str:
        if not self._fields:
            return " This collection has no metadata fields."
        return nearest(name, self._fields)

    @staticmethod
    def _coerce(
        name: str, kinds: frozenset[FieldKind], value: object, position: int | None
    ) -> tuple[FieldKind, Scalar]:
        given = scalar(name, value, position)
        kind = kind_of(given)
        if kind == "date" and "date" not in kinds:
            kind = "string"
        if kind not in kinds:
            held = f"holds {' and '.join(sorted(kinds))}" if kinds else "holds no value yet"
            raise BadFilter(
                f"filter: {shown(name)} {held}, so it cannot be compared with the "
                f"{kind} {shown(given)}{at(position)}",
                position=position,
            )
        if kind == "date":
            return kind, normalise_date(str(given)) or str(given)
        return kind, given


def check_list(name: str, values: Sequence[object], position: int | None) -> None:
    if not values:
        raise BadFilter(
            f"filter: the list of values for {shown(name)} is empty{at(position)}",
            position=position,
        )
    if len(values) > MAX_LIST:
        raise BadFilter(
            f"filter: {len(values):,} values for {shown(name)} are too many; "
            f"a list holds at most {MAX_LIST:,}",
            position=position,
        )


def nearest(name: str, known: Collection[str]) -> str:
    """What may have been meant, as a sentence to add to a message."""
    near = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.5)
    if near:
        return f" Did you mean {near[0]!r}?"
    listed = ", ".join(sorted(known)[:12])
    return f" Known: {listed}{', ...' if len(known) > 12 else '.'}"


def scalar(name: str, value: object, position: int | None) -> Scalar:
    """`value` in a form that every store can bind: finite 64-bit numbers, encodable text."""
    problem = "use text, a number or a boolean"
    match value:
        case bool():
            return value
        case int() if -(2**63) <= value < 2**63:
            return value
        case int() | float():
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
            problem = "it is not a finite number"
        case str():
            if not any("\ud800" <= character <= "\udfff" for character in value):
                return value
            problem = "it holds half of a surrogate pair"
        case None:
            problem = "ask for missing values with exists"
        case _:
            pass
    raise BadFilter(
        f"filter: {shown(name)} cannot be compared with {shown(value)}{at(position)}; {problem}",
        position=position,
    )


def shown(value: object) -> str:
    """`value` short enough for a message, however large or deep it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    return short.repr(value)


def at(position: int | None) -> str:
    return "" if position is None else f" at position {position}"


def joined(join: type[And] | type[Or], clauses: Sequence[Filter]) -> Filter:
    return clauses[0] if len(clauses) == 1 else join(tuple(clauses))
