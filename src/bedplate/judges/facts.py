"""What a sentence states that can be checked by itself: quantities, dates, names, negation."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bedplate.judges.quantities import Day, Quantity, read_days, read_quantities
from bedplate.terms import STOP_WORDS, analyse

_NAME = re.compile(
    r"[A-Z\u00c0-\u00de][\w'’&-]*(?:[ -](?:of |de |van |von )?[A-Z\u00c0-\u00de][\w'’&-]*){0,5}"
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|nothing|nobody|nowhere|without|cannot|unable|fails?|failed|"
    r"lacks?|lacking|nicht|nie|niemals|kein(?:e[mnrs]?)?|ohne|jamais|aucune?|sans|ningun[ao]?|nunca|"
    r"jamás|tampoco|geen|niet|nooit|zonder|nessun[ao]?|senza)\b|n['’]t\b|\bne\b[^.]{1,30}\bpas\b|不|没|沒|无|無",
    re.IGNORECASE,
)
_OPENERS = re.compile(r"(?:^|[.!?:;\n\"“(•-])\s*$")


@dataclass(frozen=True, slots=True)
class Facts:
    """`names` are its capitalised names, each as its terms; `negative` whether it denies."""

    quantities: tuple[Quantity, ...]
    days: tuple[Day, ...]
    names: tuple[frozenset[str], ...]
    negative: bool


def read_facts(text: str) -> Facts:
    days, rest = read_days(text)
    return Facts(read_quantities(rest), days, (*_names(rest),), bool(_NEGATION.search(rest)))


def _names(text: str) -> Iterable[frozenset[str]]:
    for match in _NAME.finditer(text):
        words = match.group().split()
        opens = _OPENERS.search(text, max(0, match.start() - 4), match.start())
        # The first word of a sentence has a capital in any case.
        if opens and (words[0].lower() in STOP_WORDS or len(words) == 1):
            words = words[1:]
        if terms := frozenset(analyse(" ".join(words))):
            yield terms
