"""Numbers that states give to people and firms, each proved by its checksum or the words before it.

Sources of the checksums: ISO 7064 (mod 97-10, mod 11-10), the issuers' own published rules.
"""

import re
from collections.abc import Callable, Iterator

from bedplate.guards.pii_patterns import Check, Pattern, Span, apart, before, luhn

_NUMBER_WORDS = (
    r"national|identi|\bid\b|personal|social|insurance|tax\b|steuer|fiscal|\bnino\b|\bnif\b|\bnie\b|"
    r"\bdni\b|\bcpf\b|\bbsn\b|\bsin\b|\bpesel\b|\bpan\b|aadha+r|personnummer|\bidnr\b|\bnir\b|sécu"
)
_WORDS = re.compile(_NUMBER_WORDS)
_VAT_NAMES = r"\bvat\b|\bust\b|\bust-?id|\btva\b|\biva\b|\bbtw\b|\bmwst|\bmoms\b|tax\b"
_VAT_WORDS = re.compile(_VAT_NAMES)


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text if sign.isdigit()]


def _proved(proof: Callable[[str], bool], *, named: bool = False, score: float = 0.9) -> Check:
    """A candidate that stands apart and passes; `named` also wants a word for it before it."""

    def check(text: str, start: int, end: int) -> Iterator[Span]:
        if not apart(text, start, end) or not proof(text[start:end].upper()):
            return
        told = bool(_WORDS.search(before(text, start)))
        if told or not named:
            yield start, end, 1.0 if told else score

    return check


def _always(_written: str) -> bool:
    return True


def _weighted(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _uk(written: str) -> bool:
    return written[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}


def _spain(written: str) -> bool:
    plain = written.replace("-", "").replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    plain = plain if written[0] in "XYZ" else written.replace("-", "")
    return plain[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(plain[:-1]) % 23]


def _france(written: str) -> bool:
    digits = re.sub("[^0-9]", "", written)
    return len(digits) == 15 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _italy(written: str) -> bool:
    odd = (
        1,
        0,
        5,
        7,
        9,
        13,
        15,
        17,
        19,
        21,
        2,
        4,
        18,
        20,
        11,
        3,
        6,
        8,
        12,
        14,
        16,
        10,
        22,
        25,
        24,
        23,
    )
    values = [int(sign) if sign.isdigit() else ord(sign) - 65 for sign in written]
    total = sum(value if index % 2 else odd[value] for index, value in enumerate(values[:15]))
    return chr(65 + total % 26) == written[15]


def _germany(written: str) -> bool:
    """ISO 7064, mod 11,10."""
    digits, product = _digits(written), 10
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[10]


def _brazil(written: str) -> bool:
    digits = _digits(written)
    first = _weighted(digits, tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = _weighted(digits, tuple(range(11, 1, -1))) * 10 % 11 % 10
    return digits[9:] == [first, second] and len(set(digits)) > 1


_TIMES = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_TURNS = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def _verhoeff(written: str) -> bool:
    check = 0
    for index, digit in enumerate(reversed(_digits(written))):
        check = int(_TIMES[check][int(_TURNS[index % 8][digit])])
    return check == 0


def _netherlands(written: str) -> bool:
    digits = _digits(written)
    return any(digits) and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _poland(written: str) -> bool:
    return _weighted(_digits(written), (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _china(written: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[_weighted(_digits(written[:17]), weights) % 11] == written[17]


def _switzerland(written: str) -> bool:
    return _weighted(_digits(written), (1, 3) * 6 + (1,)) % 10 == 0


def _luhn(written: str) -> bool:
    return luhn(re.sub("[^0-9]", "", written))


def _sweden(written: str) -> bool:
    month, day = int(written[2:4]), int(written[4:6])
    return _luhn(written) and 1 <= month <= 12 and 1 <= day % 60 <= 31


def _vat(text: str, start: int, end: int) -> Iterator[Span]:
    if apart(text, start, end) and _VAT_WORDS.search(before(text, start)):
        yield start, end, 1.0


def _document(text: str, start: int, end: int) -> Iterator[Span]:
    value = text[start:end]
    if apart(text, start, end) and sum(sign.isdigit() for sign in value) * 2 > len(value):
        yield start, end, 0.9


_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_ELEVEN = r"\b\d{11}\b|\b\d{2} \d{3} \d{3} \d{3}\b"
_IS = r"(?:\s+(?:no|nr|number|id|code|is)\b\.?|\s*[:#=])*\s*"
_EUROPE = (
    r"ATU\d{8}|BE[01]\d{9}|BG\d{9,10}|CY\d{8}[A-Z]|CZ\d{8,10}|DE\d{9}|DK\d{8}|EE\d{9}|EL\d{9}|"
    r"ES[A-Z0-9]\d{7}[A-Z0-9]|FI\d{8}|FR[A-Z0-9]{2}\d{9}|GB\d{9}|HR\d{11}|HU\d{8}|IE\d[A-Z0-9]\d{5}[A-Z]{1,2}|"
    r"IT\d{11}|LT\d{9}(?:\d{3})?|LU\d{8}|LV\d{11}|MT\d{8}|NL\d{9}B\d{2}|PL\d{10}|PT\d{9}|RO\d{4,10}|"
    r"SE\d{12}|SI\d{8}|SK\d{10}|CHE-\d{3}\.\d{3}\.\d{3}"
)


_NAMED = f"(?i){_NUMBER_WORDS}"


def _national(trigger: str, expression: str, check: Check) -> Pattern:
    return Pattern("NATIONAL_ID", trigger, expression, check)


IDENTITY = (
    _national(
        r"[A-Z]{2} ?\d\d",
        r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
        _proved(_uk),
    ),
    _national(r"\d{7}-?[A-Z]", r"\b(?:[XYZ]\d{7}|\d{8})-?[A-HJ-NP-TV-Z]\b", _proved(_spain)),
    _national(
        r"[12] ?\d\d ?[0-9]{2}",
        rf"\b[12] ?\d{{2}} ?{_MONTH} ?\d{{2}} ?\d{{3}} ?\d{{3}} ?\d{{2}}\b",
        _proved(_france),
    ),
    _national(
        r"[A-Z]{6}\d\d",
        r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b",
        _proved(_italy),
    ),
    _national(_NAMED, _ELEVEN, _proved(_germany, named=True)),
    _national(_NAMED, r"\b\d{11}\b", _proved(_poland, named=True)),
    _national(r"\d{3}-\d\d", r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", _proved(_brazil)),
    _national(_NAMED, r"\b[2-9]\d{3} \d{4} \d{4}\b", _proved(_verhoeff, named=True)),
    _national(_NAMED, r"\b\d{9}\b", _proved(_netherlands, named=True)),
    _national(_NAMED, r"\b\d{3}[ -]?\d{3}[ -]?\d{3}\b", _proved(_luhn, named=True)),
    _national(r"\d{6}[-+]\d{4}", r"\b(?:19|20)?(\d{6}[-+]\d{4})\b", _proved(_sweden, score=0.7)),
    _national(r"756\.", r"\b756\.\d{4}\.\d{4}\.\d{2}\b", _proved(_switzerland)),
    _national(
        r"\d{17}",
        rf"\b[1-9]\d{{5}}(?:19|20)\d{{2}}{_MONTH}{_DAY}\d{{3}}[0-9Xx]\b",
        _proved(_china),
    ),
    _national(
        r"\d{6}-[1-4]", rf"\b\d{{2}}{_MONTH}{_DAY}-[1-4]\d{{6}}\b", _proved(_always, score=0.8)
    ),
    _national(
        r"9\d\d-",
        r"\b9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}\b",
        _proved(_always, score=0.8),
    ),
    _national(_NAMED, r"\b[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]\b", _proved(_always, named=True)),
    Pattern(
        "PASSPORT",
        "(?i)passport|reisepass|passeport|pasaporte",
        rf"(?i)(?:passport|reisepass(?:nummer)?|passeport|pasaporte){_IS}([A-Z]{{0,3}}\d[A-Z0-9]{{5,9}})",
        _document,
    ),
    Pattern(
        "DRIVER_LICENSE",
        "(?i)licen[cs]e|führerschein|permis",
        rf"(?i)(?:driv(?:er'?s?|ing) licen[cs]e|führerschein(?:nummer)?|permis de conduire){_IS}"
        r"([A-Z]{0,5}\d[A-Z0-9\-]{4,17})",
        _document,
    ),
    Pattern("VAT", f"(?i){_VAT_NAMES}", rf"\b(?:{_EUROPE})\b", _vat),
)
