"""The two linear heads of the router, fitted in closed form or nearly so."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_trees import Rows

Column = NDArray[np.float64]
"""One number a prompt, of shape (prompts,)."""

CLIP = 4.0
OUTCOMES = 4
NEITHER, SMALL_ONLY, LARGE_ONLY, BOTH = range(OUTCOMES)
STRETCH = 10.0
"""Unit vectors are multiplied with it: what the penalty of `fit_outcomes` is made for."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """A linear model of standardised columns, clipped at 4 standard deviations."""

    mean: Column
    scale: Column
    weights: Column
    intercept: float

    def predict(self, rows: Rows) -> Column:
        standard = np.clip((rows - self.mean) / self.scale, -CLIP, CLIP)
        return standard @ self.weights + self.intercept


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Multinomial logistic regression over the four ways in which two models can do on a prompt.

    `weights` is (dimensions + 1, 4); its last row is the intercepts.
    """

    weights: NDArray[np.float64]

    def predict(self, vectors: Rows) -> Column:
        """P(only the large model does well) - P(only the small one does), of unit vectors."""
        found = _softmax(_with_one(vectors) @ self.weights)
        return found[:, LARGE_ONLY] - found[:, SMALL_ONLY]


def fit_ridge(rows: Rows, target: Column, alpha: float, weight: Column | None = None) -> Ridge:
    """`alpha` is the penalty on squared weights beside the summed squared errors."""
    weight = np.ones(len(rows)) if weight is None else weight
    mean, scale = rows.mean(0), rows.std(0)
    scale[scale < 1e-6] = 1.0
    standard = np.clip((rows - mean) / scale, -CLIP, CLIP)
    centre = weight @ standard / weight.sum()
    level = float(weight @ target / weight.sum())
    moved = standard - centre
    gram = (moved.T * weight) @ moved + alpha * np.eye(rows.shape[1])
    weights = solved(gram, (moved.T * weight) @ (target - level))
    return Ridge(mean, scale, weights, level - float(centre @ weights))


def fit_outcomes(
    vectors: Rows, small: Column, large: Column, penalty: float, steps: int = 150
) -> Outcomes:
    """`small` and `large` say how well that model did, 0 to 1.

    By steps with a fixed bound on the curvature, so that each is a product with one inverse
    (Böhning 1992, Annals of the Institute of Statistical Mathematics 44:197).
    """
    rows = _with_one(vectors)
    wrong, failed = 1 - small, 1 - large
    wanted = np.stack([wrong * failed, small * failed, wrong * large, small * large], 1)
    penalties = np.full(rows.shape[1], penalty)
    penalties[-1] = 1e-3
    inverse = np.linalg.inv(0.5 * rows.T @ rows + np.diag(penalties))
    weights = np.zeros((rows.shape[1], OUTCOMES))
    for _ in range(steps):
        slope = rows.T @ (wanted - _softmax(rows @ weights)) - penalties[:, None] * weights
        step = inverse @ slope
        weights += step
        if float(np.abs(step).max()) < 1e-5:
            break
    return Outcomes(weights)


def solved(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return cast(NDArray[np.float64], np.linalg.solve(matrix, right))


def _with_one(vectors: Rows) -> Rows:
    ones = np.ones((len(vectors), 1))
    return np.concatenate([STRETCH * vectors.astype(np.float64), ones], 1)


def _softmax(logits: Rows) -> Rows:
    found = np.exp(logits - logits.max(1, keepdims=True))
    return found / found.sum(1, keepdims=True)
