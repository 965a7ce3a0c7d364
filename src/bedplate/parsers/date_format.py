"""Dates and times of a spreadsheet by the parts that their number format shows.

A format that shows a day gives the whole date in ISO 8601: shown as the format has it, day and
month could be confused and the year be lost. All else is shown as written, in English, years in
full.
"""

import datetime
import re
from collections.abc import Iterator, Sequence

Moment = datetime.date | datetime.time | datetime.timedelta
"""`datetime.datetime` is a `datetime.date`."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]'
    r"|(?P<half>AM/PM|A/P)|(?P<part>y+|m+|d+|h+|s+)|(?P<fraction>\.0+)|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)


def shown_moment(value: Moment, code: str) -> str | None:
    """The value as `code` shows it; None where the code shows none of its parts."""
    tokens = list(_tokens(code.split(";", 1)[0]))
    kinds = {kind for kind, _ in tokens}
    # Less than a millisecond is what is left of a day's fraction that cannot be written exactly.
    value = _whole(value)
    if "d" in kinds and isinstance(value, datetime.date):
        day = value.isoformat()[:10]
        if not isinstance(value, datetime.datetime) or not kinds & {"h", "s"}:
            return day
        return f"{day} {value.strftime('%H:%M:%S' if 's' in kinds else '%H:%M')}"
    missing = {"elapsed"} if isinstance(value, datetime.date) else {"y", "month", "d"}
    if kinds & missing or not kinds & {"y", "month", "h", "minute", "s", "elapsed"}:
        return None
    return " ".join("".join(_written(value, tokens)).split()) or None


def _whole(value: Moment) -> Moment:
    half = datetime.timedelta(milliseconds=500)
    if isinstance(value, datetime.datetime):
        return (value + half).replace(microsecond=0) if value.year < 9999 else value
    if isinstance(value, datetime.timedelta):
        return datetime.timedelta(seconds=round(value.total_seconds()))
    if isinstance(value, datetime.time) and value.microsecond:
        later = datetime.datetime.combine(datetime.date(2000, 1, 1), value) + half
        return later.time().replace(microsecond=0) if later.day == 1 else value
    return value


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each part: y, month, d, h, minute, s, elapsed, half, words.

    "m" is minutes right after hours and right before seconds, months elsewhere.
    """
    found = [(m.lastgroup or "", m.group(m.lastgroup or 0)) for m in _TOKEN.finditer(code)]
    timed = [place for place, (kind, _) in enumerate(found) if kind in {"part", "elapsed"}]
    units = ["", *(found[place][1][0].lower() for place in timed), ""]
    minutes = {
        place
        for place, before, after in zip(timed, units, units[2:], strict=False)
        if found[place][1].lower() in {"m", "mm"} and (before == "h" or after == "s")
    }
    for place, (kind, text) in enumerate(found):
        if kind == "part":
            unit = text[0].lower()
            yield "minute" if place in minutes else "month" if unit == "m" else unit, text
        elif kind in {"elapsed", "half"}:
            yield kind, text
        elif kind in {"quoted", "escaped", "plain"}:
            yield "words", text


def _written(value: Moment, tokens: Sequence[tuple[str, str]]) -> Iterator[str]:
    halves = any(kind == "half" for kind, _ in tokens)
    for kind, text in tokens:
        if kind == "words":
            yield text
        elif kind == "elapsed":
            yield str(_elapsed(value, text[0].lower())).rjust(len(text), "0")
        elif kind == "half":
            yield "PM" if _clock(value).hour >= 12 else "AM"
        elif kind == "y" and isinstance(value, datetime.date):
            yield f"{value.year:04d}"
        elif kind == "month" and isinstance(value, datetime.date):
            yield _month(value.month, len(text))
        else:
            clock = _clock(value)
            hour = (clock.hour - 1) % 12 + 1 if halves else clock.hour
            part = {"h": hour, "minute": clock.minute, "s": clock.second}[kind]
            yield str(part).rjust(len(text), "0")


def _month(month: int, width: int) -> str:
    if width <= 2:
        return str(month).rjust(width, "0")
    name = _MONTHS[month - 1]
    return {3: name[:3], 5: name[:1]}.get(width, name)


def _clock(value: Moment) -> datetime.time:
    if isinstance(value, datetime.datetime):
        return value.time()
    if isinstance(value, datetime.time):
        return value
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(value.seconds, 60)
        return datetime.time(minutes // 60, minutes % 60, seconds)
    return datetime.time()


def _elapsed(value: Moment, unit: str) -> int:
    if isinstance(value, datetime.timedelta):
        seconds = int(value.total_seconds())
    else:
        clock = _clock(value)
        seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    return seconds // {"h": 3600, "m": 60, "s": 1}[unit]
