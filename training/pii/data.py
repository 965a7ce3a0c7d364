"""Rows with the spans of personal data in them: templates filled anew, and presidio's rows swapped."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.evaluation import folder, rows
from training.encoder.batches import CLS, IGNORED, SEP, Example
from training.pii.fillers import KINDS, Fillers

from bedplate.guards.pii_shapes import shapes

TYPES = ("PERSON", "ORGANIZATION", "LOCATION", "ADDRESS", "AGE", "ZIP", "NRP", "TITLE", "DATE", "PHONE",
         "URL", "DRIVER_LICENSE")  # fmt: skip
TAGS = 1 + 2 * len(TYPES)
"""Outside, then the beginning and the inside of each type."""
SETS = ("presidio_synth_v2", "presidio_generated_large")
MERGED = {
    "STREET_ADDRESS": "ADDRESS", "GPE": "LOCATION", "ZIP_CODE": "ZIP", "DATE_TIME": "DATE",
    "PHONE_NUMBER": "PHONE", "DOMAIN_NAME": "URL", "US_DRIVER_LICENSE": "DRIVER_LICENSE",
}  # fmt: skip
LONGEST = 200
"""Word pieces of one example."""

BENIGN, COUNTS = (0.0, 0.0), 0.2
"""Nobody gives orders in these texts: so much they count for both heads against injections."""

_SLOT = re.compile(r"\{([A-Z#])\}")


@dataclass(frozen=True, slots=True)
class Span:
    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    spans: tuple[Span, ...]
    template: str = ""


def templates() -> list[tuple[str, str]]:
    """Language and text of each of our own."""
    here = Path(__file__).parent / "templates"
    return [
        (path.stem, line.replace("\\n", "\n"))
        for path in sorted(here.glob("*.txt"))
        for line in path.read_text("utf-8").split("\n")
        if line.strip()
    ]


def filled(template: str, language: str, fillers: Fillers) -> Row:
    parts, spans, position, length = [], [], 0, 0
    for slot in _SLOT.finditer(template):
        value = fillers.value(slot[1], language)
        before = template[position : slot.start()]
        start = length + len(before)
        if KINDS[slot[1]]:
            spans.append(Span(KINDS[slot[1]], start, start + len(value)))
        parts += [before, value]
        length, position = start + len(value), slot.end()
    return Row("".join((*parts, template[position:])), tuple(spans), template)


def presidio(name: str) -> list[Row]:
    return [
        Row(
            row["text"],
            tuple(Span(MERGED.get(s["type"], s["type"]), s["start"], s["end"]) for s in row["spans"]),
            f"{name}-{row['template']}",
        )
        for row in rows(folder("pii") / f"{name}.jsonl")
    ]  # fmt: skip


def split(all_rows: Sequence[Row], seed: int, share: float) -> tuple[list[Row], list[Row]]:
    """Rows to learn from and rows kept apart; no template is in both."""
    names = sorted({row.template for row in all_rows})
    kept = set(random.Random(seed).sample(names, round(share * len(names))))
    return [r for r in all_rows if r.template not in kept], [
        r for r in all_rows if r.template in kept
    ]


def _sort_of(type: str, value: str) -> tuple[str, ...]:
    """What may stand for what: a number of a house does not stand for an address of four lines."""
    if type != "ADDRESS":
        return (type,)
    return (type, str("\n" in value), str(value.replace(" ", "").isdigit()), str(len(value) > 25))


class Swapper:
    """Puts other values of the same sort into presidio's rows, from the rows and from Faker."""

    def __init__(self, known: Sequence[Row], fillers: Fillers, draw: random.Random) -> None:
        self._pool: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._fillers, self._draw = fillers, draw
        for row in known:
            for span in row.spans:
                value = row.text[span.start : span.end]
                self._pool[_sort_of(span.type, value)].append(value)

    def swapped(self, row: Row) -> Row:
        parts, spans, position, length = [], [], 0, 0
        for span in row.spans:
            value = row.text[span.start : span.end]
            value = self._other(span.type, value)
            before = row.text[position : span.start]
            start = length + len(before)
            spans.append(Span(span.type, start, start + len(value)))
            parts += [before, value]
            length, position = start + len(value), span.end
        return Row("".join((*parts, row.text[position:])), tuple(spans), row.template)

    def _other(self, type: str, value: str) -> str:
        if type == "PERSON" and self._draw.random() < 0.6:
            kind = "P" if " " in value else self._draw.choice("FL")
            return self._fillers.value(kind, self._draw.choice(("en", "")))
        if type in _LETTERS and self._draw.random() < 0.5:
            return self._fillers.value(_LETTERS[type], self._draw.choice(("en", "")))
        return self._draw.choice(self._pool[_sort_of(type, value)])


_LETTERS = {"ORGANIZATION": "O", "LOCATION": "C", "NRP": "R", "ZIP": "Z", "AGE": "G"}


def recased(row: Row, draw: random.Random) -> Row:
    """Some people write without capitals, and some with nothing else."""
    form = draw.random()
    if form > 0.12:
        return row
    text = row.text.lower() if form < 0.09 else row.text.upper()
    return Row(text, row.spans, row.template) if len(text) == len(row.text) else row


def examples(row: Row, tokenizer: Any) -> Iterator[Example]:
    """The row in stretches of at most `LONGEST` pieces."""
    encoding = tokenizer.encode(row.text, add_special_tokens=False)
    offsets, words = encoding.offsets, encoding.word_ids
    first_of: dict[int, list[int]] = defaultdict(list)
    for place, word in enumerate(words):
        first_of[word].append(place)
    bounds = [(offsets[p[0]][0], offsets[p[-1]][1]) for p in first_of.values()]
    kinds = dict(zip(first_of, shapes(row.text, bounds), strict=True))
    tags = [0] * len(words)
    for span in row.spans:
        if span.type not in TYPES:
            continue
        begin = 1 + 2 * TYPES.index(span.type)
        inside = [p for p, (a, b) in enumerate(offsets) if a < span.end and b > span.start]
        for number, place in enumerate(inside):
            tags[place] = begin if number == 0 else begin + 1
    for start in range(0, max(1, len(words)), LONGEST):
        part = slice(start, start + LONGEST)
        yield Example(
            [CLS, *encoding.ids[part], SEP],
            BENIGN,
            [0, *(kinds[w] for w in words[part]), 0],
            weight=COUNTS,
            tags=[IGNORED, *tags[part], IGNORED],
        )
