"""Whether a human must confirm a call: always, never, or by a condition on its arguments.

A condition is written as filters are, `amount > 100 and currency == "EUR"`; a dot leads into an
object, `address.country != "NO"`. It fails closed: where it cannot be told, a human is asked. That
is so for an argument that is left out and has no default, as leaving it out may mean all of it, and
for a value of another kind than the one it is compared with.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, cast

from bedplate.conditions.field_schema import Count, check_list, nearest, scalar, shown
from bedplate.conditions.filters import read_condition
from bedplate.domain.filters import (
    And,
    Comparison,
    Filter,
    Not,
    Operator,
    Or,
    kind_of,
    normalise_date,
)
from bedplate.domain.tools import ToolSpec
from bedplate.errors import BadFilter, ConfigError
from bedplate.tools.protocol import ToolPolicy
from bedplate.tools.wordings import mapping

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": eq,
    "ne": ne,
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
}
_ABSENT = object()


def needs_approval(spec: ToolSpec, policy: ToolPolicy, arguments: Mapping[str, Any]) -> bool:
    """Whether a human confirms this call; ConfigError for a condition that cannot be read."""
    if isinstance(policy.approve, bool):
        return policy.approve
    return _holds(_read(policy.approve), arguments, spec.parameters) is not False


def check_condition(condition: str, spec: ToolSpec) -> None:
    """ConfigError for what is no condition, or names an argument that the tool does not have."""
    for field in _fields(_read(condition)):
        if _property(spec.parameters, field) is None:
            known = _known(spec.parameters)
            hint = nearest(field, known) if known else " It takes no arguments."
            raise ConfigError(
                f"approve of the tool {spec.name!r}: it has no argument {field!r}.{hint}"
            )


class _Arguments:
    """Makes comparisons of any fields: which there are is the tool's to say."""

    def __init__(self) -> None:
        self._count = Count()

    def exists(self, name: str, *, wanted: bool, position: int | None = None) -> Comparison:
        self._count.add(position)
        return Comparison(name, "exists", wanted, "string")

    def compare(
        self, name: str, operator: Operator, values: Sequence[object], position: int | None = None
    ) -> Comparison:
        self._count.add(position)
        check_list(name, values, position)
        read = tuple(scalar(name, value, position) for value in values)
        if len({kind_of(each) for each in read}) > 1:
            raise BadFilter(f"the list for {shown(name)} mixes kinds of values", position=position)
        several = operator in ("in", "nin")
        return Comparison(name, operator, read if several else read[0], kind_of(read[0]))


@lru_cache(maxsize=256)
def _read(condition: str) -> Filter:
    try:
        return read_condition(condition, _Arguments())
    except BadFilter as error:
        said = error.message.removeprefix("filter: ")
        raise ConfigError(f"approve = {condition!r} is no condition: {said}.") from error


def _fields(tree: Filter) -> set[str]:
    match tree:
        case And(clauses) | Or(clauses):
            return {name for clause in clauses for name in _fields(clause)}
        case Not(clause):
            return _fields(clause)
        case Comparison(field=field):
            return {field}
        case _:
            return set()


def _holds(tree: Filter, arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> bool | None:
    """None: it cannot be told."""
    match tree:
        case And(clauses):
            found = [_holds(clause, arguments, schema) for clause in clauses]
            return False if False in found else None if None in found else True
        case Or(clauses):
            found = [_holds(clause, arguments, schema) for clause in clauses]
            return True if True in found else None if None in found else False
        case Not(clause):
            inner = _holds(clause, arguments, schema)
            return None if inner is None else not inner
        case Comparison():
            return _compared(tree, _value(arguments, tree.field, schema))
        case _:
            return None


def _compared(wanted: Comparison, given: object) -> bool | None:
    if wanted.operator == "exists":
        return (given is not _ABSENT and given is not None) == wanted.value
    if given is _ABSENT or given is None:
        return None
    if isinstance(given, list):
        # As in filters: a list passes when any of its members does; no member of an empty one.
        found = [_compared(wanted, each) for each in cast(list[object], given)]
        return True if True in found else None if None in found else False
    if not isinstance(given, str | int | float):
        return None
    values = wanted.value if isinstance(wanted.value, tuple) else (wanted.value,)
    held, against = _alike(given, values)
    if held is None:
        return None
    if wanted.operator in ("in", "nin"):
        return (held in against) == (wanted.operator == "in")
    return COMPARE[wanted.operator](held, against[0])


def _alike(given: object, values: Sequence[object]) -> tuple[object, Sequence[Any]]:
    """Both in one kind: text that is compared with a date is read as one, dates as text else."""
    if _kind(given) != _kind(values[0]):
        return None, ()
    if not isinstance(given, str):
        return given, values
    dates = [normalise_date(str(each)) for each in values]
    date = normalise_date(given)
    if date is not None and None not in dates:
        return date, dates
    return given, values


def _kind(value: object) -> type:
    # True is 1 to Python, and not to whoever wrote the condition.
    return type(value) if isinstance(value, bool | str) else float


def _value(arguments: Mapping[str, Any], field: str, schema: Mapping[str, Any]) -> object:
    """What is given under the path, or else the default that the tool's schema names."""
    if field in arguments:
        return arguments[field]
    value: object = arguments
    for part in field.split("."):
        if not isinstance(value, Mapping) or part not in value:
            declared = _property(schema, field) or {}
            return declared.get("default", _ABSENT)
        value = cast(Mapping[str, object], value)[part]
    return value


def _property(schema: Mapping[str, Any], field: str) -> Mapping[str, Any] | None:
    """The schema of an argument by its path; an empty one below what says nothing of its fields."""
    properties = mapping(schema.get("properties"))
    if field in properties:
        return _resolved(properties[field], schema)
    inner: Mapping[str, Any] = schema
    for part in field.split("."):
        declared = mapping(inner.get("properties"))
        if part in declared:
            inner = _resolved(declared[part], schema)
        elif inner is not schema and not declared:
            return {}
        else:
            return None
    return inner


def _resolved(inner: object, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = mapping(inner)
    name = str(found.get("$ref", "")).removeprefix("#/$defs/")
    defined = mapping(schema.get("$defs")).get(name)
    return cast(Mapping[str, Any], defined) if isinstance(defined, Mapping) else found


def _known(schema: Mapping[str, Any]) -> list[str]:
    return list(mapping(schema.get("properties")))
