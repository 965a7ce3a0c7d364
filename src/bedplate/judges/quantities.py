"""Numbers with their units, and dates, as texts write them: what can be compared letter by letter.

English words for numbers, months and units; digits, signs and ISO dates of any language. A number
that may be read in two ways, such as "1.234", has both readings.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NUMBER = re.compile(
    r"(?P<sign>[$€£¥₹])?\s?(?<![\w.,])(?P<digits>\d{1,15}(?:[.,'\u2019\u00a0\u202f]\d{1,6}){0,6})"
    r"(?P<ordinal>st|nd|rd|th)?(?:[\s\u00a0-]?(?P<word>%|°\s?[CF]\b|[$€£¥₹]|[A-Za-zµ]{1,10}))?"
    r"(?:[\s\u00a0-]{1,2}(?P<more>[A-Za-z]{1,10}))?"
)
_SPELLED = re.compile(
    r"\b(?:(?P<tens>twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    r"(?:[\s-](?P<ones>one|two|three|four|five|six|seven|eight|nine))?"
    r"|(?P<alone>two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|dozen))\b"
    r"(?:[\s-](?P<word>[A-Za-z]{1,10}))?(?:\s(?P<more>[A-Za-z]{1,10}))?",
    re.IGNORECASE,
)
_VALUES = {
    word: float(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]
    )
} | {
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0,
    "ninety": 90.0, "dozen": 12.0,
}  # fmt: skip
_TIMES = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "millions": 1e6, "mn": 1e6, "billion": 1e9,
    "bn": 1e9, "trillion": 1e12,
}  # fmt: skip

_TIME, _LENGTH, _MASS, _VOLUME, _STORAGE = "time", "length", "mass", "volume", "storage"
_UNITS: dict[str, tuple[str, float]] = {
    name: (kind, size)
    for kind, size, names in (
        (_TIME, 1.0, "s sec secs second seconds"),
        (_TIME, 60.0, "min mins minute minutes"),
        (_TIME, 3_600.0, "h hr hrs hour hours"),
        (_TIME, 86_400.0, "d day days"),
        (_TIME, 604_800.0, "week weeks"),
        (_TIME, 2_629_800.0, "month months"),
        (_TIME, 31_557_600.0, "yr yrs year years"),
        (_LENGTH, 0.001, "mm millimetre millimetres millimeter millimeters"),
        (_LENGTH, 0.01, "cm centimetre centimetres centimeter centimeters"),
        (_LENGTH, 1.0, "m metre metres meter meters"),
        (_LENGTH, 1_000.0, "km kilometre kilometres kilometer kilometers"),
        (_LENGTH, 0.0254, "in inch inches"),
        (_LENGTH, 0.3048, "ft foot feet"),
        (_LENGTH, 1_609.344, "mi mile miles"),
        (_MASS, 1e-6, "mg milligram milligrams"),
        (_MASS, 0.001, "g gram grams"),
        (_MASS, 1.0, "kg kilo kilos kilogram kilograms"),
        (_MASS, 0.45359237, "lb lbs pound pounds"),
        (_VOLUME, 0.001, "ml millilitre millilitres milliliter milliliters"),
        (_VOLUME, 1.0, "l litre litres liter liters"),
        (_STORAGE, 1e3, "kb"),
        (_STORAGE, 1e6, "mb"),
        (_STORAGE, 1e9, "gb"),
        (_STORAGE, 1e12, "tb"),
        ("percent", 1.0, "% percent pct"),
        ("°C", 1.0, "°c celsius"),
        ("°F", 1.0, "°f fahrenheit"),
        ("$", 1.0, "$ usd dollar dollars"),
        ("€", 1.0, "€ eur euro euros"),
        ("£", 1.0, "£ gbp"),
        ("¥", 1.0, "¥ jpy yen"),
        ("₹", 1.0, "₹ inr rupee rupees"),
    )
    for name in names.split()
}

UNIT_NAMES = frozenset(_UNITS)

_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"],
        start=1,
    )
    for length in (3, len(name))
} | {"sept": 9}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = re.compile(
    rf"\b(?P<y1>\d{{4}})-(?P<m1>\d\d)-(?P<d1>\d\d)\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{_MONTH})\b\.?,?(?: (?P<y2>[12]\d{{3}})\b)?"
    rf"|\b(?P<m3>{_MONTH})\b\.? (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d|:)(?:,? (?P<y3>[12]\d{{3}})\b)?"
    rf"|\b(?P<m4>{_MONTH})\b\.?,? (?:of )?(?P<y4>[12]\d{{3}})\b"
    r"|(?<![\w$€£¥.,#-])(?P<y5>1[0-9]\d\d|20\d\d)(?=s?\b)(?![.,]\d|\s?%)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`values` are its readings; `unit` is a kind of unit, empty where there is none, and `sizes`
    are the readings in that kind's own measure.
    """

    values: frozenset[float]
    unit: str = ""
    sizes: frozenset[float] = frozenset()


@dataclass(frozen=True, slots=True)
class Day:
    """A date, or what of it is named."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


def read_days(text: str) -> tuple[tuple[Day, ...], str]:
    """Its dates in order, and the text without them."""
    days: list[Day] = []

    def taken(match: re.Match[str]) -> str:
        days.append(_day(match))
        return "|"

    rest = _DATES.sub(taken, text)
    return (*days,), rest


def read_quantities(text: str) -> tuple[Quantity, ...]:
    """Its quantities in order; `text` is without dates, whose numbers are none."""
    return (*_quantities(text),)


def _day(match: re.Match[str]) -> Day:
    parts = {name[0]: value for name, value in match.groupdict().items() if value}
    month = parts.get("m")
    return Day(
        int(parts["y"]) if "y" in parts else None,
        None if month is None else int(month) if month.isdigit() else _MONTHS[month.lower()],
        int(parts["d"]) if "d" in parts else None,
    )


def _quantities(text: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        sign = match["sign"] or ""
        yield _quantity(_readings(match["digits"]), match["word"], match["more"], sign)
    for match in _SPELLED.finditer(text):
        # "one" is a pronoun more often than a number.
        words = (match[name] for name in ("tens", "ones", "alone"))
        value = sum(_VALUES[word.lower()] for word in words if word)
        yield _quantity(frozenset({value}), match["word"], match["more"], "")


def _quantity(values: frozenset[float], word: str | None, more: str | None, sign: str) -> Quantity:
    words = [each.replace(" ", "").lower() for each in (word, more) if each]
    if words and words[0] in _TIMES:
        times = _TIMES[words.pop(0)]
        values = frozenset(value * times for value in values)
    unit = sign or next(iter(words), "")
    if unit not in _UNITS:
        return Quantity(values)
    kind, size = _UNITS[unit]
    return Quantity(values, kind, frozenset(value * size for value in values))


def _readings(digits: str) -> frozenset[float]:
    plain = re.sub(r"['\u2019\u00a0\u202f]", "", digits)
    found = {plain.replace(",", "")}
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+", plain):
        found.add(plain.replace(".", "").replace(",", "."))
    return frozenset(float(each) for each in found if each.count(".") <= 1)


def has(found: Iterable[Quantity], wanted: Quantity) -> bool:
    """Whether one is as much as `wanted`, whatever their units are called."""
    return any(
        wanted.values & each.values
        or (wanted.unit and wanted.unit == each.unit and _close(wanted.sizes, each.sizes))
        for each in found
    )


def in_other_unit(found: Iterable[Quantity], wanted: Quantity) -> bool:
    """Whether the number is there, and nowhere in a unit that agrees with `wanted`."""
    same = [each for each in found if wanted.values & each.values]
    return bool(wanted.unit and same) and all(
        each.unit and not (each.unit == wanted.unit and _close(wanted.sizes, each.sizes))
        for each in same
    )


def _close(some: frozenset[float], others: frozenset[float]) -> bool:
    return any(math.isclose(a, b, rel_tol=1e-6) for a in some for b in others)


def has_day(found: Iterable[Day], wanted: Day) -> bool:
    """Whether all that `wanted` names of a date is there; its year may stand elsewhere."""
    days = list(found)
    year = wanted.year is None or any(each.year == wanted.year for each in days)
    rest = (wanted.month, wanted.day)
    named = any(
        each.month == wanted.month and (wanted.day is None or each.day == wanted.day)
        for each in days
    )
    return year and (rest == (None, None) or named)
