"""What each type of personal data looks like, and what proves a candidate to be one.

A pattern finds candidates; its check sees the text around one and gives the spans that hold data,
each with a score. Checks look at a bounded stretch, so the whole stays linear.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import phonenumbers

from bedplate.guards.blocks import ALONE, FILLER

Span = tuple[int, int, float]
Check = Callable[[str, int, int], Iterator[Span]]


@dataclass(frozen=True, slots=True)
class Pattern:
    """`expression` is RE2 syntax; its group 1, or else the whole of it, is the candidate."""

    type: str
    trigger: str
    expression: str
    check: Check


_CONTEXT = 48
_CARD_WORDS = re.compile(r"card|visa|maestro|credit|debit|payment|paid|charge|karte|carte|amex")
_SSN_WORDS = re.compile(r"\bssn\b|social security|\bss#")
_IP_WORDS = re.compile(r"\bip\b|\bipv4\b|address|host|server|dns|gateway|ping|subnet|login|client")
_NOT_IP_WORDS = re.compile(
    r"(?:\bv|ver|version|release|build|firmware|section|chapter|clause|§|figure|table|driver)\W*$"
)


def before(text: str, start: int) -> str:
    """The words just before `start`, lower case, back to what was found before them."""
    return text[max(0, start - _CONTEXT) : start].rpartition(FILLER)[2].lower()


def apart(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches the span, nor a sign that makes it part of a number."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before and (touches(before[-1]) or before[-1] in "_#$€£¥=&"):
        return False
    if len(before) == 2 and before[1] in ".,-/:" and before[0].isdigit():
        return False
    if after and (touches(after[0]) or after[0] in "_%€£¥"):
        return False
    return not (len(after) == 2 and after[0] in ".,-/" and after[1].isdigit())


def touches(sign: str) -> bool:
    return sign.isalnum() and not ALONE.match(sign)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_ISSUERS = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)"
    r"[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}|62[0-9]{14,17}|220[0-4][0-9]{12}"
)
# Short and old ranges, which bar codes and order numbers fall into as well.
_RARE_ISSUERS = re.compile(
    r"4[0-9]{12}|35[0-9]{14}|(?:1800|2131)[0-9]{11}|(?:50|5[6-9]|6[0-9])[0-9]{10,17}"
)
_CARD_SHAPES = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4)} | {(n,) for n in range(12, 20)}) | {
    (4, 4, 4, 4, n) for n in (1, 2, 3)
}


def _card(text: str, start: int, end: int) -> Iterator[Span]:
    """Groups of digits in a run that are shaped, issued and summed like a card."""
    groups = [(start + m.start(), start + m.end()) for m in re.finditer("[0-9]+", text[start:end])]
    for first in range(len(groups)):
        for count in (5, 4, 3, 1):
            part = groups[first : first + count]
            if tuple(stop - begin for begin, stop in part) in _CARD_SHAPES:
                begin, stop = part[0][0], part[-1][1]
                score = _card_score(text, begin, stop)
                if score:
                    yield begin, stop, score


def _card_score(text: str, start: int, end: int) -> float:
    digits = text[start:end].replace(" ", "").replace("-", "")
    if not luhn(digits) or len(set(digits)) == 1 or not apart(text, start, end):
        return 0.0
    if _ISSUERS.fullmatch(digits):
        return 1.0
    rare = _RARE_ISSUERS.fullmatch(digits) and _CARD_WORDS.search(before(text, start))
    return 0.8 if rare else 0.0


_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH CR HR LI LV",
    22: "BG BH DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTHS = {
    country: length for length, names in _IBAN_COUNTRIES.items() for country in names.split()
}


def _iban(text: str, start: int, end: int) -> Iterator[Span]:
    """ISO 13616: a country's length and the remainder 1 modulo 97."""
    length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
    signs = [i for i in range(start, end) if text[i] != " "]
    if length is None or len(signs) < length or not text[start:end].isascii():
        return
    end = signs[length - 1] + 1
    number = "".join(text[i] for i in signs[:length]).upper()
    rearranged = "".join(str(int(sign, 36)) for sign in number[4:] + number[:4])
    if int(rearranged) % 97 == 1 and apart(text, start, end):
        yield start, end, 1.0


def _ssn(text: str, start: int, end: int) -> Iterator[Span]:
    """Numbers that the Social Security Administration may issue; bare ones only where named."""
    digits = re.sub("[^0-9]", "", text[start:end])
    issued = digits[:3] not in ("000", "666") and digits[0] != "9"
    if not issued or digits[3:5] == "00" or digits[5:] == "0000" or not apart(text, start, end):
        return
    named = bool(_SSN_WORDS.search(before(text, start)))
    if named or "-" in text[start:end]:
        yield start, end, 1.0 if named else 0.9


_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "ts", "map"}
)


def _email(text: str, start: int, end: int) -> Iterator[Span]:
    while text[start] in ".-'":
        start += 1
    if text[start] == "@" or text[start:end].rpartition(".")[2].lower() in _FILE_ENDINGS:
        return
    yield start, end, 1.0


def _ipv4(text: str, start: int, end: int) -> Iterator[Span]:
    octets = text[start:end].split(".")
    if any((len(o) > 1 and o[0] == "0") or int(o) > 255 for o in octets):
        return
    if not apart(text, start, end) or octets[0] in ("0", "127", "255"):
        return
    context = before(text, start)
    if _NOT_IP_WORDS.search(context):
        return
    if _IP_WORDS.search(context):
        yield start, end, 1.0
        return
    # Versions and section numbers count in small steps; addresses seldom do.
    private = octets[0] == "10" and octets[1] == "0"
    if private or max(map(int, octets)) > 40:
        yield start, end, 0.8


def _ipv6(text: str, start: int, end: int) -> Iterator[Span]:
    while end > start and text[end - 1] == ":" and text[end - 2] != ":":
        end -= 1
    found = text[start:end]
    if found.count(":") < 3 or not any(c.isdigit() for c in found) or not apart(text, start, end):
        return
    try:
        ipaddress.IPv6Address(found)
    except ValueError:
        return
    yield start, end, 1.0


def _mac(text: str, start: int, end: int) -> Iterator[Span]:
    signs = set(re.sub("[^0-9a-f]", "", text[start:end].lower()))
    if apart(text, start, end) and signs not in ({"0"}, {"f"}):
        yield start, end, 1.0


_DATE = re.compile(r"(?:19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?|\d\d?[-./ ]\d\d?[-./ ](?:19|20)\d\d")


_IN_URL = re.compile(r"[/=]\S*$")


def _numbering(number: str) -> bool | None:
    """Whether the plan of a number's country knows it; None for one that is only long enough."""
    try:
        parsed = phonenumbers.parse(number.replace("(0)", ""))
    except phonenumbers.NumberParseException:
        return False
    if not phonenumbers.is_possible_number(parsed):
        return False
    return phonenumbers.is_valid_number(parsed) or None


def _phone(score: float, least: int, most: int) -> Check:
    def check(text: str, start: int, end: int) -> Iterator[Span]:
        if text[start] == "(" and ")" not in text[start:end]:
            start += 1
        number = re.split("[xe]", text[start:end].lower())[0]
        if number.count("(") != number.count(")") or _DATE.match(number):
            return
        # Identifiers in addresses of pages look like numbers to call.
        if _IN_URL.search(before(text, start)) or not apart(text, start, end):
            return
        if not least <= sum(c.isdigit() for c in number) <= most:
            return
        known = _numbering(number) if number[0] == "+" else None
        if known is not False:
            yield start, end, 1.0 if known else score

    return check


_EXTENSION = r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?"
_PHONE_WORDS = (
    r"(?:phone|telephone|telefon|\btel\b|mobile|\bcell\b|\bfax\b|whatsapp|\bsms\b|\bcall(?:ed)?\b|"
    r"\bdial\b|\bring\b|\breach (?:me|us|him|her|them)\b|\bcontact (?:me|us|him|her|them)\b|"
    r"\banswering (?:at|on)\b|\btext (?:me|us|him|her|them)\b|\b(?:my|his|her|their|our|your|new|contact) number)"
)
_PHONE_ENDINGS = r"(?:office|landline|mobile|cell|fax)\b"
_SEPARATED = "|".join(rf"(?:{s}\d{{2,5}}){{2,4}}" for s in (" ", "-", r"\."))
# ASCII and every script that writes words, in a form that keeps RE2's program small: Unicode
# classes would not.
LETTER = r"A-Za-z0-9\x{C0}-\x{1FFF}\x{2070}-\x{2E7F}\x{A4D0}-\x{ABFF}\x{FB00}-\x{FEFF}\x{10000}-\x{1FFFF}"

PATTERNS = (
    Pattern(
        "IBAN",
        r"(?i)[a-z]{2}\d{2} ?[a-z0-9]{4}",
        rf"(?i)\b(?:{'|'.join(_IBAN_LENGTHS)})\d{{2}}(?: ?[a-z0-9]){{11,29}}",
        _iban,
    ),
    Pattern("CARD", r"\d(?:[ \-]?\d){11}", r"\d(?:[ \-]?\d){11,}", _card),
    Pattern("SSN", r"\d{3}[ \-]?\d{2}[ \-]?\d{4}", r"\d{3}(?:-\d{2}-| \d{2} |\d{2})\d{4}", _ssn),
    Pattern(
        "EMAIL",
        r"\S@\S",
        rf"[{LETTER}._%+'\-]+@(?:[{LETTER}][{LETTER}\-]*\.)+"
        rf"(?:xn--[a-z0-9\-]+|[{LETTER}][{LETTER}]+)",
        _email,
    ),
    Pattern(
        "MAC",
        r"(?i)[0-9a-f]{2}[:\-][0-9a-f]{2}[:\-]|[0-9a-f]{4}\.[0-9a-f]{4}\.",
        r"(?i)\b(?:(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})\b",
        _mac,
    ),
    Pattern("IP", r"\d\.\d{1,3}\.\d", r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", _ipv4),
    Pattern("IP", r"(?i):[0-9a-f]{0,4}:", r"(?i)[0-9a-f:]*:[0-9a-f]{0,4}:[0-9a-f:]*", _ipv6),
    Pattern(
        "PHONE",
        r"(?:\+|00)\d",
        rf"(?:\+|00)[1-9]\d{{0,2}}[ .\-]?(?:\(0\)[ .\-]?)?\(?\d{{1,5}}\)?(?:[ .\-/]?\d{{1,9}}){{1,6}}"
        rf"{_EXTENSION}",
        _phone(0.9, 8, 17),
    ),
    Pattern(
        "PHONE",
        r"\d{3}[ \-.]\d{4}",
        rf"(?:1[ .\-])?(?:\(\d{{3}}\)[ ]?|\d{{3}}[\-.])\d{{3}}[\-. ]\d{{4}}{_EXTENSION}",
        _phone(0.8, 10, 11),
    ),
    Pattern(
        "PHONE",
        r"0[1-9]\d*\)?[ \-./]\d\d",
        rf"\(?0[1-9]\d{{0,3}}\)?(?:{_SEPARATED}|[\-/ ]\d{{6,8}})",
        _phone(0.7, 9, 12),
    ),
    Pattern(
        "PHONE",
        rf"(?i){_PHONE_WORDS}",
        rf"(?i){_PHONE_WORDS}[^\d\n!?;(\x{{FFFC}}]{{0,30}}(\(?\d[\d ().\-]{{4,18}}\d{_EXTENSION})",
        _phone(0.6, 6, 13),
    ),
    Pattern(
        "PHONE",
        rf"(?i)\d[ \-]?{_PHONE_ENDINGS}",
        rf"(?i)(\(?\d[\d ().\-]{{4,18}}\d{_EXTENSION})[ \-]{_PHONE_ENDINGS}",
        _phone(0.6, 6, 13),
    ),
)
