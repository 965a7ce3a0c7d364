"""Reading order of what stands at places on a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Shape = TypeVar("Shape")

_MOST_SHAPES = 1_000


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in any unit; the origin is at the top left."""

    left: int
    top: int
    right: int
    bottom: int


def cut_in_order(shapes: Sequence[Shape], boxes: Sequence[Box | None]) -> Iterator[Shape]:
    """The shapes as a person reads them; those without a place come last, in their own order.

    Recursive cuts at the widest empty band, across or down (the XY cut of Nagy and Seth, 1984);
    what no band separates is read from the top, then from the left.
    """
    placed = [(box, place) for place, box in enumerate(boxes) if box is not None]
    stack = [placed] if placed else []
    while stack:
        group = stack.pop()
        halves = _halves(group) if 1 < len(group) <= _MOST_SHAPES else None
        if halves is not None:
            stack += reversed(halves)
            continue
        for _, place in sorted(group, key=lambda each: (each[0].top, each[0].left, each[1])):
            yield shapes[place]
    for place, box in enumerate(boxes):
        if box is None:
            yield shapes[place]


_Group = list[tuple[Box, int]]


def _halves(group: _Group) -> tuple[_Group, _Group] | None:
    """Two groups on the two sides of the widest band; a row's edge wins where both are as wide."""
    across = _widest([(box.top, box.bottom) for box, _ in group])
    down = _widest([(box.left, box.right) for box, _ in group])
    if across is not None and (down is None or across[0] >= down[0]):
        first = [each for each in group if each[0].top < across[1]]
    elif down is not None:
        first = [each for each in group if each[0].left < down[1]]
    else:
        return None
    before = {place for _, place in first}
    return first, [each for each in group if each[1] not in before]


def _widest(spans: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The widest gap that no span reaches into: its width, and where it ends."""
    best: tuple[int, int] | None = None
    spans = sorted(spans)
    reach = spans[0][1]
    for start, end in spans[1:]:
        # Something must start before the cut, else one side would be empty.
        if spans[0][0] < start >= reach and (best is None or start - reach > best[0]):
            best = start - reach, start
        reach = max(reach, end)
    return best
