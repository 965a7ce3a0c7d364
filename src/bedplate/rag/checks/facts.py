"""What a sentence says that another one may contradict: its terms, numbers, dates, negation."""

import re
from dataclasses import dataclass

from bedplate.domain.chat import Passage
from bedplate.sentences import Sentence, split_sentences
from bedplate.terms import analyse

MOST_SENTENCES = 40
"""Of one passage."""

_NUMBER = re.compile(
    r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])|(?<![\w.,])\d+(?:[.,]\d+)*(?=[a-z%]{1,3}\b)"
)
# "Fjell 40" is the name of a thing: its number says which one is meant.
_NAMED = re.compile(r"\b([A-Z][\w'’-]*|[A-Z]+)[ -](\d+(?:[.,]\d+)*)\b(?!\s*%)")
_NAME = re.compile(r"(?<=[\w,;:)] )[A-Z][\w'’-]+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MONTHS = frozenset(
    [
        "januari",
        "februari",
        "march",
        "april",
        "may",
        "june",
        "juli",
        "august",
        "septemb",
        "octob",
        "novemb",
        "decemb",
    ]
)
_MONTH_WORDS = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
_NEGATION = re.compile(r"\b(?:not|no|never|none|neither|nor|without|cannot)\b|n['’]t\b", re.I)
_POINTS_BACK = re.compile(r"\W*(?:it|its|they|their|these|those|this|that|he|she|his|her)\b", re.I)


@dataclass(frozen=True, slots=True)
class Said:
    """`terms` are without numbers and months; `names` are those of them that are capitalised within
    the sentence. `subjectless`: it does not say what it is about.
    """

    terms: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[str]
    years: frozenset[str]
    months: frozenset[str]
    negative: bool
    subjectless: bool

    @property
    def dates(self) -> frozenset[str]:
        return self.years | self.months


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence of a passage, and what it says."""

    passage: Passage
    start: int
    end: int
    said: Said


def facts(passage: Passage) -> list[Fact]:
    """Of its sentences those that say something, the first `MOST_SENTENCES`."""
    text = passage.hit.text
    told = [s for s in split_sentences(text) if s.form in ("prose", "item", "row")]
    read = (_fact(passage, text, sentence) for sentence in told[:MOST_SENTENCES])
    return [fact for fact in read if fact.said.terms]


def _fact(passage: Passage, text: str, sentence: Sentence) -> Fact:
    said = read_sentence(text[sentence.start : sentence.end], row=sentence.form == "row")
    return Fact(passage, sentence.start, sentence.end, said)


def read_sentence(words: str, *, row: bool = False) -> Said:
    """What one sentence says; a row of a table names no subject of its own."""
    named = {f"{name} {number}".casefold() for name, number in _NAMED.findall(words)}
    months = frozenset(month.casefold() for month in _MONTH_WORDS.findall(words))
    named = {each for each in named if each.split()[0] not in months}
    of_names = {each.split()[1] for each in named}
    numbers = frozenset(_plain(each) for each in _NUMBER.findall(words)) - of_names
    years = frozenset(each for each in numbers if _YEAR.fullmatch(each))
    terms = frozenset(
        term
        for term in analyse(words)
        if not any(c.isdigit() for c in term) and term not in _MONTHS
    )
    names = {term for name in _NAME.findall(words) for term in analyse(name)} - _MONTHS
    return Said(
        terms=terms | named,
        names=frozenset(names | named),
        numbers=numbers - years,
        years=years,
        months=months,
        negative=_NEGATION.search(words) is not None,
        subjectless=row or _POINTS_BACK.match(words) is not None,
    )


def _plain(number: str) -> str:
    """Without separators of thousands, so that 1,000 is 1000; 1.5 stays."""
    plain = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number).replace(",", ".")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
