"""Questions with windows of passages that answer them, or do not: what the span reader learns from."""

import random
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.bench.evaluation import folder, rows
from training.encoder.batches import CLS, IGNORED, SEP, Example, tokenizer
from training.reader.folds import clapnq_group

from bedplate.encoder import Pieces
from bedplate.sentences import Span, split_sentences
from bedplate.terms import analyse
from bedplate.windows import Window, Words, stretches, window, words_of

START, END = 1, 2
"""Bits of a target; both together are any piece of an answer that is a whole sentence."""
NEAREST = 6
ONLY_IN_XQUAD = frozenset({
    "Super_Bowl_50", "Nikola_Tesla", "Newcastle_upon_Tyne", "Doctor_Who", "Teacher", "Apollo_program",
    "Martin_Luther", "Chloroplast", "United_Methodist_Church",
})  # fmt: skip
"""Articles that SQuAD 2.0 leaves out, so that none of its held-out questions can be among them."""
_SWAPPED = re.compile(r"(?<![\w'])(?:[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|\d[\d,.]*\d|\d)")

_tokens: Any = tokenizer()


@dataclass(frozen=True, slots=True)
class Text:
    """A passage; `sentences` are its own, `terms` those of each."""

    title: str
    text: str
    group: str


@dataclass(frozen=True, slots=True)
class Asked:
    """`answers` are words of `passage`, whole sentences where `long`; none: it answers nothing."""

    question: str
    passage: Text
    answers: tuple[str, ...]
    group: str
    long: bool = False


@lru_cache(maxsize=20_000)
def words(text: str) -> Words:
    encoded = _tokens.encode(text, add_special_tokens=False)
    return words_of(text, Pieces(encoded.ids, encoded.offsets))


@lru_cache(maxsize=5_000)
def cut(text: str, skip: int) -> tuple[Span, ...]:
    """Windows of a passage that begin with its first sentence, or, with a shorter first one, its
    `skip`th."""
    sentences = [(s.start, s.end) for s in split_sentences(text)]
    skip = min(skip, len(sentences) - 1)
    before = tuple(stretches(words(text), sentences[:skip])) if skip > 0 else ()
    return (*before, *stretches(words(text), sentences[max(skip, 0) :]))


def squad() -> list[Asked]:
    texts = {
        row["_id"]: Text(row["title"].replace("_", " "), row["text"], row["title"])
        for row in rows(folder("qa_squad2") / "paragraphs.jsonl")
    }
    return [
        Asked(q["question"], texts[q["paragraph_id"]], tuple(q["answers"]), q["title"])
        for q in rows(folder("qa_squad2") / "questions.jsonl")
    ]


def xquad() -> list[Asked]:
    return [
        Asked(
            q["question"],
            Text(q["title"].replace("_", " "), q["context"], q["title"]),
            tuple(q["answers"]),
            q["title"],
        )
        for q in rows(folder("qa_xquad") / "xquad_en.jsonl")
        if q["title"] in ONLY_IN_XQUAD
    ]


def clapnq() -> list[Asked]:
    """The half that may be fitted: tests/bench/quote_cases.is_held_out has the other one. Its group
    is one of two, for figures of a reader that has not seen a question."""
    found = []
    for name in ("answerable", "unanswerable"):
        for row in rows(folder("qa_clapnq") / f"clapnq_{name}.jsonl"):
            if zlib.crc32(row["id"].encode()) % 2 == 1:
                continue
            group = clapnq_group(row["id"])
            passage = Text(row["passages"][0]["title"], row["passages"][0]["text"], group)
            said = tuple(s for each in row["output"] for s in each["selected_sentences"])
            found.append(Asked(row["input"], passage, said, group, long=True))
    return found


class Draw:
    """Draws an epoch's windows from questions: answers, hard windows without one, and questions that
    a swapped name or number has made unanswerable."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = asked
        self._passages: dict[str, list[Text]] = defaultdict(list)
        self._names: dict[str, list[str]] = defaultdict(list)
        for each in asked:
            group = each.group.partition("-")[0] if each.long else each.group
            if each.passage not in self._passages[group]:
                self._passages[group].append(each.passage)
            self._names[group] += _SWAPPED.findall(each.question[1:])
        self._near = {id(each): self._nearest(each) for each in asked}

    def epoch(self, draw: random.Random) -> list[Example]:
        found: list[Example] = []
        for each in self._asked:
            if each.answers:
                found += self._answered(each, draw)
                if draw.random() < 0.45:
                    found += self._elsewhere(each, draw)
                if not each.long and draw.random() < 0.3:
                    found += self._swapped(each, draw)
            elif each.long or draw.random() < 0.85:
                found += self._unanswered(each, draw)
            if each.long:
                found += self._elsewhere(each, draw)
        return found

    def _nearest(self, each: Asked) -> list[tuple[Text, Span]]:
        """Windows of its collection that meet most of it, its own passage's among them."""
        group = each.group.partition("-")[0] if each.long else each.group
        asked = set(analyse(each.question))
        collection = self._passages[group]
        seen = _seen(tuple(collection))
        scored = []
        for place, text in enumerate(collection):
            for span in cut(text.text, 0):
                met = asked & _terms(text.text, span)
                scored.append((-sum(1 / (1 + seen[t]) ** 0.5 for t in met), place, span))
        scored.sort()
        return [(collection[place], span) for _, place, span in scored[:NEAREST]]

    def _answered(self, each: Asked, draw: random.Random) -> Iterator[Example]:
        spans = cut(each.passage.text, draw.choice((0, 0, 1, 2)))
        good = [s for s in spans if _places(each, s)]
        if good:
            yield example(each.question, each, draw.choice(good))

    def _elsewhere(self, each: Asked, draw: random.Random) -> Iterator[Example]:
        """A near window that does not hold the answer."""
        near = [
            (text, span)
            for text, span in self._near[id(each)]
            if not any(a.lower() in text.text[slice(*span)].lower() for a in each.answers)
            and not (each.answers and each.long and text == each.passage)
        ]
        if near:
            text, span = near[min(int(draw.expovariate(0.7)), len(near) - 1)]
            yield example(each.question, Asked(each.question, text, (), each.group), span)

    def _unanswered(self, each: Asked, draw: random.Random) -> Iterator[Example]:
        own = [s for text, s in self._near[id(each)] if text == each.passage]
        if own and draw.random() < 0.8:
            yield example(each.question, each, own[0] if draw.random() < 0.7 else draw.choice(own))
        elif self._near[id(each)]:
            text, span = draw.choice(self._near[id(each)][:3])
            yield example(each.question, Asked(each.question, text, (), each.group), span)

    def _swapped(self, each: Asked, draw: random.Random) -> Iterator[Example]:
        found = list(_SWAPPED.finditer(each.question, 1))
        if not found:
            return
        match = draw.choice(found)
        digit = match.group()[0].isdigit()
        others = [
            n
            for n in self._names[each.group]
            if n[0].isdigit() == digit and n.lower() not in each.question.lower()
            and n.lower() not in {a.lower() for a in each.answers}
        ]  # fmt: skip
        spans = [s for s in cut(each.passage.text, 0) if _places(each, s)]
        if others and spans:
            question = (
                each.question[: match.start()] + draw.choice(others) + each.question[match.end() :]
            )
            yield example(
                question, Asked(question, each.passage, (), each.group), draw.choice(spans)
            )


@lru_cache(maxsize=64)
def _seen(collection: tuple[Text, ...]) -> Counter[str]:
    return Counter(t for text in collection for t in set(analyse(text.text)))


@lru_cache(maxsize=20_000)
def _terms(text: str, span: Span) -> frozenset[str]:
    return frozenset(analyse(text[slice(*span)]))


def _places(each: Asked, span: Span) -> list[Span]:
    """Where its answers stand within `span`."""
    start, end = span
    return [
        (m.start(), m.end())
        for answer in each.answers
        for m in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", each.passage.text)
        if start <= m.start() and m.end() <= end
    ]


def example(question: str, each: Asked, span: Span) -> Example:
    shown = window(words(question), words(each.passage.title), words(each.passage.text), span)
    target = _target(shown, _places(each, span), long=each.long)
    return Example([CLS, *shown.ids, SEP], target, [0, *shown.kinds, 0])


def _target(shown: Window, places: Sequence[Span], *, long: bool) -> list[float]:
    """A number a piece, the first marker's being that of no answer; `IGNORED` where none can stand."""
    bits = [0] * len(shown.offsets)
    for start, end in places:
        inside = [i for i, (a, b) in enumerate(shown.offsets) if a < end and b > start]
        if not inside:
            continue
        bits[inside[0]] |= START
        bits[inside[-1]] |= END
        if long:
            for i in inside:
                bits[i] |= START | END
    none = 0 if any(b & START for b in bits) and any(b & END for b in bits) else START | END
    return [none, *[IGNORED] * shown.first, *(bits if not none else [0] * len(bits)), IGNORED]
