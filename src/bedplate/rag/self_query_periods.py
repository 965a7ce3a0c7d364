"""Stretches of time as English names them: "March 2025", "since January", "the nineties"."""

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bedplate.rag.self_query_sentence import Sentence

_YEARS = range(1000, 2201)
_MONTHS: Mapping[str, int] = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}
_AMBIGUOUS = frozenset({"may", "march", "mar", "sun"})
_DECADES: Mapping[str, int] = {
    "twenties": 1920, "thirties": 1930, "forties": 1940, "fifties": 1950, "sixties": 1960,
    "seventies": 1970, "eighties": 1980, "nineties": 1990,
}  # fmt: skip
_ORDINAL = re.compile("st|[nr]d|th")
_COUNTS = {"a": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "couple": 2}
_LONGEST_COUNT = 1000
_QUARTERS = {"q1": 1, "q2": 4, "q3": 7, "q4": 10}


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, not including, `end`; tokens `first` up to `last` name it.

    `years`: it is made of whole years that were named as such. `open`: it reaches from `start` to
    today and onwards ("the last 30 days").
    """

    first: int
    last: int
    start: date
    end: date
    years: bool = False
    open: bool = False


def period(sentence: Sentence, index: int, today: date) -> Period | None:
    """The time that is named at `index`, if one is."""
    for read in (_iso, _day, _month, _relative, _decade, _year):
        found = _safely(read, sentence, index, today)
        if found is not None and all(sentence.free(i) for i in range(found.first, found.last)):
            return found
    return None


def _safely(
    read: Callable[[Sentence, int, date], Period | None], sentence: Sentence, at: int, today: date
) -> Period | None:
    try:
        return read(sentence, at, today)
    except (ValueError, OverflowError):
        # No such day: 31 February, or a time before the first year.
        return None


def _iso(sentence: Sentence, at: int, today: date) -> Period | None:
    text = sentence.low(at)
    if len(text) != 10 or not text[:4].isdigit() or text[4] != "-":
        return None
    day = date.fromisoformat(text)
    return Period(at, at + 1, day, day + timedelta(days=1))


def _day(sentence: Sentence, at: int, today: date) -> Period | None:
    """As in "5 March 2025", "5th of March", "March 5, 2025", "March 5"."""
    if _number(sentence, at, range(1, 32)):
        skip = 1 + (sentence.low(at + 1) == "of")
        month, day, last = _MONTHS.get(sentence.low(at + skip)), at, at + skip + 1
    else:
        month, day, last = _MONTHS.get(sentence.low(at)), at + 1, at + 2
        if not _number(sentence, day, range(1, 32)):
            return None
    if month is None:
        return None
    number = int(sentence.tokens[day].number or 0)
    comma = sentence.low(last) == ","
    if _is_year(sentence, last + comma):
        year, last = int(sentence.tokens[last + comma].number or 0), last + comma + 1
        start = date(year, month, number)
    else:
        start = date(today.year, month, number)
        if start > today:
            start = date(today.year - 1, month, number)
    return Period(at, last, start, start + timedelta(days=1))


def _month(sentence: Sentence, at: int, today: date) -> Period | None:
    word = sentence.low(at)
    quarter = _QUARTERS.get(word)
    month = quarter or _MONTHS.get(word)
    if month is None:
        return None
    length = 3 if quarter else 1
    comma = sentence.low(at + 1) in (",", "of")
    if _is_year(sentence, at + 1 + comma):
        last = at + 2 + comma
        return _months(at, last, int(sentence.tokens[last - 1].number or 0), month, length)
    if word in _AMBIGUOUS and not sentence.tokens[at].is_capital:
        return None
    # The most recent one that has begun.
    year = today.year - (date(today.year, month, 1) > today)
    return _months(at, at + 1, year, month, length)


def _relative(sentence: Sentence, at: int, today: date) -> Period | None:
    """As in "today", "this year", "last month", "the last 30 days"."""
    first = at
    if sentence.low(at) == "the":
        at += 1
    word, unit = sentence.low(at), sentence.fold(at + 1)
    if word in ("today", "yesterday") and first == at:
        day = today - timedelta(days=word == "yesterday")
        return Period(at, at + 1, day, day + timedelta(days=1))
    if word in ("last", "past", "previous"):
        count = _count(sentence, at + 1)
        if count is not None:
            skip = 2 + (sentence.low(at + 2) == "of")
            start = _ago(today, count, sentence.fold(at + skip))
            return start and Period(
                first, at + skip + 1, start, today + timedelta(days=1), open=True
            )
        return _named(first, at + 2, unit, today, 1)
    return _named(first, at + 2, unit, today, 0) if word in ("this", "current") else None


def _count(sentence: Sentence, at: int) -> int | None:
    if _number(sentence, at, range(1, _LONGEST_COUNT + 1)):
        return int(sentence.tokens[at].number or 0)
    return _COUNTS.get(sentence.low(at)) if sentence.low(at) != "a" else None


def _ago(today: date, count: int, unit: str) -> date | None:
    if unit in ("day", "week"):
        return today - timedelta(days=count * (7 if unit == "week" else 1))
    if unit in ("month", "year"):
        months = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))
    return None


def _named(first: int, last: int, unit: str, today: date, back: int) -> Period | None:
    """The calendar week, month or year of today, or the one before."""
    if unit == "year":
        year = today.year - back
        return Period(first, last, date(year, 1, 1), date(year + 1, 1, 1), years=True)
    if unit == "month":
        year, month = divmod(today.year * 12 + today.month - 1 - back, 12)
        return _months(first, last, year, month + 1, 1)
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * back)
        return Period(first, last, monday, monday + timedelta(days=7))
    return None


def _decade(sentence: Sentence, at: int, today: date) -> Period | None:
    """As in "the nineties", "the 90s", "1990s"."""
    first = at
    at += sentence.low(at) == "the"
    if at >= len(sentence.tokens):
        return None
    token = sentence.tokens[at]
    start = _DECADES.get(token.low)
    if token.number is not None and token.suffix == "s" and token.number % 10 == 0:
        number = int(token.number)
        if number in _YEARS:
            start = number
        elif 10 <= number < 100 and first < at:
            century = today.year // 100 * 100
            start = century + number - (100 if century + number > today.year else 0)
    if start is None or (first == at and token.low in _DECADES):
        return None
    span = 100 if start % 100 == 0 and token.suffix == "s" and start < 2000 else 10
    return Period(first, at + 1, date(start, 1, 1), date(start + span, 1, 1), years=True)


def _year(sentence: Sentence, at: int, today: date) -> Period | None:
    first = at
    at += sentence.low(at) == "year"
    if not _is_year(sentence, at):
        return None
    year = int(sentence.tokens[at].number or 0)
    return Period(first, at + 1, date(year, 1, 1), date(year + 1, 1, 1), years=True)


def _is_year(sentence: Sentence, at: int) -> bool:
    return (
        0 <= at < len(sentence.tokens)
        and len(sentence.tokens[at].text) == 4
        and _number(sentence, at, _YEARS)
        and at not in sentence.locked
    )


def _number(sentence: Sentence, at: int, wanted: range) -> bool:
    if not 0 <= at < len(sentence.tokens):
        return False
    token = sentence.tokens[at]
    fits = token.number is not None and token.number in wanted
    return fits and (not token.suffix or _ORDINAL.fullmatch(token.suffix) is not None)


def _months(first: int, last: int, year: int, month: int, count: int) -> Period:
    end_year, end_month = divmod(year * 12 + month - 1 + count, 12)
    return Period(first, last, date(year, month, 1), date(end_year, end_month + 1, 1))
