"""The settings of reviews: what waits for a human's decision."""

from typing import Literal

from pydantic import Field, SecretStr

from bedplate.sections import Section


class ReviewsConfig(Section):
    """What waits for a human's decision, and who is told of it."""

    max_pending: int = Field(default=1_000, gt=0)
    """Of each tenant; further ones are refused."""
    keep_days: float = Field(default=90.0, gt=0, le=36_500)
    """Since they were decided."""
    injection: Literal["refuse", "flag"] = "refuse"
    """What becomes of an edit that holds orders to a model."""
    webhook_secret: SecretStr | None = None
    """Signs what webhooks are told; without one none is called."""
    webhook_attempts: int = Field(default=8, gt=0, le=100)
    """How often one is called in all."""
    webhook_seconds: float = Field(default=10.0, gt=0, le=300)
    """For one call."""
    webhook_hosts: tuple[str, ...] = ()
    """Private addresses that may be called: names, names below one ("*.intern.example"), networks."""
