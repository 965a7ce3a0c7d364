"""How much a prompt gains from the large model, as far as it is like the prompts known.

Three cheap heads predict the benefit: how much better the large model does on a prompt. Their sum,
with the prompt's length beside it, is ranked among the prompts that they were fitted on. For a
prompt unlike those nothing was found that beats its length, so there the length alone is ranked.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_features import surface_features
from bedplate.models.route_heads import CLIP, Column, Outcomes, Ridge
from bedplate.models.route_known import Known
from bedplate.models.route_trees import Rows, Trees

TAIL = 0.02
"""Of the scores by length, what is for prompts longer than any known one, and for shorter ones."""
MOST_EMBEDDED = 20_000
"""Characters of a prompt that are embedded: more than an encoder's window."""


@dataclass(frozen=True, slots=True)
class Directions:
    """Principal directions of the encoder's vectors: `axes` is (dimensions, columns)."""

    mean: Column
    axes: NDArray[np.float64]

    def of(self, vectors: Rows) -> Rows:
        return (vectors - self.mean) @ self.axes


@dataclass(frozen=True, slots=True)
class Profile:
    """Heads that are summed, each divided by its spread on prompts it was not fitted on.

    `outcomes` and `directions`, whose columns the trees see beside the surface, need the encoder.
    `grid` has the quantiles of the sum, evenly from 0 to 1; `line` turns a sum into a benefit.
    """

    ridge: Ridge
    trees: Trees | None
    outcomes: Outcomes | None
    directions: Directions | None
    spreads: Column
    """Of ridge, trees and outcomes."""
    length: float
    """Weight of the standardised length beside them."""
    grid: Column
    line: Column

    def parts(self, rows: Rows, vectors: Rows | None) -> tuple[Column, Column, Column]:
        """What ridge, trees and outcomes predict; 0 of one that is not there."""
        none, seen = np.zeros(len(rows)), rows
        outcomes = none
        if vectors is not None and self.directions is not None:
            seen = np.concatenate([rows, self.directions.of(vectors)], 1)
        if vectors is not None and self.outcomes is not None:
            outcomes = self.outcomes.predict(vectors)
        trees = none if self.trees is None else self.trees.predict(seen)
        return self.ridge.predict(rows), trees, outcomes

    def total(self, rows: Rows, vectors: Rows | None) -> Column:
        """The sum, of shape (prompts,), for surface features and unit vectors."""
        parts = zip(self.parts(rows, vectors), self.spreads, strict=True)
        return self.prior(rows) + sum(part / spread for part, spread in parts)

    def prior(self, rows: Rows) -> Column:
        """What the length alone adds to the sum."""
        return self.length * np.clip(
            (rows[:, 0] - self.ridge.mean[0]) / self.ridge.scale[0], -CLIP, CLIP
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """`score` is the need for the large model, 0 to 1: the share of known prompts with less.

    `known` says how much of it the heads had, the rest is the length's. `benefit` is how much
    better the large model is expected to do, -1 to 1; None where the heads had no part.
    """

    score: float
    known: float
    benefit: float | None

    @property
    def reason(self) -> str:
        """Where the score is from, in a few words."""
        if self.known == 1:
            return "like known prompts"
        if self.known == 0:
            return "unlike known prompts, so ranked by length"
        return f"{self.known:.0%} by heads, the rest by length"


@dataclass(frozen=True, slots=True)
class RouteHead:
    """`full` wants vectors of the embedder `fingerprint`; `light` does without.

    `lengths` has the quantiles of log(1 + characters) of the known prompts. `trust` is the most that
    `known` can be: 0 where the heads were not found better than length. `recovered` is the share
    of the large model's lead that is got for each share, evenly from 0 to 1, of large calls.
    """

    fingerprint: str
    full: Profile | None
    light: Profile
    known: Known
    lengths: Column
    trust: float
    recovered: Column
    prompts: int

    def needs_vectors(self, fingerprint: str) -> bool:
        """Whether vectors of that embedder are of use."""
        return self.full is not None and self.trust > 0 and fingerprint == self.fingerprint

    def estimate(self, prompt: str, vector: Column | None = None) -> Estimate:
        """For one prompt, with its unit vector where there is one."""
        rows = surface_features(prompt)[None, :]
        vectors = None if vector is None else vector[None, :].astype(np.float64)
        scores, known, benefits = self.estimates(rows, vectors)
        benefit = float(benefits[0]) if known[0] > 0 else None
        return Estimate(float(scores[0]), float(known[0]), benefit)

    def estimates(self, rows: Rows, vectors: Rows | None) -> tuple[Column, Column, Column]:
        """Scores, known shares and benefits for rows of surface features."""
        profile = self.full if vectors is not None and self.full is not None else self.light
        total = profile.total(rows, vectors)
        length = rows[:, 0]
        known = self.trust * self.known.weigh(rows, vectors)
        known[(length < self.lengths[0]) | (length > self.lengths[-1])] = 0
        ranked = np.interp(total, profile.grid, np.linspace(0, 1, len(profile.grid)))
        slope, level = profile.line
        benefit = np.clip(level + slope * total, -1, 1)
        return known * ranked + (1 - known) * self._by_length(length), known, benefit

    def _by_length(self, length: Column) -> Column:
        """The rank among the known prompts; of longer and shorter ones the order is kept too."""
        shortest, longest = self.lengths[0], self.lengths[-1]
        inside = np.interp(length, self.lengths, np.linspace(TAIL, 1 - TAIL, len(self.lengths)))
        below = TAIL * (1 - np.exp(np.minimum(0.0, length - shortest)))
        above = TAIL * (1 - np.exp(np.minimum(0.0, longest - length)))
        return inside - below + above

    def share_for(self, recovered: float) -> float:
        """The share of large calls that gets that share of the large model's lead."""
        enough = np.flatnonzero(self.recovered >= recovered)
        place = int(enough[0]) if len(enough) else len(self.recovered) - 1
        return place / (len(self.recovered) - 1)
