"""`overlap`: whether the words of each claim stand in the passages it cites.

A warning signal that costs no model: it sees words, numbers, names and negation, not meaning. It
misses what is said in other words, and passes what puts the passages' own words together wrongly.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.answers import Claim, Grounding
from bedplate.domain.chat import Passage
from bedplate.guards.protocol import GroundingGuard
from bedplate.terms import analyse

_MARKER = re.compile(r"\s?[\[【](\d{1,3}(?:\s*[,;]\s*\d{1,3})*)[\]】]")
# A marker behind the full stop still belongs to the sentence before it.
_END = re.compile(r"(?:[.!?…][\"'”’)]*(?:\s*[\[【][\d\s,;]{1,40}[\]】])*(?=\s)|[。！？]|\n)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<=[\w,;:)] )[A-Z][\w’'-]+")
_NEGATION = re.compile(r"\b(?:not|no|never|none|neither|nor|without|cannot)\b|n['’]t\b", re.I)
_SPACE = re.compile(r"\W+")

_IN_SENTENCES = 0.7
_MISSING_NUMBER = 0.4
_MISSING_NAME = 0.8
_NEGATION_DIFFERS = 0.75


class OverlapOptions(BaseModel):
    """A claim counts as supported from `threshold` on.

    At the default, on public sets, the share flagged of unsupported and of supported answers is
    .77 and .09 on BEGIN, .49 and .02 on HaluEval, .79 and .34 on WiCE, .75 and .42 on SciFact;
    contradictions in the passages' own words are not told apart.
    """

    model_config = ConfigDict(extra="forbid")
    threshold: float = Field(default=0.5, ge=0, le=1)


@dataclass(frozen=True, slots=True)
class _Source:
    """A passage made ready: its words in one line, its terms, and those of its sentences."""

    words: str
    terms: frozenset[str]
    numbers: frozenset[str]
    sentences: tuple[tuple[frozenset[str], bool], ...]

    @staticmethod
    def of(passage: Passage) -> "_Source":
        hit = passage.hit
        # A passage speaks under its title and heading, which it seldom repeats.
        whole = "\n".join((hit.title, hit.heading or "", hit.text))
        return _Source(
            words=_words(hit.text),
            terms=frozenset(analyse(whole)),
            numbers=_numbers(whole),
            sentences=tuple(
                (frozenset(analyse(sentence)), bool(_NEGATION.search(sentence)))
                for sentence in _sentences(hit.text)
            ),
        )


class OverlapGuard:
    """A claim without a marker that resolves is checked against all passages."""

    def __init__(self, threshold: float, pool: ThreadPoolExecutor) -> None:
        self._threshold = threshold
        self._pool = pool

    async def check(self, question: str, answer: str, passages: Sequence[Passage]) -> Grounding:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._check, question, answer, passages)

    def _check(self, question: str, answer: str, passages: Sequence[Passage]) -> Grounding:
        sources = {passage.number: _Source.of(passage) for passage in passages}
        asked = frozenset(analyse(question))
        claims: list[Claim] = []
        for sentence in _sentences(answer):
            text = _MARKER.sub("", sentence).strip()
            if not analyse(text):
                continue
            cited = [int(n) for m in _MARKER.finditer(sentence) for n in re.findall(r"\d+", m[1])]
            against = [sources[n] for n in cited if n in sources] or list(sources.values())
            score = round(max((_support(text, asked, s) for s in against), default=0.0), 4)
            claims.append(Claim(text, score >= self._threshold, score))
        if not claims:
            return Grounding(1.0, "unchecked")
        score = min(claim.score for claim in claims)
        verdict = "supported" if all(claim.supported for claim in claims) else "unsupported"
        return Grounding(score, verdict, tuple(claims))


def _support(claim: str, asked: frozenset[str], source: _Source) -> float:
    """How much of the claim's weight the source carries, 0 to 1."""
    if f" {_words(claim)} " in f" {source.words} ":
        return 1.0
    weights = {term: 0.5 if term in asked else 1.0 for term in analyse(claim)}
    total = sum(weights.values())
    found = sum(weight for term, weight in weights.items() if term in source.terms)
    best, negated = 0.0, False
    previous: frozenset[str] = frozenset()
    for terms, negative in source.sentences:
        shared = sum(w for term, w in weights.items() if term in terms or term in previous)
        if shared > best:
            best, negated = shared, negative
        previous = terms
    score = (_IN_SENTENCES * best + (1 - _IN_SENTENCES) * found) / total
    if not _numbers(claim) <= source.numbers:
        score *= _MISSING_NUMBER
    names = {term for name in _NAME.findall(claim) for term in analyse(name)}
    if names - source.terms - asked:
        score *= _MISSING_NAME
    if bool(_NEGATION.search(claim)) != negated:
        score *= _NEGATION_DIFFERS
    return score


def _words(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


def _numbers(text: str) -> frozenset[str]:
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(text))


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


@asynccontextmanager
async def open_overlap_guard(options: Mapping[str, Any]) -> AsyncGenerator[GroundingGuard]:
    chosen = OverlapOptions.model_validate(dict(options))
    with ThreadPoolExecutor(2, thread_name_prefix="overlap") as pool:
        yield OverlapGuard(chosen.threshold, pool)
