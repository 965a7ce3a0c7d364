"""Running heads and feet: what is printed again at the edge of page after page, page numbers too.

A line is one when it stands in the outer part of its page, apart from the body, no larger than it,
and at the same height on at least three pages that follow each other (left and right pages may
alternate). Its words are the same each time, but for one number that counts the pages. What stands
close to the body is kept: that may be the head of a table which goes on from page to page.
"""

import itertools
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

_MARGIN = 0.12
_MOST_ROWS = 4
_LEAST_PAGES = 3
_ALTERNATE = 2
_APART = 1.6
_SAME_HEIGHT = 3.0
_SAME_ROW = 2.0
_LARGER = 1.15
_LONGEST = 200
_MOST_NUMBERS = 6
_MOST_NAMED = 5
_NUMBER = re.compile(r"\d{1,5}")
_SEPARATED = re.compile(r"^\s*[|·•/–—-]\s|\s[|·•/–—-]\s*$")
_NUMBER_OF_PAGE = re.compile(
    r"\W*(?:(?:page|pg|p|seite|s|página|pagina|pág|strona|sida|side|sivu|стр|第)\W*)?"
    r"#\W*(?:(?:of|von|de|di|sur|z|av|af|из|/)\W*\d+\W*|页|頁|ページ)?",
    re.IGNORECASE,
)


class Printed(Protocol):
    """A printed line; lengths in points from the page's lower left, size 0 where not known."""

    @property
    def text(self) -> str: ...
    @property
    def size(self) -> float: ...
    @property
    def bold(self) -> bool: ...
    @property
    def bottom(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Extent:
    """Where an upright page ends, below and above, in points."""

    bottom: float
    top: float


@dataclass(frozen=True, slots=True)
class RunningHeads:
    """Which lines repeat: page number from 1 -> places in its lines; and what they say."""

    places: Mapping[int, frozenset[int]]
    said: Mapping[str, int]

    def warning(self) -> str | None:
        """What was left out and on how many pages each, the most frequent first."""
        if not self.said:
            return None
        named = sorted(self.said.items(), key=lambda entry: (-entry[1], entry[0]))
        shown = "; ".join(f"{text!r} on {count:,}" for text, count in named[:_MOST_NAMED])
        more = len(named) - _MOST_NAMED
        return (
            f"Left out as running heads and feet of {len(self.places):,} pages: {shown}"
            f"{f'; and {more:,} more' if more > 0 else ''}."
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """The lines of one height: their places in the page's lines."""

    bottom: float
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    """The rows of one page from its head or its foot inwards, those in the margin counted."""

    page: int
    at_top: bool
    rows: Sequence[_Row]
    outer: int


def find_running_heads(
    pages: Sequence[Sequence[Printed]], extents: Sequence[Extent | None]
) -> RunningHeads:
    """What repeats. A page whose lines' places are not all known, or without extent, is left alone.

    A page never loses all that stands on it.
    """
    if len(pages) < _LEAST_PAGES:
        return RunningHeads({}, {})
    body = _body(pages)
    edges = [
        edge
        for number, (lines, extent) in enumerate(zip(pages, extents, strict=True), 1)
        if extent is not None and lines and all(line.size for line in lines)
        for edge in _edges(number, lines, extent)
    ]
    repeated = _repeated(pages, edges, body)
    places: dict[int, frozenset[int]] = {}
    said: Counter[str] = Counter()
    for number, both in itertools.groupby(edges, lambda edge: edge.page):
        lines = pages[number - 1]
        left_out = {place for edge in both for place in _left_out(edge, lines, repeated)}
        if left_out and len(left_out) < len(lines):
            places[number] = frozenset(left_out)
            said.update({repeated[number, place] for place in left_out})
    return RunningHeads(places, said)


def _body(pages: Sequence[Sequence[Printed]]) -> tuple[float, bool]:
    """Size and weight of most of the text."""
    weights: Counter[tuple[float, bool]] = Counter()
    for line in itertools.chain.from_iterable(pages):
        if line.size:
            weights[line.size, line.bold] += len(line.text)
    return weights.most_common(1)[0][0] if weights else (0.0, False)


def _edges(number: int, lines: Sequence[Printed], extent: Extent) -> Iterator[_Edge]:
    rows: list[_Row] = []
    for place in sorted(range(len(lines)), key=lambda place: -lines[place].bottom):
        bottom = lines[place].bottom
        if rows and rows[-1].bottom - bottom <= _SAME_ROW:
            rows[-1] = _Row(rows[-1].bottom, (*rows[-1].places, place))
        else:
            rows.append(_Row(bottom, (place,)))
    margin = _MARGIN * (extent.top - extent.bottom)
    above = sum(row.bottom >= extent.top - margin for row in rows[:_MOST_ROWS])
    yield _Edge(number, at_top=True, rows=rows, outer=above)
    upwards = rows[::-1]
    below = sum(row.bottom <= extent.bottom + margin for row in upwards[:_MOST_ROWS])
    yield _Edge(number, at_top=False, rows=upwards, outer=below)


def _repeated(
    pages: Sequence[Sequence[Printed]], edges: Sequence[_Edge], body: tuple[float, bool]
) -> dict[tuple[int, int], str]:
    """(page, place in its lines) of what repeats -> what it says, "#" for the page's number."""
    found: dict[tuple[bool, str, str], list[tuple[int, int, float]]] = defaultdict(list)
    for edge in edges:
        for row in edge.rows[: edge.outer]:
            for place in row.places:
                line = pages[edge.page - 1][place]
                for key, shown in _forms(line, edge, body):
                    found[edge.at_top, key, shown].append((edge.page, place, row.bottom))
    return {
        (page, place): shown
        for (_, _, shown), seen in found.items()
        for run in _runs(seen)
        if len({page for page, _, _ in run}) >= _LEAST_PAGES
        for page, place, _ in run
    }


def _forms(line: Printed, edge: _Edge, body: tuple[float, bool]) -> Iterator[tuple[str, str]]:
    """What a line may repeat as: itself, or with a number told by its distance from the page's.

    "Question 3" on the third page may be that page's title: words with a number are taken where
    no title would be set so.
    """
    text = " ".join(line.text.split())
    size, is_bold = body
    if not text or len(text) > _LONGEST or line.size > _LARGER * size:
        return
    yield text.casefold(), text
    plain = not edge.at_top or line.size < size or text.isupper()
    for number in itertools.islice(_NUMBER.finditer(text), _MOST_NUMBERS):
        before, after = text[: number.start()], text[number.end() :]
        shown = f"{before}#{after}"
        apart = bool(_SEPARATED.search(before) or _SEPARATED.search(after))
        untitled = (plain or apart) and (is_bold or not line.bold)
        if untitled or _NUMBER_OF_PAGE.fullmatch(shown):
            yield f"{before}\0{int(number.group()) - edge.page}\0{after}".casefold(), shown


def _runs(seen: Sequence[tuple[int, int, float]]) -> Iterator[list[tuple[int, int, float]]]:
    """Those of one height, on pages next to each other or every other page."""
    by_height = sorted(seen, key=lambda entry: entry[2])
    while by_height:
        lowest = by_height[0][2]
        level = [entry for entry in by_height if entry[2] - lowest <= _SAME_HEIGHT]
        by_height = by_height[len(level) :]
        level.sort()
        run = level[:1]
        for entry in level[1:]:
            if entry[0] - run[-1][0] > _ALTERNATE:
                yield run
                run = []
            run.append(entry)
        yield run


def _left_out(
    edge: _Edge, lines: Sequence[Printed], repeated: Mapping[tuple[int, int], str]
) -> Iterator[int]:
    """The outermost rows that repeat, as far in as one that stands apart from the next."""
    count = 0
    while count < edge.outer and all(
        (edge.page, place) in repeated for place in edge.rows[count].places
    ):
        count += 1
    pitch = _pitch(edge.rows)
    while 0 < count < len(edge.rows):
        gap = abs(edge.rows[count - 1].bottom - edge.rows[count].bottom)
        height = max(lines[place].size for place in edge.rows[count].places)
        if gap >= _APART * max(pitch, height):
            break
        count -= 1
    for row in edge.rows[:count]:
        yield from row.places


def _pitch(rows: Sequence[_Row]) -> float:
    steps = [abs(one.bottom - next_.bottom) for one, next_ in itertools.pairwise(rows)]
    return statistics.median(steps or [0.0])
