"""Which threshold of the semantic cache keeps wrong hits below a wanted share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import Embedder
from bedplate.errors import InvalidInput
from bedplate.models.answer_keys import same_marks
from bedplate.models.answer_pairs import Pair, Recorded
from bedplate.models.answer_shelf import MOST_ALIKE

THRESHOLDS = (0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99)
"""Few: the more are looked at, the more likely one looks good by chance."""

CONFIDENCE = 0.95
FEWEST = 20
BATCH = 256
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Level:
    """What a threshold gives: hits, wrong ones, and `bound`, which the true share of wrong hits does
    not exceed, with CONFIDENCE for all thresholds together.
    """

    semantic: float
    hits: int
    wrong: int
    bound: float


@dataclass(frozen=True, slots=True)
class CacheCalibration:
    """`semantic` is the lowest threshold whose bound is within `wanted`; None where there is none."""

    questions: int
    wanted: float
    levels: Sequence[Level]
    semantic: float | None

    @property
    def hits_needed(self) -> int:
        """How many hits, none of them wrong, would show it."""
        return math.ceil(math.log((1 - CONFIDENCE) / len(THRESHOLDS)) / math.log1p(-self.wanted))


async def calibrate_cache(
    given: Sequence[Recorded] | Sequence[Pair], embedder: Embedder, *, wanted: float
) -> CacheCalibration:
    """`wanted` is the share of hits that may be wrong.

    Raises:
        InvalidInput: too few rows.
    """
    if len(given) < FEWEST:
        raise InvalidInput(
            f"{len(given)} rows are too few to calibrate a cache: give at least {FEWEST}, better "
            "some thousands of recorded questions."
        )
    found = await _compared(given, embedder)
    levels = [_level(least, found) for least in THRESHOLDS]
    shown = [level.semantic for level in levels if level.bound <= wanted]
    return CacheCalibration(len(given), wanted, levels, min(shown, default=None))


def upper_bound(wrong: int, hits: int, error: float) -> float:
    """The greatest share of wrong hits at which so few are as likely as `error`.

    Source: Clopper and Pearson 1934, the one-sided exact limit of a binomial share.
    """
    if wrong >= hits:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, hits, middle) > error else (low, middle)
    return high


def _at_most(wrong: int, hits: int, share: float) -> float:
    """The probability of `wrong` or fewer among `hits`."""
    logs = [
        math.lgamma(hits + 1)
        - math.lgamma(k + 1)
        - math.lgamma(hits - k + 1)
        + k * math.log(share)
        + (hits - k) * math.log1p(-share)
        for k in range(wrong + 1)
    ]
    most = max(logs)
    return math.exp(most) * sum(math.exp(each - most) for each in logs)


def _level(least: float, found: Sequence[tuple[float, bool]]) -> Level:
    hits = [right for cosine, right in found if cosine >= least]
    wrong = len(hits) - sum(hits)
    error = (1 - CONFIDENCE) / len(THRESHOLDS)
    return Level(least, len(hits), wrong, upper_bound(wrong, len(hits), error))


async def _compared(
    given: Sequence[Recorded] | Sequence[Pair], embedder: Embedder
) -> list[tuple[float, bool]]:
    """Of each pair that the cache could take for one question, the cosine and whether it is."""
    pairs = [each for each in given if isinstance(each, Pair)]
    if pairs:
        ones = await _vectors([pair.one for pair in pairs], embedder)
        others = await _vectors([pair.other for pair in pairs], embedder)
        return [
            (float(one @ other), pair.same)
            for pair, one, other in zip(pairs, ones, others, strict=True)
            if same_marks(pair.one, pair.other)
        ]
    groups: dict[str, list[Recorded]] = {}
    for each in given:
        if isinstance(each, Recorded):
            groups.setdefault(each.group, []).append(each)
    found: list[tuple[float, bool]] = []
    for asked in groups.values():
        found += _nearest(asked, await _vectors([each.question for each in asked], embedder))
    return found


def _nearest(asked: Sequence[Recorded], vectors: NDArray[np.float32]) -> list[tuple[float, bool]]:
    """Each question with the earlier one that the cache would answer it by, if any."""
    found: list[tuple[float, bool]] = []
    for at in range(1, len(asked)):
        since = max(0, at - MOST_ALIKE)
        cosines = vectors[since:at] @ vectors[at]
        nearest_first: list[int] = np.argsort(-cosines).tolist()
        for other in nearest_first:
            if cosines[other] < THRESHOLDS[0]:
                break
            before = asked[since + other]
            if before.question == asked[at].question:
                break  # the same request is `exact`'s, and no evidence for a threshold
            if same_marks(before.question, asked[at].question):
                found.append((float(cosines[other]), before.answer == asked[at].answer))
                break
    return found


async def _vectors(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    parts = [await embedder.embed(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
    return np.concatenate(parts)
