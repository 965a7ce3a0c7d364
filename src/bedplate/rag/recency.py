"""Newer documents a little higher, where the question asks for what is current.

"The latest price list", "what applies now", "the fee as of 2024": of hits that fit about equally
the later one is meant. A question without such a word, and hits without dates, are left alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bedplate.domain.documents import MetadataValue
from bedplate.domain.filters import normalise_date
from bedplate.domain.retrieval import Hit
from bedplate.rag.ranking import behind

WINDOW = 20
"""Hits that are compared, however few or many are wanted."""

DATE_FIELDS = (
    "effective", "effective_date", "valid_from", "date", "updated", "updated_at", "modified",
    "published", "published_at", "released", "created", "created_at", "added", "year",
)  # fmt: skip
"""What dates a document, first come first; without any of them its only date does."""

_CURRENT = re.compile(
    r"\b(?:latest|newest|most recent|recent(?:ly)?|current(?:ly)?|up[- ]to[- ]date|nowadays|today"
    r"|these days|at present|at the moment|right now|this year|still (?:valid|in force|apply"
    r"|applies))\b",
    re.IGNORECASE,
)
_AS_OF = re.compile(
    r"\bas (?:of|at)\s+(?:(?:the )?(?:end of |start of |\d{1,2} )?[a-z]{3,9}\.? (?:\d{1,2},? )?)?"
    r"((?:19|20)\d\d)(-\d\d-\d\d)?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is current: of everything, or of what is dated before `before` (ISO 8601, UTC)."""

    before: str | None = None


def wanted(question: str) -> Wanted | None:
    """What time the question asks about; None where it names none."""
    if match := _AS_OF.search(question):
        # "As of a day" includes that day, and a year or a month all of that year.
        end = normalise_date(f"{match[1]}{match[2]}") if match[2] else None
        return Wanted(end[:10] + "T24" if end else f"{int(match[1]) + 1}")
    return Wanted() if _CURRENT.search(question) else None


def prefer_newer(hits: Sequence[Hit], time: Wanted, weight: float) -> list[Hit]:
    """The best hits with up to half of `weight` deviations of their scores added or taken away.

    By the rank of their dates; dates that are not before `time.before` count as the oldest, and a
    hit without a date keeps its score. Ties break by chunk id. Hits after the best `WINDOW` stay
    behind them.
    """
    head, rest = hits[:WINDOW], hits[WINDOW:]
    dates = [date_of(hit) for hit in head]
    known = [date for date in dates if date is not None]
    late = {date for date in known if time.before is not None and date >= time.before}
    ranks = sorted(set(known) - late)
    if len(ranks) + bool(late) < 2:
        return list(hits)
    lowest = len(late) > 0
    span = len(ranks) - 1 + lowest
    place = {date: (rank + lowest) / span - 0.5 for rank, date in enumerate(ranks)}
    spread = float(np.std([hit.score for hit in head])) or 1.0
    moved = [
        hit if date is None
        else replace(hit, score=hit.score + weight * spread * place.get(date, -0.5))
        for hit, date in zip(head, dates, strict=True)
    ]  # fmt: skip
    return behind(sorted(moved, key=lambda hit: (-hit.score, hit.chunk_id)), rest)


def date_of(hit: Hit) -> str | None:
    """The hit's date as UTC ISO 8601 text, or its year alone; None where it has none."""
    for name in DATE_FIELDS:
        if found := _date(hit.metadata.get(name)):
            return found
    others = [date for value in hit.metadata.values() if (date := _date(value, year=False))]
    return others[0] if len(others) == 1 else None


def _date(value: MetadataValue, *, year: bool = True) -> str | None:
    if isinstance(value, str):
        found = normalise_date(value)
        return found or (value if year and re.fullmatch(r"(?:19|20)[0-9]{2}", value) else None)
    if year and isinstance(value, int) and not isinstance(value, bool) and 1900 <= value < 2100:
        return str(value)
    return None
