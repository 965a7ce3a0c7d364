"""Questions with answers made into statements, and true statements made false, by rule."""

import random
import re
from collections.abc import Sequence

from bedplate.terms import analyse

FRAGMENT_TERMS = 4
"""As judges/wording.SHORT_TERMS: what says less is read together with its question."""
_BE = re.compile(r"(who|what)\s+(is|was|are|were)\s+(.+)", re.IGNORECASE)
_DID = re.compile(
    r"(when|where|in (?:what|which) (?:year|century|city|country|month))\s+"
    r"(did|does|do|was|were|is|are|has|have|had|can|could|will|would)\s+(.+)", re.IGNORECASE
)  # fmt: skip
_SUBJECT = re.compile(
    r"(?:who|what|which [a-z]+|what [a-z]+)\s+(?!is\b|was\b|are\b|were\b|do\b|does\b|did\b|has\b|have\b|"
    r"had\b|can\b|could\b|will\b|would\b|should\b|may\b|must\b)([a-z]+(?:ed|s|[^aeiou]t|nt|ok|ew|an)\b.+)",
    re.IGNORECASE,
)  # fmt: skip
NAME = re.compile(r"(?<![\w'])[A-Z][\w'-]+(?: (?:of |the )?[A-Z][\w'-]+)*")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,.]*\d|(?<![\w.,])\d(?![\w])")
_AUXILIARY = re.compile(
    r"\b(is|was|are|were|can|could|will|would|should|has|have|had|did|does|may)\b"
)
_NOT = re.compile(
    r"\b(is|was|are|were|can|could|will|would|should|has|have|had|did|does|may) not\b"
)
_OPPOSITES = (
    "increase decrease", "increased decreased", "more less", "first last", "before after", "early late",
    "high low", "higher lower", "largest smallest", "north south", "northern southern", "east west",
    "eastern western", "begin end", "began ended", "all none", "always never", "won lost", "most few",
    "large small", "larger smaller", "many few", "old new", "older younger", "long short", "strong weak",
    "rise fall", "rose fell", "gain lose", "gained lost", "positive negative", "male female", "major minor",
    "support oppose", "supported opposed", "include exclude", "inside outside", "above below", "left right",
    "public private", "success failure", "greater lower", "hot cold", "rich poor", "accept reject",
    "reduces increases", "reduced raised", "inhibits promotes", "induces prevents", "upper lower",
)  # fmt: skip
_OTHER: dict[str, str] = {}
for _pair in _OPPOSITES:
    _a, _b = _pair.split()
    _OTHER.setdefault(_a, _b)
    _OTHER.setdefault(_b, _a)
_OPPOSITE = re.compile(rf"\b({'|'.join(_OTHER)})\b")
_ASIDE = re.compile(r"\s*\([^()]*\)|, (?:which|who|where)\b[^,.]*(?=,|\.|$),?")


def stated(question: str, answer: str, draw: random.Random) -> str:
    """One of: a statement where a rule knows how, else the question followed by the answer."""
    words, answer = question.strip().rstrip(" ?:."), answer.strip().rstrip(".")
    if answer and draw.random() < 0.6:
        if found := _BE.fullmatch(words):
            return f"{found[3][0].upper()}{found[3][1:]} {found[2].lower()} {answer}."
        if found := _DID.fullmatch(words):
            place = answer if answer.lower().split()[0] in _PLACED else f"in {answer}"
            return f"{found[3][0].upper()}{found[3][1:]} {found[2].lower()} so {place}."
        if found := _SUBJECT.fullmatch(words):
            return f"{answer[0].upper()}{answer[1:]} {found[1]}."
    return f"{words} {answer}"


_PLACED = frozenset(
    {"in", "on", "at", "by", "during", "after", "before", "from", "to", "near", "since"}
)


def claimed(question: str, answer: str) -> str:
    """An answer as a judge reads it: alone, or after its question where it says too little."""
    if len(analyse(answer)) <= FRAGMENT_TERMS:
        return f"{question.strip().rstrip(' ?:')} {answer}"
    return answer


def sort_of(answer: str) -> str:
    if any(c.isdigit() for c in answer):
        return "number"
    return "name" if any(w[0].isupper() for w in answer.split()) else "other"


def shortened(sentence: str, draw: random.Random) -> str:
    """The same without an aside, or without what stands before its first comma."""
    if draw.random() < 0.5:
        sentence = _ASIDE.sub("", sentence)
    before, comma, after = sentence.partition(", ")
    if comma and draw.random() < 0.3 and len(after.split()) > 5 and after[0].islower():
        sentence = after[0].upper() + after[1:]
    elif comma and draw.random() < 0.2 and len(before.split()) > 6:
        sentence = f"{before}."
    return sentence.strip()


def falsified(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    """One thing changed: a number, a name, the order of two names, a word into its opposite, or a
    negation put in or taken out; None where no rule applies."""
    ways = [_number, _number, _name, _name, _exchanged, _opposite, _opposite, _negated]
    draw.shuffle(ways)
    for way in ways:
        made = way(sentence, names, draw)
        if made is not None and made != sentence:
            return made
    return None


def _put(sentence: str, match: re.Match[str], words: str) -> str:
    return sentence[: match.start()] + words + sentence[match.end() :]


def _number(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    del names
    found = list(NUMBER.finditer(sentence))
    if not found:
        return None
    match = draw.choice(found)
    digits = list(match.group())
    places = [i for i, c in enumerate(digits) if c.isdigit()]
    place = draw.choice(places)
    digits[place] = draw.choice([c for c in "123456789" if c != digits[place]])
    return _put(sentence, match, "".join(digits))


def _name(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    found = list(NAME.finditer(sentence, 1))
    others = [n for n in names if n not in sentence]
    return _put(sentence, draw.choice(found), draw.choice(others)) if found and others else None


def _exchanged(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    del names
    found = list(NAME.finditer(sentence, 1))
    if len(found) < 2:
        return None
    first, second = sorted(draw.sample(found, 2), key=lambda m: m.start())
    return (
        sentence[: first.start()] + second.group() + sentence[first.end() : second.start()]
        + first.group() + sentence[second.end() :]
    )  # fmt: skip


def _opposite(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    del names
    found = list(_OPPOSITE.finditer(sentence))
    if not found:
        return None
    match = draw.choice(found)
    return _put(sentence, match, _OTHER[match.group()])


def _negated(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    del names
    if found := list(_NOT.finditer(sentence)):
        match = draw.choice(found)
        return _put(sentence, match, match[1])
    if found := list(_AUXILIARY.finditer(sentence)):
        match = found[0]
        return _put(sentence, match, f"{match[1]} not")
    return None
