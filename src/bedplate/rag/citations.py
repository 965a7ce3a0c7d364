"""Markers resolved: each one to the words of a passage that carry its statement."""

import re
from collections.abc import Sequence
from itertools import pairwise

from bedplate.domain.answers import Citation
from bedplate.domain.chat import Passage
from bedplate.rag.markers import cited, without_markers
from bedplate.terms import analyse

_SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])[\"'\u201d\u2019)\]]*\s+|\n+")
MAX_QUOTE = 400


def resolve(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """One citation for each marker and statement, in order; a repeated one is given once.

    The quote is the statement itself where the passage has it word for word, otherwise the
    passage's sentence that shares most of its terms.
    """
    by_number = {passage.number: passage for passage in passages}
    found: dict[tuple[int, int, int], Citation] = {}
    last = 0
    for number, start, end in cited(answer):
        passage = by_number.get(number)
        if passage is None:
            # What is left of "[1[9]2]" without its unknown inner marker.
            continue
        statement = without_markers(answer[last:start]).strip()
        quote_start, quote_end = _locate(statement, passage.hit.text)
        key = (number, quote_start, quote_end)
        if key not in found:
            found[key] = _citation(passage, quote_start, quote_end)
        if not answer[end:].lstrip().startswith("["):
            last = end
    return tuple(found.values())


def _citation(passage: Passage, start: int, end: int) -> Citation:
    hit = passage.hit
    return Citation(
        marker=f"[{passage.number}]",
        document_id=hit.document_id,
        chunk_id=hit.chunk_id,
        title=hit.title,
        source=hit.source,
        quote=hit.text[start:end],
        start=hit.start + start,
        end=hit.start + end,
        page=hit.page,
        heading=hit.heading,
    )


def _last_sentence(text: str) -> str:
    parts = [text[start:end].strip() for start, end in spans(text)]
    return next((part for part in reversed(parts) if part), text)


def _locate(statement: str, text: str) -> tuple[int, int]:
    last = _last_sentence(statement)
    for words in (statement, last):
        if words and (at := text.find(words)) >= 0:
            return at, at + len(words)
    terms = set(analyse(last))
    best, score = (0, 0), -1.0
    for start, end in spans(text):
        words = analyse(text[start:end])
        # Shared terms, and among equals the shorter sentence.
        overlap = len(terms.intersection(words)) - len(words) / 1000
        if words and overlap > score:
            best, score = (start, end), overlap
    return best[0], min(best[1], best[0] + MAX_QUOTE)


def spans(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as trimmed offsets; a rough rule, enough to point at a place."""
    cuts = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    trimmed: list[tuple[int, int]] = []
    for start, end in pairwise(cuts):
        part = text[start:end]
        left, right = len(part) - len(part.lstrip()), len(part.rstrip())
        if right > left:
            trimmed.append((start + left, start + right))
    return trimmed
