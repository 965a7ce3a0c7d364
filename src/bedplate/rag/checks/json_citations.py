"""Which passages hold the values of a JSON answer, word for word."""

import re
from collections.abc import Sequence
from dataclasses import replace

from bedplate.domain.answers import Citation
from bedplate.domain.chat import Passage
from bedplate.rag.checks.json_answer import Leaf
from bedplate.rag.citations import citation, spans
from bedplate.terms import analyse

MOST_QUOTE = 400
_NUMBER = re.compile(r"(-?)(\d{1,30})(?:\.(\d{1,30}))?")


def cite_values(leaves: Sequence[Leaf], passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """A citation of each value that stands in a passage; its `marker` is the value's JSON path.

    Of several sentences that hold it the one that shares most of the value's name and words.
    """
    sentences = [
        (passage, start, end, passage.hit.text[start:end])
        for passage in passages
        for start, end in spans(passage.hit.text)
    ]
    analysed = [frozenset(analyse(text)) for *_, text in sentences]
    found: list[Citation] = []
    for leaf in leaves:
        pattern = _whole(leaf.value)
        wanted = frozenset(analyse(f"{leaf.name} {leaf.value}"))
        holding = [n for n, (*_, text) in enumerate(sentences) if pattern.search(text)]
        if holding:
            best = max(holding, key=lambda n: (len(wanted & analysed[n]), -n))
            passage, start, end, _ = sentences[best]
            made = citation(passage, start, min(end, start + MOST_QUOTE))
            found.append(_at(made, leaf.path))
    return tuple(found)


def _at(made: Citation, path: str) -> Citation:
    return replace(made, marker=path)


def _whole(value: str) -> re.Pattern[str]:
    if number := _NUMBER.fullmatch(value):
        return re.compile(rf"(?<![\w.,]){_as_written(*number.groups())}(?!\w|[.,]\d)")
    parts = r"\s+".join(map(re.escape, value.split()))
    return re.compile(rf"(?<![\w.,]){parts}(?!\w|[.,]\d)", re.IGNORECASE)


def _as_written(sign: str, whole: str, fraction: str | None) -> str:
    """A number with or without signs between its thousands, and zeros behind its fraction."""
    first = len(whole) % 3 or 3
    groups = [whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))]
    digits = r"[,'\u2019\u00a0\u202f]?".join(groups)
    kept = (fraction or "").rstrip("0")
    return f"{re.escape(sign)}{digits}" + (rf"[.]{kept}0*" if kept else r"(?:[.]0+)?")
