"""What AgentDojo's tasks come to, as calls.

The data set holds them as Python expressions, which are read and not run. Where they look into the
environment, each suite says what they find there (`found`).
"""

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

Call = tuple[str, Mapping[str, Any]]
Found = Mapping[str, Any]
"""Values by the expressions for them, or by the argument that they are given for."""


def calls_of(task: Mapping[str, Any], found: Found) -> list[Call]:
    return [_call(source, task["constants"], found) for source in task["gold_calls_source"]]


def _call(source: str, constants: Mapping[str, Any], found: Found) -> Call:
    parsed = ast.parse(source, mode="eval").body
    assert isinstance(parsed, ast.Call)
    given = {each.arg: each.value for each in parsed.keywords}
    function, arguments = given["function"], given["args"]
    assert isinstance(function, ast.Constant)
    assert isinstance(arguments, ast.Dict)
    named: dict[str, Any] = {}
    for key, value in zip(arguments.keys, arguments.values, strict=True):
        assert isinstance(key, ast.Constant)
        name = str(key.value)
        try:
            named[name] = _value(value, constants, found)
        except ValueError:
            if name not in found:
                raise
            named[name] = found[name]
    return str(function.value), named


def _value(node: ast.AST, constants: Mapping[str, Any], found: Found) -> Any:
    """Constants, names of the data set's, and what is put together from them."""
    text = ast.unparse(node)
    if text in found:
        return found[text]
    match node:
        case ast.Constant(value):
            return value
        case ast.Attribute(attr=name) if name in constants:
            return constants[name]
        case ast.BoolOp(values=[first, *_]) | ast.FormattedValue(value=first):
            return _value(first, constants, found)
        case _:
            return _composed(node, constants, found)


def _composed(node: ast.AST, constants: Mapping[str, Any], found: Found) -> Any:
    match node:
        case ast.BinOp(left, ast.Add(), right):
            return _value(left, constants, found) + _value(right, constants, found)
        case ast.BinOp(left, ast.Mult(), right):
            return _value(left, constants, found) * _value(right, constants, found)
        case ast.JoinedStr(values=parts):
            return "".join(str(_value(part, constants, found)) for part in parts)
        case ast.List(elts=inner):
            return [_value(each, constants, found) for each in inner]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {
                _value(key, constants, found): _value(value, constants, found)
                for key, value in pairs
                if key is not None
            }
        case _:
            raise ValueError(f"what is {ast.unparse(node)}?")


class Obedient:
    """Plays a user's calls, and those of an injection as soon as it has read it."""

    def __init__(self, user: Sequence[Call], attack: Sequence[Call], goal: str) -> None:
        self._user = user
        self._attack = attack
        self._goals = (goal, json.dumps(goal)[1:-1], json.dumps(goal, ensure_ascii=False)[1:-1])
        self.read = False

    def __call__(self, messages: Sequence[Mapping[str, Any]]) -> Call | None:
        results = [str(m["content"]) for m in messages if m["role"] == "tool"]
        read = next((n for n, text in enumerate(results, 1) if self._holds(text)), None)
        plan = list(self._user)
        if read is not None:
            self.read = True
            plan[read:read] = self._attack
        return plan[len(results)] if len(results) < len(plan) else None

    def _holds(self, text: str) -> bool:
        return any(goal in text for goal in self._goals)
