"""Calls of tools: the schemas and the right calls of the Berkeley function-calling leaderboard.

Every right call must fit our check of arguments, and every wrong one must not. BFCL writes Python's
names for types; JSON Schema's are put in their place (dict: object, float: number, tuple: array, any:
no type), undeclared arguments are not allowed, and a declared default is. Of a right call's listed values the first is
taken; an argument that may be left out is given once and left out once.

A right call is made wrong in one place: a required argument left out; a value of another kind; a value
that is none of the enum's; an argument that the function does not have; the JSON cut off in the
middle; a function that there is not.

Then each right call is written in every form in which a model writes calls as text, and read again.
"""

import ast
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from tests.bench.evaluation import NoData, folder, rows

from bedplate.errors import InvalidInput
from bedplate.models.written_calls import read_calls
from bedplate.tools.arguments import Arguments, read_arguments

SINGLE = (
    "simple_python", "multiple", "parallel", "parallel_multiple",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple",
)  # fmt: skip
TURNS = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param")
SHOWN = 400
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}

Call = tuple[str, dict[str, Any]]


def schema_of(given: Any, *, top: bool = True) -> Any:
    """JSON Schema in the place of BFCL's."""
    if isinstance(given, list):
        return [schema_of(each, top=False) for each in cast("list[Any]", given)]
    if not isinstance(given, dict):
        return given
    made: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", given).items():
        if key == "type" and isinstance(value, str):
            named = TYPES.get(value, value)
            made |= {} if named is None else {"type": named}
        elif key == "properties":
            made[key] = {name: schema_of(inner, top=False) for name, inner in value.items()}
        elif key in ("items", "additionalProperties"):
            made[key] = schema_of(value, top=False)
        elif key in ("enum", "required", "default", "minimum", "maximum", "minItems", "maxItems"):
            made[key] = value
    if top:
        made["additionalProperties"] = False
    return allowing_default(made)


def allowing_default(made: dict[str, Any]) -> dict[str, Any]:
    """What is left out is the default, so that the default itself fits, whatever the type says."""
    if "default" not in made:
        return made
    if made["default"] is None and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if "enum" in made and made["default"] not in made["enum"]:
        made["enum"] = [*made["enum"], made["default"]]
    return made


def first(allowed: Any, schema: Mapping[str, Any]) -> Any:
    """The first value that is right, where `allowed` lists values; "" says that it may be left out."""
    value = next((each for each in allowed if each != ""), allowed[0])
    return plain(value, schema)


def plain(value: Any, schema: Mapping[str, Any]) -> Any:
    """A nested object's fields list what is right as well."""
    if isinstance(value, dict) and "object" in str(schema.get("type")):
        inner = schema.get("properties", {})
        return {
            key: first(each, inner.get(key, {})) if each and isinstance(each, list) else each
            for key, each in cast("dict[str, Any]", value).items()
            if each != [""]
        }
    if isinstance(value, list):
        return [plain(each, schema.get("items", {})) for each in cast("list[Any]", value)]
    return cast(Any, value)


def right(expected: Mapping[str, list[Any]], schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    properties = schema.get("properties", {})
    given = {
        name: first(allowed, properties.get(name, {}))
        for name, allowed in expected.items()
        if allowed not in ([""], [])
    }
    yield given
    required = set(schema.get("required", ()))
    for name, allowed in expected.items():
        if name in given and name not in required and "" in allowed:
            yield {key: value for key, value in given.items() if key != name}


def wrong(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each way of making it wrong that the schema speaks about."""
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name in arguments:
            yield "left out", {key: value for key, value in arguments.items() if key != name}
    for name in arguments:
        declared = properties.get(name, {})
        if "type" in declared:
            other = ["wrong"] if "array" not in declared["type"] else {"wrong": 1}
            yield "another kind", {**arguments, name: other}
        if "enum" in declared:
            yield "none of the enum", {**arguments, name: "no such value"}
    yield "unknown argument", {**arguments, "no_such_argument": 1}


def written(calls: list[Call]) -> dict[str, str]:
    """The calls as a model writes them, in each form."""
    objects = [{"name": name, "arguments": given} for name, given in calls]
    wire = [
        {
            "id": f"c{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(given)},
        }
        for n, (name, given) in enumerate(calls)
    ]
    return {
        "openai": json.dumps({"tool_calls": wire}),
        "hermes": "\n".join(f"<tool_call>\n{json.dumps(each)}\n</tool_call>" for each in objects),
        "llama 3": "<|python_tag|>"
        + "; ".join(json.dumps({"name": name, "parameters": given}) for name, given in calls),
        "mistral": f"[TOOL_CALLS] {json.dumps(objects)}",
        "mistral, newer": "".join(
            f"[TOOL_CALLS]{name}[ARGS]{json.dumps(given)}" for name, given in calls
        ),
        "pythonic": "["
        + ", ".join(
            f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})"
            for name, given in calls
        )
        + "]",
    }


def read_back(text: str, names: set[str]) -> list[Call] | None:
    _, calls = read_calls(text, names)
    return [(call.name, dict(call.arguments)) for call in calls] or None


class Tally:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: list[str] = []
        self.accepted: list[str] = []
        self.unread: list[str] = []
        self.seconds = 0.0
        self.checks = 0
        self.checkers: dict[str, Arguments] = {}

    def arguments(self, schema: Any) -> Arguments:
        key = json.dumps(schema)
        if key not in self.checkers:
            self.checkers[key] = Arguments(schema)
        return self.checkers[key]

    def problems(self, check: Arguments, arguments: Any) -> tuple[str, ...]:
        self.checks += 1
        started = time.process_time()
        found = check.problems(arguments)
        self.seconds += time.process_time() - started
        return found

    def call(self, case: str, name: str, arguments: dict[str, Any], schema: Any) -> None:
        check = self.arguments(schema)
        self.counts["right calls"] += 1
        if problems := self.problems(check, arguments):
            self.refused.append(f"{case} {name}: {problems[0]}")
            return
        for way, other in wrong(arguments, schema):
            self.counts[f"wrong: {way}"] += 1
            if not self.problems(check, other):
                self.accepted.append(f"{case} {name}, {way}: {json.dumps(other)[:200]}")
        text = json.dumps(arguments)
        self.counts["wrong: JSON cut off"] += 1
        try:
            read_arguments(text[: len(text) // 2])
        except InvalidInput:
            return
        self.accepted.append(f"{case} {name}, JSON cut off")

    def formats(self, case: str, calls: list[Call], names: set[str]) -> None:
        wanted = [(name, json.loads(json.dumps(given))) for name, given in calls]
        for form, text in written(calls).items():
            self.counts[f"written: {form}"] += 1
            if read_back(text, names) != wanted:
                self.unread.append(f"{case} {form}: {text[:200]}")
            # The same of a function that there is not.
            if read_back(text, {f"{name}_" for name in names}) is not None:
                self.unread.append(f"{case} {form}: read though there is no such function")


def single_turns(path: Path, tally: Tally) -> None:
    for part in SINGLE:
        for row in rows(path / f"{part}.jsonl"):
            schemas = {each["name"]: schema_of(each["parameters"]) for each in row["function"]}
            tally.counts["schemas"] += len(schemas)
            calls: list[Call] = []
            for expected in row["ground_truth"]:
                ((name, arguments),) = expected.items()
                variants = list(right(arguments, schemas[name]))
                calls.append((name, variants[0]))
                for given in variants:
                    tally.call(row["id"], name, given, schemas[name])
            tally.formats(row["id"], calls, set(schemas))


def several_turns(path: Path, tally: Tally) -> None:
    """Their right calls are written as Python; positional arguments are named by the schema's order."""
    documents = [
        row for file in sorted((path / "multi_turn_func_doc").glob("*.json")) for row in rows(file)
    ]
    schemas = {each["name"]: schema_of(each["parameters"]) for each in documents}
    tally.counts["schemas"] += len(schemas)
    for part in TURNS:
        for row in rows(path / f"{part}.jsonl"):
            for turn in row["ground_truth"]:
                for text in turn:
                    call = ast.parse(text, mode="eval").body
                    assert isinstance(call, ast.Call)
                    name = ast.unparse(call.func)
                    order = list(schemas[name]["properties"])
                    given = dict(zip(order, map(ast.literal_eval, call.args), strict=False))
                    given |= {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
                    tally.call(row["id"], name, given, schemas[name])
                    tally.formats(row["id"], [(name, given)], set(schemas))


def main() -> None:
    try:
        path = folder("agents_bfcl")
    except NoData as error:
        print(f"skipped: {error}")
        return
    tally = Tally()
    single_turns(path, tally)
    several_turns(path, tally)
    print(json.dumps(dict(sorted(tally.counts.items())), indent=1))
    for name in ("refused", "accepted", "unread"):
        listed = getattr(tally, name)
        print(f"{name}: {len(listed)}")
        for each in listed[:SHOWN]:
            print(f"  {each}")
    print(f"a check of arguments: {tally.seconds / tally.checks * 1e6:.0f} CPU-microseconds")


if __name__ == "__main__":
    main()
