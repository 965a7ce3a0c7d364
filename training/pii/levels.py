"""From which probability on the head is believed: by type, where F2 on rows it has not seen is best."""

from collections.abc import Sequence
from pathlib import Path

from training.pii.data import TYPES, Row

from bedplate.encoder import Encoder
from bedplate.guards.pii_head import TagHead
from bedplate.guards.reading import SegmentReader

GRID = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
USUAL = 0.3
"""For types of which fewer than `LEAST` were seen."""
LEAST = 25
SAME = 0.0025
"""A difference of F2 that is none."""


def levels(model: Path, rows: Sequence[Row]) -> dict[str, float]:
    """The threshold of each type; prints what it was chosen by."""
    encoder = Encoder(model)
    reader = SegmentReader(lambda: encoder, remembered=len(rows) + 1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in TYPES}
    for least in GRID:
        head = TagHead(reader, {"types": TYPES, "tags": dict.fromkeys(TYPES, least)}, {})
        counts = {name: [0, 0, 0] for name in TYPES}
        for row in rows:
            _count(row, head, counts)
        for name, (hit, missed, wrong) in counts.items():
            if hit + missed >= LEAST:
                found[name].append((5 * hit / max(1, 5 * hit + 4 * missed + wrong), least))
    for name, figures in found.items():
        print(name, [(f"{f2:.3f}", least) for f2, least in figures])
    return {name: _chosen(figures) if figures else USUAL for name, figures in found.items()}


def _chosen(figures: Sequence[tuple[float, float]]) -> float:
    """The highest of those that are as good as the best."""
    best = max(f2 for f2, _ in figures)
    return max(least for f2, least in figures if f2 >= best - SAME)


def _count(row: Row, head: TagHead, counts: dict[str, list[int]]) -> None:
    left = head.find(row.text)
    for span in row.spans:
        if span.type not in counts:
            continue
        hit = next(
            (
                f
                for f in left
                if f.type == span.type
                and 2 * (min(f.end, span.end) - max(f.start, span.start))
                >= max(f.end - f.start, span.end - span.start)
            ),
            None,
        )
        counts[span.type][hit is None] += 1
        if hit is not None:
            left.remove(hit)
    for each in left:
        counts[each.type][2] += 1
