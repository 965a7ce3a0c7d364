"""The measure: every field of every served operation, and what became of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from scripts.openai_coverage.calls import walk
from scripts.openai_coverage.fields import fields_of, literals, members, told
from scripts.openai_coverage.hosted import hosted
from scripts.openai_coverage.place import Place, place
from scripts.openai_coverage.probes import Found, probe
from scripts.openai_coverage.surface import Operation, operations

AREAS = (
    "chat/completions", "completions", "responses", "conversations", "embeddings", "files", "uploads",
    "vector_stores", "moderations", "batches", "models",
)  # fmt: skip
SAME = {
    "POST /v1/conversations/{conversation_id}/items": "data[]",
    "POST /v1/responses/compact": "output[]",
}
"""Answers that hold what another operation of the area answers with."""

ALWAYS_THE_SAME = {"POST /v1/moderations": re.compile(r"results\[\]\.categor(y|ies)")}
"""Fields of answers that are there and say nothing."""


NOT_EFFECTIVE = frozenset({"ignored", "refused", "absent"})


@dataclass
class Measured:
    """Of one operation: fields of the request, of the query, of the answer, and events."""

    operation: Operation
    asked: dict[str, str] = field(default_factory=dict[str, str])
    answered: dict[str, str] = field(default_factory=dict[str, str])
    events: dict[str, str] = field(default_factory=dict[str, str])

    def tell_hosted(self) -> None:
        """What is not there, or without effect, as it belongs to a service of OpenAI's own."""
        for states in (self.asked, self.answered, self.events):
            for path, state in states.items():
                if state in NOT_EFFECTIVE and hosted(path) is not None:
                    states[path] = "hosted"

    @property
    def all(self) -> list[str]:
        return [*self.asked.values(), *self.answered.values(), *self.events.values()]


@dataclass
class Coverage:
    measured: list[Measured]
    missing: list[Operation]
    elsewhere: list[Operation]

    def of(self, area: str) -> list[Measured]:
        return [each for each in self.measured if each.operation.area == area]


async def measure() -> Coverage:
    known = operations()
    expected = [operation for operation in known if operation.area in AREAS]
    # Before the server is there: reading the types takes seconds, in which it could not answer.
    for operation in expected:
        _told(operation)
    async with place() as at:
        described = (await at.served.get("/openapi.json")).json["paths"]
        routes = {
            (method.upper(), re.sub(r"{[^}]*}", "{}", path)): operation
            for path, methods in described.items()
            for method, operation in methods.items()
        }
        served = {
            operation: routes[key]
            for operation in expected
            if (key := (operation.method, "/v1" + re.sub(r"{[^}]*}", "{}", operation.path)))
            in routes
        }
        ids = await walk(at)
        measured = [
            await _measured(at, operation, route, ids) for operation, route in served.items()
        ]
        _add_answers(at, measured)
        for each in measured:
            each.tell_hosted()
    missing = [operation for operation in expected if operation not in served]
    elsewhere = [operation for operation in known if operation.area not in AREAS]
    return Coverage(measured, missing, elsewhere)


@cache
def _told(operation: Operation) -> frozenset[str]:
    answer = operation.answer
    if answer in {None, type(None)} or "Binary" in str(answer):
        return frozenset()
    same = SAME.get(str(operation), "\0")
    return frozenset(path for path in told(answer) if not path.startswith(same))


async def _measured(
    at: Place,
    operation: Operation,
    route: Mapping[str, Any],
    ids: Mapping[str, str],
) -> Measured:
    result = Measured(operation)
    parameters = {each["name"] for each in route.get("parameters", ())}
    for name in _query(operation):
        result.asked[f"?{name}"] = "read" if name in parameters else "ignored"
    if operation.body is not None:
        found: list[Found] = await probe(at, operation, ids)
        result.asked |= {each.path: each.state for each in found}
    result.events = _events(at, operation)
    return result


def _add_answers(at: Place, measured: Iterable[Measured]) -> None:
    """A type that several operations of an area answer with is counted once, at the first."""
    by_type: dict[tuple[str, str], list[Measured]] = {}
    for each in sorted(measured, key=lambda one: one.operation.method != "POST"):
        if _told(each.operation):
            kind = (each.operation.area, str(each.operation.answer))
            by_type.setdefault(kind, []).append(each)
    for together in by_type.values():
        held = set[str]().union(*(at.fields.get(each.operation, set()) for each in together))
        first = together[0]
        constant = ALWAYS_THE_SAME.get(str(first.operation))
        for path in sorted(_told(first.operation)):
            state = "sent" if path in held else "absent"
            if state == "sent" and constant is not None and constant.match(path):
                state = "constant"
            first.answered[path] = state


def _query(operation: Operation) -> list[str]:
    if operation.query is None:
        return []
    named = {name for kind in members(operation.query) for name in fields_of(kind)}
    if operation.query is operation.body:  # one type says both; what is not in the body is asked
        named &= {"include"}
    return sorted(name for name in named if f"{{{name}}}" not in operation.path)


def _events(at: Place, operation: Operation) -> dict[str, str]:
    """The types of events; where they have none, their fields."""
    if operation.event is None or operation.method != "POST":
        return {}
    held = at.events.get(operation, set())
    types = members(operation.event)
    known = [literals(fields_of(each)["type"])[0] for each in types] if len(types) > 1 else None
    return {
        each: "sent" if each in held else "absent"
        for each in (known if known is not None else told(operation.event))
    }
