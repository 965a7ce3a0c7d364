"""Fits a head to prompts of which it is known how well both models did on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_curve import curve
from bedplate.models.route_head import Directions, Profile, RouteHead
from bedplate.models.route_heads import Column, fit_outcomes, fit_ridge
from bedplate.models.route_known import fit_known
from bedplate.models.route_trees import Rows, Trees

GRID = 101
EDGE = 0.005
"""Share of the known prompts on either side whose lengths are taken for odd ones."""

LENGTH = 0.4
"""Weight of the standardised length beside heads of spread 1, of many prompts."""
FEW = 400
"""Prompts at which the length weighs twice that: of few prompts heads learn little."""

Grow = Callable[[Rows, Column], Trees]


@dataclass(frozen=True)
class Recipe:
    """Penalties of the heads, and what grows trees, where there are to be any."""

    ridge: float = 1_000.0
    outcomes: float = 333.0
    directions: int = 24
    folds: int = 5
    grow: Grow | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Prompts as rows: surface features, unit vectors where there are any, and how well both models
    did, 0 to 1. `weight` is for the ridge alone.
    """

    rows: Rows
    vectors: Rows | None
    small: Column
    large: Column
    weight: Column

    @property
    def benefit(self) -> Column:
        return self.large - self.small

    def some(self, which: NDArray[np.bool_]) -> "Labelled":
        vectors = None if self.vectors is None else self.vectors[which]
        return Labelled(
            self.rows[which], vectors, self.small[which], self.large[which], self.weight[which]
        )


def fit_head(data: Labelled, fingerprint: str, recipe: Recipe) -> tuple[RouteHead, Column]:
    """A head whose spreads, grids and bounds are from prompts that its parts had not seen.

    Beside it the sums that those prompts got, by the profile with vectors where there are any.
    `fingerprint` is the embedder's; data without vectors makes a head that needs none.
    """
    folds = folds_of(len(data.rows), recipe.folds)
    light, totals = _profile(replace(data, vectors=None), recipe, folds)
    full = None
    if data.vectors is not None:
        full, totals = _profile(data, recipe, folds)
    found = curve(totals, data.benefit)
    shares = np.linspace(0, 1, GRID)
    head = RouteHead(
        fingerprint=fingerprint if full is not None else "",
        full=full,
        light=light,
        known=fit_known(data.rows, data.vectors, folds),
        lengths=np.quantile(data.rows[:, 0], np.linspace(EDGE, 1 - EDGE, GRID)),
        trust=1.0,
        recovered=shares if found is None else found.at(shares),
        prompts=len(data.rows),
    )
    return head, totals


def folds_of(count: int, folds: int) -> NDArray[np.int64]:
    """Which fold each prompt is in, drawn with a fixed seed."""
    return np.random.default_rng(0).permutation(count) % folds


def _profile(data: Labelled, recipe: Recipe, folds: NDArray[np.int64]) -> tuple[Profile, Column]:
    parts = [np.zeros(len(folds)) for _ in range(3)]
    for fold in np.unique(folds):
        inside = folds == fold
        other, own = _bare(data.some(~inside), recipe), data.some(inside)
        for part, predicted in zip(parts, other.parts(own.rows, own.vectors), strict=True):
            part[inside] = predicted
    bare = _bare(data, recipe)
    spreads = np.array([max(1e-9, float(part.std())) for part in parts])
    bare = replace(bare, spreads=spreads)
    totals = sum((p / s for p, s in zip(parts, spreads, strict=True)), bare.prior(data.rows))
    slope, level = np.polyfit(totals, data.benefit, 1)
    grid = np.quantile(totals, np.linspace(0, 1, GRID))
    return replace(bare, grid=grid, line=np.array([max(0.0, slope), level])), totals


def _bare(data: Labelled, recipe: Recipe) -> Profile:
    """The heads, of which spreads and scale are not known yet."""
    benefit, vectors = data.benefit, data.vectors
    directions, outcomes, seen = None, None, data.rows
    if vectors is not None:
        outcomes = fit_outcomes(vectors, data.small, data.large, recipe.outcomes)
        if recipe.grow is not None:
            directions = _directions(vectors, recipe.directions)
            seen = np.concatenate([data.rows, directions.of(vectors)], 1)
    return Profile(
        ridge=fit_ridge(data.rows, benefit, recipe.ridge, data.weight),
        trees=None if recipe.grow is None else recipe.grow(seen, benefit),
        outcomes=outcomes,
        directions=directions,
        length=LENGTH * (1 + FEW / len(benefit)),
        spreads=np.ones(3),
        grid=np.zeros(GRID),
        line=np.zeros(2),
    )


def _directions(vectors: Rows, count: int) -> Directions:
    mean = vectors.mean(0)
    moved = vectors - mean
    _, axes = np.linalg.eigh(moved.T @ moved / len(vectors))
    return Directions(mean, axes[:, ::-1][:, :count])
