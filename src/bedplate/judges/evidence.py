"""`evidence`: how well the passages' sentences carry a claim, by words, meaning and stated facts.

A logistic regression over a few features, which costs no model beyond the encoder that searches. It
sees words, their order and their neighbours in meaning, numbers, dates, units, names and negation;
it does not reason, and does not know the world.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.answers import Claim, Mismatch
from bedplate.embedders.protocol import TokenEmbedder, TokenVectors
from bedplate.errors import ConfigError
from bedplate.judges.encoding import Encoded, SentenceVectors
from bedplate.judges.features import Features, describe
from bedplate.judges.mismatches import mismatches
from bedplate.judges.protocol import Bench, Case, ClaimJudge, OpenEncoder, Statement
from bedplate.judges.sources import Line, Sources
from bedplate.judges.weights import Weights, packaged_weights
from bedplate.judges.wording import Wording, read_claim
from bedplate.models.protocol import ChatModel

NEAR = 6
"""Sentences that a claim is compared with by words."""
ENCODED = 2
"""Of them, those that are compared in meaning."""
VERBATIM = 0.99
"""The probability of a claim that stands so in a source."""
WORKERS = 2
REFUTING: frozenset[Mismatch] = frozenset({"number", "unit"})
"""With these a claim is never supported: another number in a source's own words looks alike in all
else, and hardly a supported answer of the public sets has one.
"""
_QUOTED_TERMS = 3
_SPACE = re.compile(r"\W+")


class EvidenceOptions(BaseModel):
    """A claim counts as supported from `threshold` on; without one from where the weights say."""

    model_config = ConfigDict(extra="forbid")
    threshold: float | None = Field(default=None, gt=0, lt=1)


Asked = tuple[Statement, frozenset[int]]
"""A claim, and the numbers of the passages that it is held against."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A claim with the sentences nearest to it, best first, in the passages that it is held against."""

    statement: Statement
    wording: Wording
    near: tuple[Line, ...]
    numbers: frozenset[int]
    mismatches: tuple[Mismatch, ...]
    verbatim: bool

    @property
    def texts(self) -> list[str]:
        """What is compared in meaning: the claim, and what stands nearest; nothing where the words
        say all.
        """
        if self.verbatim or not self.near:
            return []
        return [self.wording.text, *(line.text for line in self.near[:ENCODED])]


class EvidenceJudge:
    def __init__(
        self, weights: Weights, threshold: float, embedder: TokenEmbedder, pool: ThreadPoolExecutor
    ) -> None:
        self._weights = weights
        self._threshold = threshold
        self._embedder = embedder
        self._pool = pool

    @property
    def threshold(self) -> float:
        return self._threshold

    async def read(self, case: Case) -> Bench:
        loop = asyncio.get_running_loop()
        sources = await loop.run_in_executor(self._pool, Sources, case.passages)
        return EvidenceBench(
            sources, case.question, self._weights, self._threshold, self._embedder, self._pool
        )


class EvidenceBench:
    def __init__(
        self,
        sources: Sources,
        question: str,
        weights: Weights,
        threshold: float,
        embedder: TokenEmbedder,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._sources = sources
        self._question = question
        self._weights = weights
        self._threshold = threshold
        self._vectors = SentenceVectors(embedder)
        self._embedder = embedder
        self._pool = pool

    async def judge(self, statements: Sequence[Statement]) -> Sequence[Claim]:
        everywhere = self._sources.numbers
        claims = await self._judge([(s, frozenset(s.cited) or everywhere) for s in statements])
        doubted = [
            place for place, claim in enumerate(claims)
            if not claim.supported and claim.cited and everywhere - set(claim.cited)
        ]  # fmt: skip
        again = await self._judge(
            [(statements[place], everywhere - set(statements[place].cited)) for place in doubted]
        )
        for place, other in zip(doubted, again, strict=True):
            if other.supported and other.evidence is not None:
                claims[place] = replace(claims[place], uncited=other.evidence.passage)
        return claims

    async def _judge(self, asked: Sequence[Asked]) -> list[Claim]:
        return [self._claim(*each) for each in await self.describe(asked)]

    async def describe(self, asked: Sequence[Asked]) -> list[tuple[Draft, Features]]:
        """How each statement meets the passages that it is held against."""
        loop = asyncio.get_running_loop()
        drafts = await loop.run_in_executor(self._pool, self._drafts, asked)
        read = iter(await self._vectors.read([text for each in drafts for text in each.texts]))
        tokens = [[next(read) for _ in each.texts] for each in drafts]
        found = await loop.run_in_executor(self._pool, self._features, drafts, tokens)
        return list(zip(drafts, found, strict=True))

    def _drafts(self, asked: Sequence[Asked]) -> list[Draft]:
        return [self._draft(statement, numbers) for statement, numbers in asked]

    def _draft(self, statement: Statement, numbers: frozenset[int]) -> Draft:
        wording = read_claim(statement, self._question, self._sources)
        places = self._sources.nearest(wording.weights, numbers, NEAR)
        near = tuple(self._sources.lines[place] for place in places)
        found = mismatches(wording, near)
        verbatim = not found and _is_verbatim(wording, near)
        return Draft(statement, wording, near, numbers, found, verbatim)

    def _features(
        self, drafts: Sequence[Draft], tokens: Sequence[Sequence[TokenVectors]]
    ) -> list[Features]:
        return [
            self._described(draft, own[0], own[1:]) if own else {}
            for draft, own in zip(drafts, tokens, strict=True)
        ]

    def _described(
        self, draft: Draft, claim: TokenVectors, beside: Sequence[TokenVectors]
    ) -> Features:
        wording = draft.wording
        missing = frozenset(
            term for term in wording.weights if not self._sources.holds(term, draft.numbers)
        )
        return describe(
            wording,
            draft.near,
            missing,
            Encoded.of(claim, wording.text, wording.weights),
            [Encoded.of(each, "", {}) for each in beside],
        )

    def _claim(self, draft: Draft, features: Features) -> Claim:
        statement = draft.statement
        if features:
            score = self._weights.probability(features)
            if REFUTING & {*draft.mismatches}:
                score *= self._threshold
            score = round(score, 4)
        else:
            score = VERBATIM if draft.verbatim else 0.0
        return Claim(
            text=statement.text,
            supported=score >= self._threshold,
            score=score,
            start=statement.start,
            end=statement.end,
            evidence=draft.near[0].evidence if draft.near else None,
            cited=statement.cited,
            invalid=statement.invalid,
            mismatches=draft.mismatches,
        )


def _is_verbatim(wording: Wording, near: Sequence[Line]) -> bool:
    """Whether the claim stands in a source, word for word."""
    if len(wording.terms) < _QUOTED_TERMS:
        return False
    said = f" {_SPACE.sub(' ', wording.text).strip()} ".casefold()
    return any(said in f" {_SPACE.sub(' ', line.text).strip()} ".casefold() for line in near)


@asynccontextmanager
async def open_evidence_judge(
    options: Mapping[str, Any], *, encoder: OpenEncoder, models: Mapping[str, ChatModel]
) -> AsyncGenerator[ClaimJudge]:
    del models
    chosen = EvidenceOptions.model_validate(dict(options))
    weights = await asyncio.to_thread(packaged_weights)
    threshold = chosen.threshold or weights.threshold
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="judge") as pool:
        async with encoder() as embedder:
            if not isinstance(embedder, TokenEmbedder):
                raise ConfigError(
                    "The evidence judge compares token vectors, which the embedder "
                    f"{embedder.fingerprint!r} does not give."
                )
            yield EvidenceJudge(weights, threshold, embedder, pool)
