"""Where people live and when they were born, by the form that such things are written in."""

import re
from collections.abc import Iterator

from bedplate.guards.pii_patterns import Check, Pattern, Span, apart, before

_BORN_WORDS = r"\bborn\b|birth|\bdob\b|d\.o\.b|geboren|geburt|\bné[e]?\b|naissance|\bnat[oa]\b|nascit|nacid|nacim"
_BORN = re.compile(_BORN_WORDS)
_ZIP_NAMES = r"\bzip\b|post(?:al)? ?code|\bplz\b|postleitzahl|code postal|\bcap\b|postcode"
_ZIP_WORDS = re.compile(_ZIP_NAMES)

_MONTHS = (
    r"(?:Jan(?:uary|uar|vier)?|Feb(?:ruary|ruar)?|F[ée]v(?:rier)?|Mar(?:ch|s)?|M[äa]rz|Apr(?:il)?|Avril|"
    r"May|Mai|Jun[ei]?|Juin|Jul[yi]?|Juillet|Aug(?:ust)?|Ao[uû]t|Sep(?:t(?:ember|embre)?)?|O[ck]t(?:ober|obre)?|"
    r"Nov(?:ember|embre)?|De[cz](?:ember|embre)?|Déc(?:embre)?)\.?"
)
_DATE = (
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./\-]\d{1,2}[./\-](?:\d{4}|\d{2})|"
    rf"\d{{1,2}}(?:st|nd|rd|th|\.)? {_MONTHS} \d{{4}}|{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})\b"
)

_CAP = r"[A-Z\x{C0}-\x{DE}][\w\x{C0}-\x{24F}.'\-]{0,30}"
_NUMBER = r"\d{1,5}[A-Za-z]?(?:[\-/]\d{1,4}[A-Za-z]?)?"
_ROOM = r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Room|Floor|Apto)\.? ?#?[A-Za-z0-9\-]{1,6}|,? #\d{1,5})?"
_WAYS = (
    r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Square|Sq|"
    r"Terrace|Ter|Trail|Trl|Parkway|Pkwy|Highway|Hwy|Way|Close|Crescent|Cres|Grove|Row|Mews|Walk|Alley|Loop|"
    r"Plaza|Quay|Wharf|Gardens|Hill"
)
_WAYS_BEHIND = (
    r"(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|damm|ufer|straat|laan|plein|gracht|dreef|kade|"
    r"gatan|v[äa]gen|gata|veien|vej|gade|katu|tie|kuja|polku|gatan)"
)
_WAYS_BEFORE = (
    r"Calle|Avenida|Av\.|Plaza|Paseo|Rua|Travessa|Pra[çc]a|Via|Viale|Piazza|Corso|Rue|Boulevard|Chemin|"
    r"All[ée]e|Impasse|Ulica|Ul\.|Strada|Str\."
)


def _address(score: float) -> Check:
    def check(text: str, start: int, end: int) -> Iterator[Span]:
        stripped = end - len(text[start:end]) + len(text[start:end].rstrip(".,"))
        if start == 0 or not text[start - 1].isalnum():
            yield start, stripped, score

    return check


def _birth(text: str, start: int, end: int) -> Iterator[Span]:
    if apart(text, start, end) and _BORN.search(before(text, start)):
        yield start, end, 0.9


def _zip(*, named: bool) -> Check:
    def check(text: str, start: int, end: int) -> Iterator[Span]:
        if apart(text, start, end) and (not named or _ZIP_WORDS.search(before(text, start))):
            yield start, end, 0.9 if named else 0.7

    return check


PLACES = (
    Pattern("BIRTH_DATE", f"(?i){_BORN_WORDS}", _DATE, _birth),
    Pattern(
        "ADDRESS",
        rf"\b(?:{_WAYS})\b",
        rf"{_NUMBER},? (?:[NSEW]\.? |North |South |East |West )?(?:{_CAP} |\d{{1,3}}(?:st|nd|rd|th) ){{1,4}}"
        rf"(?:{_WAYS})\b\.?{_ROOM}",
        _address(0.9),
    ),
    Pattern(
        "ADDRESS",
        rf"(?i){_WAYS_BEHIND}",
        rf"[A-Z\x{{C0}}-\x{{DE}}][\w\x{{C0}}-\x{{24F}}\-]{{1,30}}(?:{_WAYS_BEHIND}|[ -]Stra(?:ß|ss)e|[ -]Weg|[ -]Platz) {_NUMBER}{_ROOM}",
        _address(0.8),
    ),
    Pattern(
        "ADDRESS",
        rf"\b(?:{_WAYS_BEFORE})",
        rf"(?:{_NUMBER},? )?\b(?:{_WAYS_BEFORE}) (?:{_CAP} ?){{1,5}},? {_NUMBER}\b|"
        rf"{_NUMBER},? (?:{_WAYS_BEFORE}) (?:{_CAP} ?){{1,5}}",
        _address(0.8),
    ),
    Pattern("ADDRESS", r"(?i)Box \d", r"(?i)\bP\.? ?O\.? Box \d{1,6}", _address(0.9)),
    Pattern(
        "ADDRESS",
        r"\b(?:Apt|Apartment|Suite|Flat)\b",
        r"\b(?:Apt|Apartment|Suite|Flat)\.? ?#?\d{1,5}[A-Za-z]?\b",
        _address(0.6),
    ),
    Pattern(
        "ZIP",
        f"(?i){_ZIP_NAMES}",
        r"\b(\d{4,6}(?:-\d{3,4})?|\d{2}-\d{3}|\d{4} [A-Z]{2})\b",
        _zip(named=True),
    ),
    Pattern(
        "ZIP",
        r"\b[A-Z]{2} \d{5}",
        r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) (\d{5}(?:-\d{4})?)\b",
        _zip(named=False),
    ),
    Pattern(
        "ZIP", r"\d[A-Z]{2}\b", r"\b[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}\b", _zip(named=False)
    ),
    Pattern(
        "ZIP", r"[A-Z]\d[A-Z] \d", r"\b[A-CEGHJ-NPR-TVXY]\d[A-Z] \d[A-Z]\d\b", _zip(named=False)
    ),
)
