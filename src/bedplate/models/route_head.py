"""The shipped estimate of how much a prompt gains from the large model."""

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_features import NAMES, surface_features

WEIGHTS = "route_weights.json"
CLIP = 4.0


@dataclass(frozen=True, slots=True)
class RouteHead:
    """A ridge regression on standardised surface features, clipped at 4 standard deviations."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float

    def score(self, prompt: str) -> float:
        """Estimated need for the large model, 0 to 1.

        It is (1 + benefit) / 2, where benefit is the expected gain in correct answers, -1 to 1:
        at .5 both models are expected to do equally well.
        """
        standard = np.clip((surface_features(prompt) - self.mean) / self.scale, -CLIP, CLIP)
        benefit = float(standard @ self.weights) + self.intercept
        return min(1.0, max(0.0, (1 + benefit) / 2))


def fit_head(
    features: NDArray[np.float64],
    benefit: NDArray[np.float64],
    weight: NDArray[np.float64],
    alpha: float,
) -> RouteHead:
    """Closed-form weighted ridge: `features` (n, k), `benefit` and `weight` (n,)."""
    mean = features.mean(0)
    scale = np.maximum(features.std(0), 1e-6)
    standard = np.clip((features - mean) / scale, -CLIP, CLIP)
    centre = weight @ standard / weight.sum()
    intercept = float(weight @ benefit / weight.sum())
    moved = standard - centre
    weighted = moved.T * weight
    gram = weighted @ moved + alpha * np.eye(features.shape[1])
    weights = _solved(gram, weighted @ (benefit - intercept))
    return RouteHead(mean, scale, weights, intercept - float(centre @ weights))


def _solved(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.solve(matrix, right).astype(np.float64)


def shipped_head() -> RouteHead:
    """The one in the package; its card is training/route/README.md."""
    data = json.loads(resources.files("bedplate.models").joinpath(WEIGHTS).read_text("utf-8"))
    if data["features"] != list(NAMES):
        raise ValueError(f"{WEIGHTS} is for other features; run training/route/fit.py")
    mean, scale, weights = (np.array(data[key]) for key in ("mean", "scale", "weights"))
    return RouteHead(mean, scale, weights, float(data["intercept"]))
