"""Versions of the same document: the newest speaks, unless the question names a year."""

import re
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.chat import Passage
from bedplate.domain.documents import MetadataValue
from bedplate.models.quote_scoring import Scored
from bedplate.sentences import Span
from bedplate.terms import analyse

Day = tuple[int, int, int]
DATE_FIELDS = (
    "effective", "effective_date", "valid_from", "date", "updated", "updated_at", "year",
)  # fmt: skip
NEAR_IDENTICAL = 0.6
"""Shared terms over all terms (Jaccard), numbers left out."""
WITHIN = 0.5
"""How far below an older version's score the newest version's best sentence may lie."""

_ISO = re.compile(r"\s*(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_VERSION = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\bv(?:ersion)?\.?\s?\d[\d.]*\b", re.IGNORECASE)


def day_of(passage: Passage) -> Day | None:
    """From the metadata, else a year in the title, else one in the source's name."""
    hit = passage.hit
    for name in DATE_FIELDS:
        if found := _read_day(hit.metadata, name):
            return found
    for text in (hit.title, re.split(r"[\\/]", hit.source)[-1]):
        if years := _YEAR.findall(text):
            return int(years[-1]), 0, 0
    return None


def _read_day(metadata: Mapping[str, MetadataValue], name: str) -> Day | None:
    value = metadata.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    match = _ISO.match(str(value))
    return (int(match[1]), int(match[2] or 0), int(match[3] or 0)) if match else None


def family_of(passage: Passage) -> str:
    """What versions of one document share: the title, or else the source, without its year."""
    for text in (passage.hit.title, passage.hit.source):
        if words := " ".join(analyse(_VERSION.sub(" ", text))):
            return words
    return ""


def has_version_of(passages: Sequence[Passage], years: frozenset[int]) -> bool:
    """Whether a document is there in several versions, one of them in force in the last year."""
    if not years:
        return False
    versions: dict[str, set[Day]] = {}
    for passage in passages:
        if day := day_of(passage):
            versions.setdefault(family_of(passage), set()).add(day)
    return any(len(v) > 1 and min(v)[0] <= max(years) for v in versions.values())


def superseded(
    passages: Sequence[Passage], texts: Sequence[str], scored: Scored, years: frozenset[int]
) -> NDArray[np.bool_]:
    """Which sentences another version of their document takes the place of.

    `texts` and `scored.passage` go with `passages`. Of a family of versions the newest wins, or
    the one in force at the end of the last year the question names. An older version keeps the
    word where the winner has nothing on the matter.
    """
    gone = np.zeros(len(scored.sentences), dtype=bool)
    days = [day_of(p) for p in passages]
    families = [family_of(p) for p in passages]
    for old, new in permutations(range(len(passages)), 2):
        ours, theirs = days[old], days[new]
        if ours is None or theirs is None or not _wins(theirs, ours, years):
            continue
        related = families[old] == families[new]
        news = np.flatnonzero(scored.passage == new)
        for i in np.flatnonzero(scored.passage == old):
            gone[i] |= any(
                _alike(scored, int(i), int(j))
                or (related and _takes_over(scored, texts[old], int(i), texts[new], int(j)))
                for j in news
            )
    return gone


def _wins(day: Day, over: Day, years: frozenset[int]) -> bool:
    if years and min(day[0], over[0]) <= max(years):
        last = (max(years), 99, 99)
        if (day <= last) != (over <= last):
            return day <= last
    return day > over


def _takes_over(scored: Scored, old: str, i: int, new: str, j: int) -> bool:
    ours, theirs = scored.sentences[i].context, scored.sentences[j].context
    if ours and theirs and _same(old, ours, new, theirs):
        return True
    return bool(scored.score[j] >= scored.score[i] - WITHIN)


def _same(old: str, ours: Span, new: str, theirs: Span) -> bool:
    return analyse(old[slice(*ours)]) == analyse(new[slice(*theirs)])


def _alike(scored: Scored, i: int, j: int) -> bool:
    a, b = ({t for t in analyse(scored.words[k]) if not t.isdigit()} for k in (i, j))
    return bool(a and b) and len(a & b) / len(a | b) >= NEAR_IDENTICAL
