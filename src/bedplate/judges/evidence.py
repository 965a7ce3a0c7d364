"""`evidence`: how well the passages' sentences carry a claim, by words, meaning and stated facts.

A logistic regression over a few features, which costs no model beyond the encoder that searches. It
sees words, their order and their neighbours in meaning, numbers, dates, units, names and negation;
it does not reason, and does not know the world.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.answers import Claim
from bedplate.embedders.protocol import TokenEmbedder, TokenVectors
from bedplate.errors import ConfigError
from bedplate.judges.drafts import Asked, Draft, draft, judged_as_cited
from bedplate.judges.encoding import Encoded, SentenceVectors
from bedplate.judges.features import Features, describe
from bedplate.judges.protocol import Bench, Case, ClaimJudge, OpenEncoder, Statement
from bedplate.judges.sources import Sources
from bedplate.judges.weights import Weights, packaged_weights
from bedplate.models.protocol import ChatModel

ENCODED = 2
"""Of the nearest sentences, those that are compared in meaning."""
WORKERS = 2


class EvidenceOptions(BaseModel):
    """A claim counts as supported from `threshold` on; without one from where the weights say."""

    model_config = ConfigDict(extra="forbid")
    threshold: float | None = Field(default=None, gt=0, lt=1)


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
        return await judged_as_cited(statements, self._sources.numbers, self._judge)

    async def _judge(self, asked: Sequence[Asked]) -> list[Claim]:
        return [self._claim(*each) for each in await self.describe(asked)]

    async def describe(self, asked: Sequence[Asked]) -> list[tuple[Draft, Features]]:
        """How each statement meets the passages that it is held against."""
        loop = asyncio.get_running_loop()
        drafts = await loop.run_in_executor(self._pool, self._drafts, asked)
        read = iter(await self._vectors.read([text for each in drafts for text in _texts(each)]))
        tokens = [[next(read) for _ in _texts(each)] for each in drafts]
        found = await loop.run_in_executor(self._pool, self._features, drafts, tokens)
        return list(zip(drafts, found, strict=True))

    def _drafts(self, asked: Sequence[Asked]) -> list[Draft]:
        return [draft(each, self._question, self._sources) for each in asked]

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
        score = self._weights.probability(features) if features else None
        return draft.claim(score, self._threshold)


def _texts(draft: Draft) -> list[str]:
    """What is compared in meaning: the claim, and what stands nearest; nothing where words decide."""
    if not draft.open:
        return []
    return [draft.wording.text, *(line.text for line in draft.near[:ENCODED])]


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
