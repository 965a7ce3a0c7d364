"""Markers resolved: each one to the words of a passage that carry its statement."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bedplate.domain.answers import Citation
from bedplate.domain.chat import Passage
from bedplate.markers import cited, without_markers
from bedplate.terms import analyse

_SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])[\"'\u201d\u2019)\]]*\s+|\n+")
_BEFORE_MARKER = re.compile(r"\s*\[")
_OTHERS_END = re.compile(r"[.,;:!?\u2026\u3002\uff01\uff1f\"'\u201d\u2019)*_]*\s+")
"""What ends the statement before, where its marker stands before its full stop."""
MAX_QUOTE = 400
MAX_STATEMENT = 4_000
"""Characters before a marker that are its statement; of a longer one the end."""


def resolve(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """One citation for each marker and statement, in order; a repeated one is given once.

    The quote is the statement itself where the passage has it word for word, otherwise the
    passage's sentence that shares most of its terms.
    """
    texts = {passage.number: _Text(passage.hit.text) for passage in passages}
    by_number = {passage.number: passage for passage in passages}
    found: dict[tuple[int, int, int], Citation] = {}
    statement = _Statement("")
    last = 0
    for number, start, end in cited(answer):
        passage = by_number.get(number)
        if passage is None:
            # What is left of "[1[9]2]" without its unknown inner marker.
            continue
        begin = max(last, start - MAX_STATEMENT)
        if begin and begin == last and (rest := _OTHERS_END.match(answer, begin, start)):
            begin = rest.end()
        said = without_markers(answer[begin:start]).strip()
        if said != statement.text:
            statement = _Statement(said)
        quote_start, quote_end = texts[number].locate(statement)
        key = (number, quote_start, quote_end)
        if key not in found:
            found[key] = citation(passage, quote_start, quote_end)
        if not _BEFORE_MARKER.match(answer, end):
            last = end
    return tuple(found.values())


def citation(passage: Passage, start: int, end: int) -> Citation:
    """Of characters `start` to `end` of the passage's text."""
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
        collection=hit.collection,
    )


class _Statement:
    """What is said before a marker, and its last sentence."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = [text[start:end] for start, end in spans(text)]
        self.last = parts[-1] if parts else text
        self.terms = frozenset(analyse(self.last))


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    terms: frozenset[str]
    length: int


class _Text:
    """A passage's text; its sentences are analysed once, when the first statement needs them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sentences: list[_Sentence] | None = None

    def locate(self, statement: _Statement) -> tuple[int, int]:
        for words in (statement.text, statement.last):
            # The plain look comes first: it is a hundred times faster than the pattern.
            if words and words in self._text and (match := _whole(words).search(self._text)):
                return match.span()
        best, score = (0, 0), -1.0
        for sentence in self._analysed():
            # Shared terms, and among equals the shorter sentence.
            overlap = len(statement.terms & sentence.terms) - sentence.length / 1000
            if overlap > score:
                best, score = (sentence.start, sentence.end), overlap
        return best[0], min(best[1], best[0] + MAX_QUOTE)

    def _analysed(self) -> list[_Sentence]:
        if self._sentences is None:
            analysed = [(span, analyse(self._text[slice(*span)])) for span in spans(self._text)]
            self._sentences = [
                _Sentence(*span, frozenset(terms), len(terms)) for span, terms in analysed if terms
            ]
        return self._sentences


def _whole(words: str) -> re.Pattern[str]:
    """`words` where no word or number goes on beyond either end."""
    first, last = words[0], words[-1]
    before = r"(?<!\w)" * _ends_word(first) + r"(?<!\d[.,])" * first.isdigit()
    after = r"(?!\w)" * _ends_word(last) + r"(?![.,]\d)" * last.isdigit()
    return re.compile(before + re.escape(words) + after)


def _ends_word(character: str) -> bool:
    """Whether a letter beside it would be the same word; scripts of wide characters write words
    without spaces.
    """
    return character.isalnum() and unicodedata.east_asian_width(character) not in "WF"


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
