"""The measure as a page of Markdown."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from scripts.openai_coverage.fields import members
from scripts.openai_coverage.hosted import services
from scripts.openai_coverage.measure import AREAS, Coverage, Measured
from scripts.openai_coverage.surface import Operation, version

TAKEN = ("read", "passed on", "ignored", "sent", "constant")
EFFECTIVE = ("read", "passed on", "sent")
LISTED = ("passed on", "ignored", "refused", "constant", "absent", "hosted")

HEAD = """# Coverage of OpenAI's API

Made by `python -m scripts.openai_coverage`; a test fails where it is out of date. What there is to cover is read from OpenAI's official Python client, version {version}: {operations} operations, and the types of their requests, answers and events. What is covered is found by asking a running server, over a model server of kind `openai` that answers with everything it is asked for.

**Names** are those of the first level of a request and an answer, each counted as taken where any of it is. **Fields** are counted by their paths, where they have no fields of their own; a member of a union counts on its own, so that each of OpenAI's own tools and kinds of item counts with all its fields. A type that several operations of an area answer with is counted once.

| state | of | meaning |
|---|---|---|
| read | requests | is taken, and a wrong type in its place is refused |
| passed on | requests | is not looked at, and reaches the model's server |
| ignored | requests | is taken, and has no effect |
| refused | requests | a request with it is answered 4xx |
| sent | answers, events | was in an answer |
| constant | answers | is in answers, and always says the same |
| absent | answers, events | was in none |
| hosted | all | is refused, absent or ignored, and belongs to a tool or service that runs on OpenAI's machines, which Bedplate does not have: {services} |

**Taken** is the share that is not refused and not absent: what a client can send and finds. **Of effect** leaves out what is ignored or constant. The last two columns are the same without what is **hosted**. All are over the operations that are served.

OGX publishes 91.7 % over all, moderations 17.0 %, batches 39.9 %. It compares its own OpenAPI document with OpenAI's, so its share is of what it declares; the share nearest to that is the one of names.
"""


def page(coverage: Coverage) -> str:
    return "\n".join([*_summary(coverage), *_details(coverage)])


def _summary(coverage: Coverage) -> Iterator[str]:
    known = len(coverage.measured) + len(coverage.missing) + len(coverage.elsewhere)
    listed = ", ".join(services())
    yield HEAD.format(version=version(), operations=known, services=listed)
    yield "| area | operations | names | taken | fields | taken | of effect | hosted | taken | of effect |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for area in AREAS:
        missing = [each for each in coverage.missing if each.area == area]
        yield _row(f"[{area}](#{_anchor(area)})", coverage.of(area), missing)
    yield _row("all of these", coverage.measured, coverage.missing)
    yield ""


def _row(name: str, measured: Sequence[Measured], missing: Sequence[Operation]) -> str:
    states = [state for each in measured for state in each.all]
    operations = f"{len(measured)} of {len(measured) + len(missing)}"
    if not states:
        return f"| {name} | {operations} | | | | | | | | |"
    names = [state for each in measured for state in named(each)]
    rest = [state for state in states if state != "hosted"]
    shares = " | ".join(
        (
            f"{len(states):,}",
            _share(states, TAKEN),
            _share(states, EFFECTIVE),
            f"{len(states) - len(rest):,}",
            _share(rest, TAKEN),
            _share(rest, EFFECTIVE),
        )
    )
    return f"| {name} | {operations} | {len(names):,} | {_share(names, TAKEN)} | {shares} |"


def named(measured: Measured) -> list[str]:
    """The first names of a request's and an answer's fields, each in the best of its states."""
    best: dict[tuple[str, str], str] = {}
    # An answer that may be of many kinds has no first names of its own.
    several = measured.answered and len(members(measured.operation.answer)) > 1
    for what in ("asked",) if several else ("asked", "answered"):
        for path, state in getattr(measured, what).items():
            key = (what, re.split(r"[.\[]", path)[0])
            former = best.get(key, "absent")
            best[key] = min(former, state, key=lambda s: TAKEN.index(s) if s in TAKEN else 9)
    return list(best.values())


def _share(states: Sequence[str], counted: Iterable[str]) -> str:
    known = set(counted)
    return f"{100 * sum(state in known for state in states) / len(states):.1f} %"


def _details(coverage: Coverage) -> Iterator[str]:
    for area in AREAS:
        yield f"## {area}"
        yield ""
        for each in coverage.of(area):
            yield from _operation(each)
        for operation in coverage.missing:
            if operation.area == area:
                yield f"- `{operation}`: not served."
        yield ""
    yield "## Not served"
    yield ""
    ordered = sorted(coverage.elsewhere, key=lambda each: each.area)
    for area, operations in groupby(ordered, key=lambda each: each.area):
        yield f"- {area}: {len(list(operations))} operations"
    yield ""


def _operation(measured: Measured) -> Iterator[str]:
    counts = Counter(measured.all)
    said = ", ".join(f"{counts[s]} {s}" for s in dict.fromkeys((*TAKEN, *LISTED)) if counts[s])
    yield f"- `{measured.operation}`: {said or 'no fields'}."
    for what, states in (
        ("request", measured.asked),
        ("answer", measured.answered),
        ("events", measured.events),
    ):
        together = gathered(states)
        for state in LISTED:
            paths = [path for path, found in together.items() if found == state]
            if paths:
                yield f"    - {what}, {state}: {', '.join(f'`{path}`' for path in sorted(paths))}"


def gathered(states: Mapping[str, str]) -> dict[str, str]:
    """One path, with "…" at its end, for all below it where they are all in one state."""
    found: dict[str, str] = {}
    for path, state in states.items():
        parts = re.findall(r"\.?[^.\[]+|\[\]|\[[^\]]+\]", path)
        prefixes = ["".join(parts[:length]) for length in range(1, len(parts))]
        for prefix in prefixes:
            below = {s for p, s in states.items() if p.startswith(prefix) and _is_in(p, prefix)}
            if len(below) == 1 and _count(states, prefix) > 1:
                found[f"{prefix}…"] = state
                break
        else:
            found[path] = state
    return found


def _is_in(path: str, prefix: str) -> bool:
    return path == prefix or path[len(prefix)] in ".["


def _count(states: Mapping[str, str], prefix: str) -> int:
    return sum(path.startswith(prefix) and _is_in(path, prefix) for path in states)


def _anchor(area: str) -> str:
    return re.sub(r"[^\w\- ]", "", area)
