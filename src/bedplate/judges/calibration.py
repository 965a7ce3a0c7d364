"""The threshold of a judge, from answers of which somebody said whether they are supported."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedplate.errors import InvalidInput

FEWEST = 20
"""Of supported and of unsupported answers, each."""
BINS = 10
POINTS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
"""Shares of supported answers that are flagged, for the curve."""


@dataclass(frozen=True, slots=True)
class Point:
    """From `threshold` on an answer is supported: `caught` of the unsupported ones are below it, and
    `flagged` of the supported ones.
    """

    threshold: float
    caught: float
    flagged: float


@dataclass(frozen=True, slots=True)
class GroundednessCalibration:
    """`auroc` is the chance that a supported answer scores above another; `error` is the expected
    calibration error (Naeini et al. 2015), by how far the scores are off as probabilities.
    """

    supported: int
    unsupported: int
    auroc: float
    error: float
    point: Point
    curve: tuple[Point, ...]


def calibrate_groundedness(
    scores: Sequence[float], supported: Sequence[bool], *, rate: float
) -> GroundednessCalibration:
    """`rate` is the share of supported answers that may be flagged.

    Raises:
        InvalidInput: too few of either.
    """
    given, labels = np.asarray(scores, dtype=float), np.asarray(supported, dtype=bool)
    good, bad = np.sort(given[labels]), np.sort(given[~labels])
    if min(len(good), len(bad)) < FEWEST:
        raise InvalidInput(
            f"{len(good)} supported and {len(bad)} unsupported answers are too few: give at least "
            f"{FEWEST} of each."
        )
    below, upto = (np.searchsorted(bad, good, side) for side in ("left", "right"))
    return GroundednessCalibration(
        supported=len(good),
        unsupported=len(bad),
        auroc=float(((below + upto) / 2).mean() / len(bad)),
        error=calibration_error(given, labels),
        point=_point(good, bad, rate),
        curve=tuple(_point(good, bad, each) for each in POINTS),
    )


def calibration_error(scores: np.ndarray, supported: np.ndarray) -> float:
    """Over bins of equal width, how far the mean score is from the share that is supported."""
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    parts = [places == each for each in range(BINS)]
    return float(
        sum(
            part.mean() * abs(scores[part].mean() - supported[part].mean())
            for part in parts
            if part.any()
        )
    )


def _point(good: np.ndarray, bad: np.ndarray, rate: float) -> Point:
    """The highest threshold at which no more than `rate` of the supported ones are below it."""
    threshold = float(good[int(rate * len(good))])
    return Point(threshold, float((bad < threshold).mean()), float((good < threshold).mean()))
