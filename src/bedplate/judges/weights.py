"""The fitted logistic regression of the `evidence` judge; training/support says how it was made."""

import math
from collections.abc import Mapping
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bedplate.errors import ConfigError
from bedplate.judges.features import Features

WEIGHTS = "evidence_weights.json"
_STEEPEST = 30.0


class Weights(BaseModel):
    """`weights` by feature name, on the features as they come. A claim is supported from
    `threshold` on. `slope` and `shift` calibrate the log-odds (Platt 1999).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    bias: float
    weights: Mapping[str, float]
    threshold: float = Field(gt=0, lt=1)
    slope: float = Field(default=1.0, gt=0)
    shift: float = 0.0

    def probability(self, features: Features) -> float:
        """The chance, 0 to 1, that the sources carry the claim."""
        total = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        odds = max(-_STEEPEST, min(_STEEPEST, self.slope * total + self.shift))
        return 1 / (1 + math.exp(-odds))


def packaged_weights() -> Weights:
    """Those that came with the package; reads a file."""
    content = files("bedplate.judges").joinpath(WEIGHTS).read_text(encoding="utf-8")
    try:
        return Weights.model_validate_json(content)
    except ValidationError as error:
        raise ConfigError(f"{WEIGHTS} is damaged: reinstall bedplate.") from error
