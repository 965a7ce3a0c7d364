"""Numbers as a spreadsheet's number format shows them (ISO/IEC 29500-1, 18.8.30 and 18.8.31).

Not understood, and so None: conditions, digits parted by signs (as in telephone numbers), and
formats that would hide the value. A sign is never lost, whatever the format does with it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

_MONEY = '_(* #,##0{0}_);_(* \\(#,##0{0}\\);_(* "-"{1}_);_(@_)'
BUILT_IN: Mapping[int, str] = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    # The currency of 5 to 8, 42 and 44 is the reader's own, so none is named here.
    5: "#,##0_);\\(#,##0\\)", 6: "#,##0_);\\(#,##0\\)",
    7: "#,##0.00_);\\(#,##0.00\\)", 8: "#,##0.00_);\\(#,##0.00\\)",
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm",
    37: "#,##0_);\\(#,##0\\)", 38: "#,##0_);\\(#,##0\\)",
    39: "#,##0.00_);\\(#,##0.00\\)", 40: "#,##0.00_);\\(#,##0.00\\)",
    41: _MONEY.format("", ""), 42: _MONEY.format("", ""),
    43: _MONEY.format(".00", "??"), 44: _MONEY.format(".00", "??"),
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0",
}  # fmt: skip
"""What a number stands for where the workbook does not say."""

_LONGEST = 255
_MOST_DIGITS = 30
_SECTION = re.compile(r'(?:"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|[^;])*', re.DOTALL)
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<pad>_.)|(?P<fill>\*.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<digits>[0#?]+(?:[0#?,]*[0#?])?)|(?P<scale>,+)|(?P<point>\.)|(?P<exponent>E[+-][0#?]+)"
    r"|(?P<percent>%)|(?P<plain>.)",
    re.DOTALL,
)
_COLOUR = re.compile(r"(?i)black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d+")
_FRACTION = re.compile(r"(?:(?P<whole>[#0?]+) +)?(?P<above>[#0?]+)/(?P<below>[#?]+|\d+)")


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a section: "words" are shown as they are, all else is named as its token."""

    kind: str
    text: str


def shown(value: int | float, code: str) -> str | None:
    """The number as `code` shows it in English, blanks that only align left out."""
    if code.lower() in {"", "general", "@"} or len(code) > _LONGEST or abs(value) >= 1e15:
        return None
    # 15 digits are what a spreadsheet computes with.
    number = Decimal(f"{value:.15g}")
    section, is_signed = _chosen(code, number)
    parts = _parts(section)
    if parts is None:
        return None
    negative = number < 0
    text = _formatted(parts, abs(number))
    if text is None:
        return None
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text) and number:
        return None
    if negative and not (is_signed and any(sign in text for sign in "-−(")) and _is_not_zero(text):
        text = f"-{text}"
    return text or None


def sections(code: str) -> list[str]:
    """The parts of a format for positive and negative numbers, zero, and text."""
    found: list[str] = []
    place = 0
    while place <= len(code):
        match = _SECTION.match(code, place)
        end = match.end() if match else len(code)
        found.append(code[place:end])
        place = end + 1
    return found


def _chosen(code: str, number: Decimal) -> tuple[str, bool]:
    """The section for a number, and whether it is one for negative numbers alone."""
    found = sections(code)
    if number < 0 and len(found) > 1:
        return found[1], True
    if number == 0 and len(found) > 2:
        return found[2], False
    return found[0], False


def _parts(section: str) -> list[_Part] | None:
    """None where the section holds what is not understood."""
    parts: list[_Part] = []
    for match in _TOKEN.finditer(section):
        kind = match.lastgroup or ""
        text = match.group(kind)
        if kind == "bracket":
            if text.startswith("$"):
                parts.append(_Part("words", text[1:].split("-", 1)[0]))
            elif not _COLOUR.fullmatch(text):
                return None
        elif kind == "pad":
            parts.append(_Part("words", " "))
        elif kind in {"quoted", "escaped"}:
            parts.append(_Part("words", text))
        elif kind == "plain" and text.isascii() and text.isalpha():
            return None
        elif kind != "fill":
            parts.append(_Part("words" if kind == "plain" and text != "/" else kind, text))
    return parts


def _formatted(parts: Sequence[_Part], number: Decimal) -> str | None:
    kinds = [part.kind for part in parts]
    if "plain" in kinds:
        return _as_fraction(parts, number)
    places = [place for place, kind in enumerate(kinds) if kind not in {"words", "percent"}]
    if not places:
        return "".join(part.text for part in parts) if number == 0 else None
    first, last = places[0], places[-1]
    if places != list(range(first, last + 1)):
        return None
    picture = _Picture.of(parts[first : last + 1])
    rest = [*parts[:first], *parts[last + 1 :]]
    if picture is None or (picture.thousandths and not _names_a_scale(rest)):
        return None
    percents = sum(len(part.text) for part in rest if part.kind == "percent")
    body = picture.filled(number.scaleb(2 * percents - 3 * picture.thousandths))
    if body is None:
        return None
    before, after = parts[:first], parts[last + 1 :]
    return "".join([*(p.text for p in before), body, *(p.text for p in after)])


def _names_a_scale(parts: Sequence[_Part]) -> bool:
    """Whether words say that thousands or millions are meant; without, the value would mislead."""
    return any(part.kind == "words" and any(map(str.isalpha, part.text)) for part in parts)


@dataclass(frozen=True, slots=True)
class _Picture:
    """The digits of a format: before and after the point, grouped or not, scaled, in powers."""

    whole: str
    decimals: str
    grouped: bool
    thousandths: int
    exponent: str

    @staticmethod
    def of(parts: Sequence[_Part]) -> "_Picture | None":
        spelt = " ".join(part.kind for part in parts)
        if not re.fullmatch(
            r"(?:digits ?)?(?:point ?(?:digits ?)?)?(?:scale ?)?(?:exponent)?", spelt
        ):
            return None
        if "digits" not in spelt:
            return None
        whole, decimals, scale, exponent = "", "", 0, ""
        after = False
        for part in parts:
            if part.kind == "point":
                after = True
            elif part.kind == "digits" and after:
                decimals = part.text.replace(",", "")
            elif part.kind == "digits":
                whole = part.text
            elif part.kind == "scale":
                scale = len(part.text)
            else:
                exponent = part.text
        if max(len(whole), len(decimals)) > _MOST_DIGITS or (exponent and len(whole) != 1):
            return None
        return _Picture(whole.replace(",", ""), decimals, "," in whole, scale, exponent)

    def filled(self, number: Decimal) -> str | None:
        if self.exponent:
            power = number.adjusted() if number else 0
            mantissa = _rounded(number.scaleb(-power), len(self.decimals))
            if mantissa >= 10:
                power, mantissa = power + 1, _rounded(mantissa / 10, len(self.decimals))
            sign = "-" if power < 0 else self.exponent[1].replace("-", "")
            return f"{self._digits(mantissa)}E{sign}{abs(power):0{len(self.exponent) - 2}d}"
        return self._digits(_rounded(number, len(self.decimals)))

    def _digits(self, number: Decimal) -> str:
        whole, _, decimals = f"{number:f}".partition(".")
        least = self.whole.count("0")
        whole = whole.lstrip("0").rjust(least, "0")
        if self.grouped and whole.lstrip("0"):
            whole = f"{int(whole):,}" if least <= 1 else whole
        kept = decimals.rstrip("0").ljust(self.decimals.count("0"), "0")
        return f"{whole or '0'}.{kept}" if kept else whole


def _rounded(number: Decimal, decimals: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _is_not_zero(text: str) -> bool:
    return any(digit in text for digit in "123456789")


def _as_fraction(parts: Sequence[_Part], number: Decimal) -> str | None:
    """Like "1 3/4": the nearest fraction of as many digits, or of the denominator that is given."""
    match = _FRACTION.fullmatch("".join(part.text for part in parts).strip())
    if match is None:
        return None
    exact, below = Fraction(number), match["below"]
    if below.isdecimal():
        fixed = int(below)
        if not 1 < fixed <= 10_000:
            return None
        above, denominator = round(exact * fixed), fixed
    else:
        near = exact.limit_denominator(10 ** min(len(below), 3) - 1)
        above, denominator = near.numerator, near.denominator
    whole, left = divmod(above, denominator) if match["whole"] else (0, above)
    if not left:
        return str(whole)
    return f"{whole} {left}/{denominator}" if whole else f"{left}/{denominator}"
