"""How well scores rank prompts by what the large model is better at (RouteLLM: Ong et al. 2024,
arXiv:2406.18665).
"""

from dataclasses import dataclass

import numpy as np

from bedplate.models.route_heads import Column


@dataclass(frozen=True, slots=True)
class Curve:
    """`recovered` is the share of the large model's lead for each share of large calls, evenly from
    none to all of them.
    """

    recovered: Column

    @property
    def apgr(self) -> float:
        """The mean of what is recovered: .5 by chance, on the mean."""
        return float(np.trapezoid(self.recovered, self._shares()))

    def cpt(self, recovered: float) -> float:
        """The least share of large calls that recovers so much."""
        return float(self._shares()[int(np.argmax(self.recovered >= recovered - 1e-9))])

    def at(self, shares: Column) -> Column:
        return np.interp(shares, self._shares(), self.recovered)

    def _shares(self) -> Column:
        return np.linspace(0, 1, len(self.recovered))


def curve(scores: Column, benefit: Column) -> Curve | None:
    """None where the large model has no lead to recover. Equal scores share their gain evenly."""
    lead = float(benefit.sum())
    if lead <= 0:
        return None
    order = np.argsort(-scores, kind="stable")
    _, inverse, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    even = (np.bincount(inverse, benefit) / counts)[inverse]
    return Curve(np.concatenate([[0.0], np.cumsum(even[order])]) / lead)
