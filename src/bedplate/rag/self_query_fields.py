"""A collection's fields as a model is shown them: name, type, bounds and sample values."""

from collections.abc import Iterator

from bedplate.domain.facets import Facet, Facets
from bedplate.domain.filters import normalise_date
from bedplate.rag.quoted import quoted

MOST_FIELDS = 40
MOST_VALUES = 24
"""A field with at most so many values is shown with all of them."""
SAMPLES = 8
LONGEST_VALUE = 60
"""Longer values are left out: cut, they would be wrong in a filter."""
MOST_CHARACTERS = 6_000
_DAY = len("2026-01-02")


def shown_fields(facets: Facets, question: str) -> str:
    """A line of JSON for each field and kind, those that most documents have first.

    Of many values those that the question names come first. Bounded by `MOST_FIELDS` and
    `MOST_CHARACTERS`; a field whose line does not fit is left out.
    """
    asked = question.casefold()
    lines: list[str] = []
    left = MOST_CHARACTERS
    for facet in facets.fields[:MOST_FIELDS]:
        line = quoted(dict(_facts(facet, asked)))
        if len(line) < left:
            lines.append(line)
            left -= len(line) + 1
    return "\n".join(lines)


def _facts(facet: Facet, asked: str) -> Iterator[tuple[str, object]]:
    yield "field", facet.name
    yield "type", facet.kind
    if facet.entries > facet.documents:
        yield "list", True
    if facet.kind in ("number", "date"):
        yield "from", _bound(facet.low)
        yield "to", _bound(facet.high)
        return
    values = [value for value in facet.values if len(str(value)) <= LONGEST_VALUE]
    most = len(values) if len(values) <= MOST_VALUES else SAMPLES
    # Sorting is stable: behind the named ones the most frequent stay first.
    chosen = sorted(values, key=lambda value: str(value).casefold() not in asked)[:most]
    yield "values", chosen
    if not facet.complete or len(chosen) < len(facet.values):
        yield "more_values", True


def _bound(value: float | str | None) -> float | str | None:
    """Dates as days: a question seldom asks for microseconds."""
    if isinstance(value, str) and normalise_date(value) is not None:
        return value[:_DAY]
    return value
