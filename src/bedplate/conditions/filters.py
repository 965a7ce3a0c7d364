"""Filters as people and programs write them, read into the domain's tree and checked.

Two notations mean the same: an expression, `price < 50 and not (stock = 0)`, and JSON with the
operator names of MongoDB's query language, `{"price": {"$lt": 50}}`.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import cast

from bedplate.conditions.expressions import parse_expression
from bedplate.conditions.field_schema import MAX_DEPTH, Fields, FieldSchema, Schema, joined, shown
from bedplate.domain.filters import And, Filter, Not, Operator, Or
from bedplate.errors import BadFilter

MAX_CHARACTERS = 4096

_COMPARE: Mapping[str, Operator] = {
    "$eq": "eq",
    "$ne": "ne",
    "$gt": "gt",
    "$gte": "gte",
    "$lt": "lt",
    "$lte": "lte",
    "$in": "in",
    "$nin": "nin",
}
_FIELD_OPERATORS = (*_COMPARE, "$exists", "$not")
_LOGICAL_OPERATORS = ("$and", "$or", "$not")


def parse_filter(source: str | Mapping[str, object], fields: Fields) -> Filter:
    """Read `source` and check it against a collection's `fields`.

    Text whose first character is "{" is JSON, other text an expression. Literals arrive coerced
    to one kind, dates in the form of `normalise_date`. BadFilter says what is wrong and, for
    text, where.
    """
    return read_condition(source, FieldSchema(fields))


def read_condition(source: str | Mapping[str, object], schema: Schema) -> Filter:
    """Either notation as the domain's tree, its comparisons made and checked by `schema`."""
    if not isinstance(source, str):
        return _read_object(source, schema, 1)
    if len(source) > MAX_CHARACTERS:
        raise BadFilter(
            f"filter: {len(source)} characters are too many; at most {MAX_CHARACTERS:,} are read"
        )
    if source.lstrip().startswith("{"):
        return _read_object(load_json(source), schema, 1)
    return parse_expression(source, schema)


def load_json(source: str) -> object:
    """Any JSON; BadFilter for other text, and for a key that is given twice."""
    try:
        return json.loads(source, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise BadFilter(
            f"filter: not JSON: {error.msg} at position {error.pos + 1}", position=error.pos + 1
        ) from error
    except RecursionError as error:
        raise BadFilter(f"filter: nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        # Python refuses to convert integers of thousands of digits.
        raise BadFilter("filter: a number has too many digits") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read: dict[str, object] = {}
    for key, value in pairs:
        if key in read:
            raise BadFilter(f"filter: {shown(key)} is given twice; join the two with $and")
        read[key] = value
    return read


def _read_object(source: object, schema: Schema, depth: int) -> Filter:
    """One JSON object: all of its entries must hold."""
    clauses: list[Filter] = []
    for key, value in _entries(source, depth):
        if key in ("$and", "$or"):
            parts = _list(key, value)
            if not parts:
                raise BadFilter(f"filter: {key} is given an empty list; leave it out")
            inner = [_read_object(part, schema, depth + 1) for part in parts]
            clauses.append(joined(And if key == "$and" else Or, inner))
        elif key == "$not":
            clauses.append(Not(_read_object(value, schema, depth + 1)))
        elif key.startswith("$"):
            raise BadFilter(_unknown_operator(key, _LOGICAL_OPERATORS))
        elif isinstance(value, Mapping):
            clauses.append(_read_conditions(key, cast(object, value), schema, depth + 1))
        elif isinstance(value, list | tuple):
            raise BadFilter(f'filter: {shown(key)} is given a list; write {{"$in": [...]}}')
        else:
            clauses.append(schema.compare(key, "eq", [value]))
    return joined(And, clauses)


def _read_conditions(name: str, source: object, schema: Schema, depth: int) -> Filter:
    """The operators of one field, e.g. {"$gt": 1, "$lt": 5}: all must hold."""
    clauses: list[Filter] = []
    for key, value in _entries(source, depth):
        if key == "$not":
            clauses.append(Not(_read_conditions(name, value, schema, depth + 1)))
        elif key == "$exists":
            if not isinstance(value, bool):
                raise BadFilter(f"filter: $exists takes true or false, not {shown(value)}")
            clauses.append(schema.exists(name, wanted=value))
        elif key not in _COMPARE:
            raise BadFilter(_unknown_operator(key, _FIELD_OPERATORS))
        elif key in ("$in", "$nin"):
            clauses.append(schema.compare(name, _COMPARE[key], _list(key, value)))
        else:
            clauses.append(schema.compare(name, _COMPARE[key], [value]))
    return joined(And, clauses)


def _list(key: str, value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise BadFilter(f"filter: {key} takes a list, not {shown(value)}")
    return cast(Sequence[object], value)


def _entries(source: object, depth: int) -> list[tuple[str, object]]:
    if depth > MAX_DEPTH:
        raise BadFilter(f"filter: nested deeper than {MAX_DEPTH}")
    if not isinstance(source, Mapping):
        raise BadFilter(f"filter: expected an object like {{...}}, not {shown(source)}")
    pairs = list(cast(Mapping[object, object], source).items())
    if not pairs:
        raise BadFilter("filter: an empty object says nothing; leave the filter out")
    entries = [(key, value) for key, value in pairs if isinstance(key, str)]
    if len(entries) < len(pairs):
        raise BadFilter("filter: the keys of an object must be text")
    return entries


def _unknown_operator(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key[:100], known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"filter: unknown operator {shown(key)}.{hint} Known here: {', '.join(known)}."
