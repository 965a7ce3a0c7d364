"""Claims with the sentences that carry them, or do not: what the pair model learns from."""

import random
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log1p
from typing import Any

from tests.bench.evaluation import folder, rows
from training.encoder.batches import CLS, SEP, Example
from training.reader.data import Asked, clapnq, squad, words, xquad
from training.support.statements import (
    NAME,
    claimed,
    falsified,
    shortened,
    sort_of,
    stated,
)

from bedplate.sentences import split_sentences
from bedplate.terms import analyse
from bedplate.windows import window

SETS = ("halueval", "begin", "scifact", "wice")
CLAIM_PIECES, EVIDENCE_PIECES = 56, 88
NEAREST = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """`group` is what a split must not tear apart; `set` is one of `SETS`, or "made"."""

    id: str
    set: str
    group: str
    claim: str
    evidence: str
    supported: bool

    @property
    def kept(self) -> bool:
        """Whether it is of the half that `--halves` does not fit."""
        return zlib.crc32(self.group.encode()) % 2 == 1


def example(pair: Pair, weight: float = 1.0) -> Example:
    evidence = words(pair.evidence)
    shown = window(
        words(pair.claim), words(""), evidence, (0, len(pair.evidence)),
        most=CLAIM_PIECES, width=EVIDENCE_PIECES,
    )  # fmt: skip
    ids, kinds = [CLS, *shown.ids, SEP], [0, *shown.kinds, 0]
    return Example(ids, [float(pair.supported)], kinds, weight)


def nearest(claim: str, sentences: Sequence[str]) -> str:
    """Those that share most with the claim, best first: what is too long loses the least."""
    bags = [frozenset(analyse(s)) for s in sentences]
    wanted = set(analyse(claim))

    def shared(bag: frozenset[str]) -> float:
        return sum(log1p(len(bags) / sum(t in b for b in bags)) for t in wanted & bag)

    order = sorted(range(len(bags)), key=lambda i: (-shared(bags[i]), i))
    return " ".join(sentences[i] for i in order[:NEAREST])


@lru_cache(maxsize=5_000)
def sentences(text: str) -> tuple[str, ...]:
    return tuple(text[s.start : s.end] for s in split_sentences(text))


def labelled(name: str) -> list[Pair]:
    """The development rows of a set, one pair each."""
    return list(
        {"halueval": _halueval, "begin": _begin, "scifact": _scifact, "wice": _wice}[name]()
    )


def _pair(row: dict[str, Any], name: str, group: str, claim: str, context: Sequence[str]) -> Pair:
    return Pair(row["id"], name, group, claim, nearest(claim, context), row["label"] == 0)


def _halueval() -> Iterator[Pair]:
    for row in rows(folder("groundedness") / "halueval_qa.jsonl"):
        claim = claimed(row["question"], row["answer"])
        yield _pair(row, "halueval", row["context"][:200], claim, sentences(row["context"]))


def _begin() -> Iterator[Pair]:
    for row in rows(folder("groundedness") / "begin_dev.jsonl"):
        claim = claimed(row["message"], row["answer"])
        yield _pair(row, "begin", row["context"][:200], claim, sentences(row["context"]))


def _scifact() -> Iterator[Pair]:
    for row in rows(folder("groundedness") / "scifact_claims_train.jsonl"):
        known = {**row, "label": int(row["evidence_label"] != "SUPPORT")}
        yield _pair(known, "scifact", row["claim"], row["claim"], row["context_sentences"])


def _wice() -> Iterator[Pair]:
    for row in rows(folder("groundedness") / "wice_claim_dev.jsonl"):
        known = {**row, "label": int(row["label"] != "supported")}
        yield _pair(known, "wice", row["claim"], row["claim"], row["evidence"])


class Made:
    """Draws pairs made by rule from questions with their paragraphs, and from the paragraphs alone."""

    def __init__(self) -> None:
        self._short: list[Asked] = [*squad(), *xquad()]
        self._long: list[Asked] = clapnq()
        self._answers: dict[str, list[str]] = defaultdict(list)
        self._names: dict[str, list[str]] = defaultdict(list)
        for each in self._short:
            self._answers[each.passage.text] += each.answers[:1]
        for each in (*self._short, *self._long):
            self._names[each.group] += NAME.findall(each.passage.text)

    def epoch(self, count: int, draw: random.Random) -> list[Pair]:
        """About `count` pairs: three fifths from questions, a fifth of them impossible ones."""
        found: list[Pair] = []
        while len(found) < count:
            kind = draw.random()
            if kind < 0.55:
                found += self._from_question(draw.choice(self._short), draw)
            elif kind < 0.7:
                found += self._from_answer(draw.choice(self._long), draw)
            else:
                found += self._from_sentence(
                    draw.choice((draw.choice(self._short), draw.choice(self._long))), draw
                )
        return found

    def _from_question(self, each: Asked, draw: random.Random) -> Iterator[Pair]:
        text = each.passage.text
        others = self._others(each, draw)
        if not each.answers:
            if others:
                yield self._made(
                    each, stated(each.question, draw.choice(others), draw), supported=False
                )
            return
        right = draw.choice(each.answers)
        yield self._made(each, stated(each.question, right, draw), supported=True)
        if others and draw.random() < 0.6:
            yield self._made(
                each, stated(each.question, draw.choice(others), draw), supported=False
            )
        elif false := falsified(stated(each.question, right, draw), self._names[each.group], draw):
            yield self._made(each, false, supported=False)
        if draw.random() < 0.15 and (rest := [s for s in sentences(text) if right not in s]):
            yield self._made(each, stated(each.question, right, draw), rest, supported=False)

    def _others(self, each: Asked, draw: random.Random) -> list[str]:
        """Answers of the same sort that stand in its paragraph and are none of its own."""
        text, own = each.passage.text, " ".join(each.answers).lower()
        known = (
            [*self._answers[text], *NAME.findall(text)]
            if draw.random() < 0.7
            else (self._names[each.group])
        )
        wanted = sort_of(each.answers[0]) if each.answers else _asked_sort(each.question)
        asked = each.question.lower()
        return [
            a for a in known
            if sort_of(a) == wanted and a.lower() not in own and a.lower() not in asked
            and not any(o.lower() in a.lower() for o in each.answers)
        ]  # fmt: skip

    def _from_answer(self, each: Asked, draw: random.Random) -> Iterator[Pair]:
        """A sentence of a passage that answers: carried by it, not by what else is said there."""
        if each.answers:
            yield from self._from_line(each, draw.choice(each.answers), draw)

    def _from_sentence(self, each: Asked, draw: random.Random) -> Iterator[Pair]:
        lines = [s for s in sentences(each.passage.text) if 6 <= len(s.split()) <= 45]
        if lines:
            yield from self._from_line(each, draw.choice(lines), draw)

    def _from_line(self, each: Asked, line: str, draw: random.Random) -> Iterator[Pair]:
        claim = shortened(line, draw)
        if draw.random() < 0.6:
            yield self._made(each, claim, supported=True)
        if false := falsified(claim, self._names[each.group], draw):
            yield self._made(each, false, supported=False)
        rest = [s for s in sentences(each.passage.text) if line not in s and s not in line]
        if rest and draw.random() < 0.3:
            yield self._made(each, claim, rest, supported=False)

    def _made(
        self, each: Asked, claim: str, context: Sequence[str] = (), *, supported: bool
    ) -> Pair:
        evidence = nearest(claim, context or sentences(each.passage.text))
        return Pair("", "made", each.group, claim, evidence, supported)


def _asked_sort(question: str) -> str:
    words = question.lower()
    if any(w in words for w in ("when", "how many", "how much", "what year", "percent")):
        return "number"
    return "name" if any(w in words for w in ("who", "where", "which", "whose")) else "other"
