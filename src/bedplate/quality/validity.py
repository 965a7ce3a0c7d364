"""From when a document is valid, by what it says of itself; nothing where that is not plain."""

import re
from dataclasses import dataclass
from datetime import date

from bedplate.domain.documents import Metadata, MetadataValue
from bedplate.domain.filters import normalise_date
from bedplate.quality.days import RANGE, Day, days

VALID_FROM = "valid_from"
DECLARED = (VALID_FROM, "effective", "effective_date", "effective_from", "in_force_from")
DATED = ("date", "published", "published_at", "released", "year")
TOUCHED = ("updated", "updated_at", "modified", "created", "created_at")

OPENING = 1_500
"""Characters from the start in which a document says when it comes into force."""

_AHEAD = 2
"""Years to come that a title may name; later numbers are none."""

_EARLIEST = 1990
_FORCE = re.compile(
    r"\b(?:effective|valid|in force|in effect|into force|into effect|applicable|applies|gültig"
    r"|in kraft|gilt)\b",
    re.IGNORECASE,
)
_COMES_INTO_FORCE = re.compile(
    rf"{_FORCE.pattern}(?:[ \t]+(?:date|as|of|from|on|since|is|with|starting|ab|seit|dem|vom|zum|am)"
    r"\b)*[ \t]*[:*|]*[ \t]*$",
    re.IGNORECASE,
)
_OF_ANOTHER = re.compile(
    r"\b(?:supersed|replac|until|expire|no longer|not|nicht|ersetzt|former|previous|bisher)[^.\n]*$",
    re.IGNORECASE,
)
_IN_PASSING = re.compile(r"\b(?:in|since|until|before|after|by|to|than|of|from)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Validity:
    """The first day (ISO 8601), and what told it: a metadata field, text, title or name."""

    day: str
    by: str


def validity(
    metadata: Metadata, opening: str, title: str, name: str, *, today: date
) -> Validity | None:
    """The day from which a document is valid.

    What is declared comes before a phrase in the `opening` of the text, that before a date among
    the metadata, the title, the file's path `name`, and a date that says when it was last touched.
    """
    return (
        _of_fields(metadata, DECLARED)
        or _of_opening(opening[:OPENING])
        or _of_fields(metadata, DATED)
        or _of_title(title, today)
        or _of_path(name, today)
        or _of_fields(metadata, TOUCHED)
    )


def _of_fields(metadata: Metadata, names: tuple[str, ...]) -> Validity | None:
    for name in names:
        if day := _day(metadata.get(name)):
            return Validity(day, f"metadata {name}")
    return None


def _day(value: MetadataValue) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    if re.fullmatch(r"(?:19|20)[0-9]{2}", text):
        return f"{text}-01-01"
    found = normalise_date(text)
    if found is None and isinstance(value, str):
        named = [day for day in days(text) if day.exact]
        return named[0].first.isoformat() if len(named) == 1 else None
    return found[:10] if found else None


def _of_opening(text: str) -> Validity | None:
    found: set[date] = set()
    if not _FORCE.search(text):
        return None
    for day in days(text):
        before = text[max(0, day.start - 80) : day.start]
        phrase = _COMES_INTO_FORCE.search(before)
        if phrase and not _OF_ANOTHER.search(before[: phrase.start()]):
            found.add(day.first)
    return Validity(min(found).isoformat(), "text") if len(found) == 1 else None


def _of_title(title: str, today: date) -> Validity | None:
    if RANGE.search(title):
        return None
    found = [day for day in days(title) if _plausible(day, today)]
    if len(found) != 1:
        return None
    day = found[0]
    # A year in the middle of a title is a part of its subject.
    before, after = title[: day.start].rstrip(), title[day.end :].lstrip(" .:,)]-_–")
    edge = not before or not after or before[-1:] in "([" or before.endswith((":", " -", "–"))
    if not day.exact and (not edge or _IN_PASSING.search(before)):
        return None
    return Validity(day.first.isoformat(), "title") if before or after else None


def _of_path(name: str, today: date) -> Validity | None:
    """By the file's name, or else the nearest folder that is named by nothing but a date."""
    *folders, file = re.split(r"[/\\]", name)
    found = [
        day for day in days(stem(file)) if _plausible(day, today) and _stands_alone(stem(file), day)
    ]
    if len(found) > 1 or RANGE.search(stem(file)):
        return None
    for folder in reversed(folders):
        if found:
            break
        found = [day for day in days(folder) if len(folder) == day.end - day.start]
    return Validity(found[0].first.isoformat(), "file name") if found else None


def stem(file: str) -> str:
    """A file's name without its ending; of a date in dots nothing is an ending."""
    start, dot, ending = file.rpartition(".")
    return start if dot and not ending.isdecimal() else file


def _plausible(day: Day, today: date) -> bool:
    return _EARLIEST <= day.first.year <= today.year + _AHEAD


def _stands_alone(part: str, day: Day) -> bool:
    return not part[: day.start][-1:].isalnum() and not part[day.end :][:1].isalnum()
