"""Days, months and years as titles, file names and texts write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = (
    "january|januar|jan", "february|februar|feb", "march|märz|mar|mär", "april|apr", "may|mai",
    "june|juni|jun", "july|juli|jul", "august|aug", "september|sept|sep", "october|oktober|oct|okt",
    "november|nov", "december|dezember|dec|dez",
)  # fmt: skip
_MONTH = "|".join(_MONTHS)
_NUMBER = {name: n for n, names in enumerate(_MONTHS, 1) for name in names.split("|")}
_YEAR = r"(?:19|20)\d\d"

DAY = re.compile(
    rf"(?<![\d.])(?:"
    rf"(?P<y1>{_YEAR})[-_./](?P<m1>0[1-9]|1[0-2])[-_./](?P<d1>0[1-9]|[12]\d|3[01])"
    rf"|(?P<y2>{_YEAR})(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12]\d|3[01])"
    rf"|(?P<d3>\d\d?)\.(?P<m3>\d\d?)\.(?P<y3>{_YEAR})"
    rf"|(?P<d4>\d\d?)(?:st|nd|rd|th|\.)?[ _-](?:of )?(?P<n4>{_MONTH})\.?,?[ _-](?P<y4>{_YEAR})"
    rf"|(?<![a-zäö])(?P<n5>{_MONTH})\.?[ _-](?P<d5>\d\d?)(?:st|nd|rd|th)?,?[ _-](?P<y5>{_YEAR})"
    rf"|(?<![a-zäö])(?P<n6>{_MONTH})\.?,?[ _-](?P<y6>{_YEAR})"
    rf"|(?P<y7>{_YEAR})[-_](?P<m7>0[1-9]|1[0-2])"
    rf"|(?P<y8>{_YEAR})"
    r")(?!\d|[.,]\d)",
    re.IGNORECASE,
)
RANGE = re.compile(
    rf"{_YEAR}(?:\s?(?:[-–/]|to|bis)\s?(?:{_YEAR}|(?:1[3-9]|[2-9]\d)(?![-\d]))|/\d\d(?![/\d]))(?!\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Day:
    """The first day of what stands at `start` to `end`; a year alone is not `exact`."""

    first: date
    start: int
    end: int
    exact: bool


def days(text: str) -> Iterator[Day]:
    """Every day, month and year in the text that is in the calendar."""
    for match in DAY.finditer(text):
        part = {name[0]: value for name, value in match.groupdict().items() if value is not None}
        month = _NUMBER[part["n"].lower()] if "n" in part else int(part.get("m", 1))
        try:
            first = date(int(part["y"]), month, int(part.get("d", 1)))
        except ValueError:
            continue
        yield Day(first, match.start(), match.end(), exact="m" in part or "n" in part)
