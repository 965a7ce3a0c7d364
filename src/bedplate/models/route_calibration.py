"""Fits a head to a user's own prompts, and says whether it is worth more than their length."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import Embedder
from bedplate.errors import InvalidInput
from bedplate.models.route_curve import Curve, curve
from bedplate.models.route_features import surface_features
from bedplate.models.route_file import shipped_head
from bedplate.models.route_fit import Labelled, Recipe, fit_head
from bedplate.models.route_head import MOST_EMBEDDED, RouteHead
from bedplate.models.route_heads import Column
from bedplate.models.route_labels import Labels

FEWEST = 50
BATCH = 256
DRAWS = 200
SURE = 0.6
"""Share of the bootstrap's draws in which the head must be ahead of the length to be trusted. Not
more, as the head has the length in it, the more so the fewer the prompts."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`curves` has each scorer on the user's prompts: `fitted` on prompts that its parts had not
    seen, `length`, and `shipped`. `ahead` is the share of bootstrap draws in which the fitted head
    beats the length; below SURE the head ranks by length alone.
    """

    head: RouteHead
    curves: Mapping[str, Curve]
    ahead: float

    @property
    def trusted(self) -> bool:
        return self.head.trust > 0


async def calibrate_route(labels: Labels, embedder: Embedder | None) -> Calibration:
    """A head for these prompts; without an embedder one of their surface alone.

    Raises:
        InvalidInput: too few prompts, or the large model does no better on them than the small.
    """
    if len(labels.prompts) < FEWEST:
        raise InvalidInput(
            f"{len(labels.prompts)} labelled prompts are too few to fit and to check: give at least "
            f"{FEWEST}, better 400. Until then a router goes by the shipped head."
        )
    data = await _read(labels, embedder)
    lead = float(data.benefit.mean())
    if lead <= 0:
        raise InvalidInput(
            f"On these prompts the large model does no better than the small one ({lead:+.3f} on the "
            "mean): there is nothing to route for. Use the small model."
        )
    head, totals = fit_head(data, "" if embedder is None else embedder.fingerprint, Recipe())
    ahead = _ahead(totals, data.rows[:, 0], data.benefit)
    head = replace(head, trust=1.0 if ahead >= SURE else 0.0)
    shipped = shipped_head()
    seen = embedder is not None and shipped.needs_vectors(embedder.fingerprint)
    scorers = {
        "fitted": totals,
        "length": data.rows[:, 0],
        "shipped": shipped.estimates(data.rows, data.vectors if seen else None)[0],
    }
    found = {name: curve(scores, data.benefit) for name, scores in scorers.items()}
    curves = {name: one for name, one in found.items() if one is not None}
    if not head.trust:
        shares = np.linspace(0, 1, len(head.recovered))
        head = replace(head, recovered=curves["length"].at(shares))
    return Calibration(head, curves, ahead)


async def _read(labels: Labels, embedder: Embedder | None) -> Labelled:
    vectors: NDArray[np.float64] | None = None
    if embedder is not None:
        texts = [prompt[:MOST_EMBEDDED] for prompt in labels.prompts]
        parts = [await embedder.embed(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        vectors = np.concatenate(parts).astype(np.float64)
    return Labelled(
        np.stack([surface_features(prompt) for prompt in labels.prompts]),
        vectors,
        np.array(labels.small),
        np.array(labels.large),
        np.ones(len(labels.prompts)),
    )


def _ahead(scores: Column, other: Column, benefit: Column) -> float:
    """The share of bootstrap draws with a lead in which `scores` ranks better than `other`."""
    draw = np.random.default_rng(0)
    won = drawn = 0
    for _ in range(DRAWS):
        some = draw.integers(0, len(benefit), len(benefit))
        mine, theirs = curve(scores[some], benefit[some]), curve(other[some], benefit[some])
        if mine is not None and theirs is not None:
            drawn += 1
            won += mine.apgr > theirs.apgr
    return won / drawn if drawn else 0.0
