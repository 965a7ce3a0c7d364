"""How far a prompt is from those that a head was fitted on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_heads import CLIP, Column, solved
from bedplate.models.route_trees import Rows

CENTRES = 64
RIDGE = 0.1
FAR, NEAR = 0.01, 0.05
"""Shares of the known prompts that are farther out than where a prompt counts as far, and near."""
STEPS = 15
SCALE = 127


@dataclass(frozen=True, slots=True)
class Known:
    """Two distances, each with the place where it is near and the place where it is far.

    Of the surface: Mahalanobis over standardised features, by their root mean. Of the vector, where
    there is an encoder: the cosine to the nearest of some centres, int8 of length SCALE.
    """

    mean: Column
    scale: Column
    centre: Column
    inverse: NDArray[np.float64]
    surface: tuple[float, float]
    centres: NDArray[np.int8]
    cosine: tuple[float, float]

    def weigh(self, rows: Rows, vectors: Rows | None) -> Column:
        """Per prompt 1 where it is near, 0 where it is far by one of the distances."""
        near, far = self.surface
        weight = _ramp(-self.distance(rows), -far, -near)
        if vectors is not None and len(self.centres):
            near, far = self.cosine
            weight = np.minimum(weight, _ramp(self.likeness(vectors), far, near))
        return weight

    def distance(self, rows: Rows) -> Column:
        moved = np.clip((rows - self.mean) / self.scale, -CLIP, CLIP) - self.centre
        squares = np.einsum("nj,jk,nk->n", moved, self.inverse, moved)
        return np.sqrt(np.maximum(0.0, squares) / rows.shape[1])

    def likeness(self, vectors: Rows) -> Column:
        return (vectors @ (self.centres.T / float(SCALE))).max(1)


def _ramp(value: Column, low: float, high: float) -> Column:
    """0 up to `low`, 1 from `high` on, straight between them."""
    return np.clip((value - low) / max(high - low, 1e-9), 0.0, 1.0)


def fit_known(rows: Rows, vectors: Rows | None, folds: NDArray[np.int64]) -> Known:
    """The places of near and far are those of prompts that are measured by the other folds."""
    distance, likeness = np.zeros(len(rows)), np.ones(len(rows))
    for fold in np.unique(folds):
        inside = folds == fold
        other = _fitted(rows[~inside], None if vectors is None else vectors[~inside])
        distance[inside] = other.distance(rows[inside])
        if vectors is not None:
            likeness[inside] = other.likeness(vectors[inside])
    made = _fitted(rows, vectors)
    surface = np.quantile(distance, [1 - NEAR, 1 - FAR])
    cosine = np.quantile(likeness, [NEAR, FAR])
    return Known(
        made.mean,
        made.scale,
        made.centre,
        made.inverse,
        (float(surface[0]), float(surface[1])),
        made.centres,
        (float(cosine[0]), float(cosine[1])),
    )


def _fitted(rows: Rows, vectors: Rows | None) -> Known:
    mean, scale = rows.mean(0), rows.std(0)
    scale[scale < 1e-6] = 1.0
    standard = np.clip((rows - mean) / scale, -CLIP, CLIP)
    centre = standard.mean(0)
    moved = standard - centre
    spread = moved.T @ moved / len(rows) + RIDGE * np.eye(rows.shape[1])
    inverse = solved(spread, np.eye(rows.shape[1]))
    centres = np.zeros((0, 0), np.int8) if vectors is None else _centres(vectors)
    return Known(mean, scale, centre, inverse, (0.0, 1.0), centres, (1.0, 0.0))


def _centres(vectors: Rows) -> NDArray[np.int8]:
    """Spherical k-means (Dhillon and Modha 2001, Machine Learning 42:143), seeded evenly."""
    count = min(CENTRES, len(vectors))
    found = vectors[np.linspace(0, len(vectors) - 1, count).astype(np.int64)].astype(np.float64)
    for _ in range(STEPS):
        nearest = (vectors @ found.T).argmax(1)
        for one in range(count):
            own = vectors[nearest == one]
            if len(own):
                middle = own.mean(0)
                found[one] = middle / max(1e-9, float(np.linalg.norm(middle)))
    return np.rint(found * SCALE).astype(np.int8)
