"""`overlap`: whether the words of each claim stand in the passages it cites.

A warning signal that needs no encoder: it sees words, numbers, names and negation, not meaning. It
misses what is said in other words, and passes what puts the passages' own words together wrongly.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.answers import Claim
from bedplate.judges.mismatches import mismatches
from bedplate.judges.protocol import Bench, Case, ClaimJudge, OpenEncoder, Statement
from bedplate.judges.sources import Line, Sources
from bedplate.judges.wording import read_claim
from bedplate.models.protocol import ChatModel

_IN_SENTENCES = 0.7
_MISSING_NUMBER = 0.4
_MISSING_NAME = 0.8
_NEGATION_DIFFERS = 0.75
_ASKED = 0.5
_WORKERS = 2
_SPACE = re.compile(r"\W+")


class OverlapOptions(BaseModel):
    """A claim counts as supported from `threshold` on."""

    model_config = ConfigDict(extra="forbid")
    threshold: float = Field(default=0.5, ge=0, le=1)


class OverlapJudge:
    def __init__(self, threshold: float, pool: ThreadPoolExecutor) -> None:
        self._threshold = threshold
        self._pool = pool

    @property
    def threshold(self) -> float:
        return self._threshold

    async def read(self, case: Case) -> Bench:
        loop = asyncio.get_running_loop()
        sources = await loop.run_in_executor(self._pool, Sources, case.passages)
        return OverlapBench(sources, case.question, self._threshold, self._pool)


class OverlapBench:
    """A claim without a marker that resolves is checked against all passages."""

    def __init__(
        self, sources: Sources, question: str, threshold: float, pool: ThreadPoolExecutor
    ) -> None:
        self._sources = sources
        self._question = question
        self._threshold = threshold
        self._pool = pool

    async def judge(self, statements: Sequence[Statement]) -> Sequence[Claim]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, lambda: [self._claim(statement) for statement in statements]
        )

    def _claim(self, statement: Statement) -> Claim:
        wording = read_claim(statement, self._question, self._sources)
        numbers = frozenset(statement.cited) or self._sources.numbers
        weights = {term: _ASKED if term in wording.asked else 1.0 for term in wording.terms}
        places = self._sources.nearest(weights, numbers, 1)
        near = [self._sources.lines[place] for place in places]
        found = mismatches(wording, near)
        said = _words(statement.text)
        if any(f" {said} " in f" {_words(line.text)} " for line in near):
            score = 1.0
        else:
            score = self._support(weights, near, numbers)
            score *= _MISSING_NUMBER if {"number", "unit", "date"} & {*found} else 1.0
            score *= _MISSING_NAME if "entity" in found else 1.0
            score *= _NEGATION_DIFFERS if "negation" in found else 1.0
        score = round(score, 4)
        return Claim(
            text=statement.text,
            supported=score >= self._threshold,
            score=score,
            start=statement.start,
            end=statement.end,
            evidence=near[0].evidence if near else None,
            cited=statement.cited,
            invalid=statement.invalid,
            mismatches=found,
        )

    def _support(
        self, weights: Mapping[str, float], near: Sequence[Line], numbers: frozenset[int]
    ) -> float:
        """How much of the claim's weight its sources carry, 0 to 1."""
        whole = sum(weights.values())
        if not whole or not near:
            return 0.0
        here = near[0].bag | near[0].above
        inside = sum(weight for term, weight in weights.items() if term in here)
        found = sum(w for term, w in weights.items() if self._sources.holds(term, numbers))
        return (_IN_SENTENCES * inside + (1 - _IN_SENTENCES) * found) / whole


def _words(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


@asynccontextmanager
async def open_overlap_judge(
    options: Mapping[str, Any], *, encoder: OpenEncoder, models: Mapping[str, ChatModel]
) -> AsyncGenerator[ClaimJudge]:
    del encoder, models
    chosen = OverlapOptions.model_validate(dict(options))
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="overlap") as pool:
        yield OverlapJudge(chosen.threshold, pool)
