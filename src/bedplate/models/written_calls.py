"""Calls of tools that a model wrote into its text, in the forms that open models are trained on.

- Hermes and Qwen: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`
- Llama 3: `<|python_tag|>{"name": …, "parameters": {…}}`, several apart by ";", or
  `<function=NAME>{…}</function>`
- Mistral: `[TOOL_CALLS] [{"name": …, "arguments": {…}}]`, or `[TOOL_CALLS]NAME[ARGS]{…}`
- pythonic (Llama 4, Gemma): `[NAME(city="Oslo"), NAME(…)]`
- OpenAI's own objects, or plain `{"name": …, "arguments": {…}}`, as the whole text, fenced or not

Only tools of the request count: text that looks like a call of anything else stays text.
"""

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

MARKERS = ("<tool_call>", "<function=", "<|python_tag|>", "<|python_start|>", "[TOOL_CALLS]")
"""What begins a call, wherever it stands."""

WHOLE = ("{", "[", "`")
"""What a whole answer begins with that may be a call without a marker."""

MOST_CHARACTERS = 200_000
MOST_CALLS = 128

_TAGGED = re.compile(
    r"<tool_call>(?P<hermes>.*?)(?:</tool_call>|\Z)"
    r"|<function=(?P<name>[^>\s]{1,200})>(?P<given>.*?)(?:</function>|\Z)"
    r"|<\|python_tag\|>(?P<tag>.*?)(?:<\|eom_id\|>|<\|eot_id\|>|\Z)"
    r"|<\|python_start\|>(?P<python>.*?)(?:<\|python_end\|>|\Z)"
    r"|\[TOOL_CALLS\](?P<mistral>.*?)(?=\[TOOL_CALLS\]|</s>|\Z)",
    re.DOTALL,
)
_ARGS = re.compile(r"\s*(?P<name>[^\[\]{}\s]{1,200})\[ARGS\](?P<given>.*)", re.DOTALL)
_FENCE = re.compile(r"\s*```(?:json|python|tool_call)?\s*\n(?P<inner>.*)\n\s*```\s*", re.DOTALL)
_LITERALS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class WrittenCall:
    name: str
    arguments: Mapping[str, Any]


def read_calls(text: str, names: Collection[str]) -> tuple[str, tuple[WrittenCall, ...]]:
    """The calls in a whole answer, and what else it says.

    The text is as it was, and there are no calls, where any of what looks like one cannot be read or
    is of no tool in `names`.
    """
    if len(text) > MOST_CHARACTERS:
        return text, ()
    blocks = list(_TAGGED.finditer(text))
    try:
        if blocks:
            calls = [call for block in blocks for call in _of_block(block)]
            rest = _TAGGED.sub("", text).replace("</s>", "").strip()
        elif text.lstrip()[:1] not in WHOLE:
            return text, ()
        else:
            fenced = _FENCE.fullmatch(text)
            calls = list(_of_text(fenced["inner"] if fenced else text))
            rest = ""
    except (ValueError, RecursionError, MemoryError):
        return text, ()
    if not calls or len(calls) > MOST_CALLS or any(call.name not in names for call in calls):
        return text, ()
    return rest, tuple(calls)


def _of_block(block: re.Match[str]) -> Iterator[WrittenCall]:
    if block["name"] is not None:
        yield WrittenCall(block["name"], _object(json.loads(block["given"] or "{}")))
        return
    if block["mistral"] is not None and (found := _ARGS.fullmatch(block["mistral"])):
        yield WrittenCall(found["name"], _object(json.loads(found["given"])))
        return
    yield from _of_text(next(part for part in block.groupdict().values() if part is not None))


def _of_text(text: str) -> Iterator[WrittenCall]:
    text = text.strip()
    if text.startswith("{") or re.match(r"\[\s*\{", text):
        for value in _values(text):
            yield from _of_json(value)
    else:
        yield from _of_python(text)


def _values(text: str) -> Iterator[object]:
    """JSON values one after the other, apart by nothing, commas or semicolons."""
    decoder = json.JSONDecoder()
    position = 0
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        yield value
        while position < len(text) and text[position] in ";, \t\r\n":
            position += 1


def _of_json(value: object) -> Iterator[WrittenCall]:
    match value:
        case list():
            for each in cast(list[object], value):
                yield from _of_json(each)
        case {"tool_calls": list()}:
            yield from _of_json(cast(Mapping[str, object], value)["tool_calls"])
        case {"function": dict()}:
            yield from _of_json(cast(Mapping[str, object], value)["function"])
        case {"name": str() as name}:
            given = cast(Mapping[str, Any], value)
            arguments = given.get("arguments", given.get("parameters", {}))
            # OpenAI writes the arguments as a text of their own.
            read = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
            yield WrittenCall(name, _object(read))
        case _:
            raise ValueError("this is no call")


def _of_python(text: str) -> Iterator[WrittenCall]:
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError("this is no call") from error
    calls: Sequence[ast.expr] = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    for call in calls:
        named = isinstance(call, ast.Call) and not call.args and all(k.arg for k in call.keywords)
        if not isinstance(call, ast.Call) or not named:
            raise ValueError("this is no call, or one whose arguments have no names")
        yield WrittenCall(
            ast.unparse(call.func),
            {str(each.arg): _literal(each.value) for each in call.keywords},
        )


def _literal(node: ast.expr) -> Any:
    """What JSON has; ValueError for all else."""
    match node:
        case ast.Name(id=name) if name in _LITERALS:
            return _LITERALS[name]
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_literal(each) for each in elements]
        case ast.Dict(keys=keys, values=values):
            pairs = [
                (each and _literal(each), value) for each, value in zip(keys, values, strict=True)
            ]
            return _object({key: _literal(value) for key, value in pairs})
        case _:
            raise ValueError("an argument is no plain value")


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in cast(Any, value)):
        raise ValueError("this is no object")
    return cast(Mapping[str, Any], value)
