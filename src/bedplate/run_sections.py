"""The settings of runs."""

from typing import Literal

from pydantic import Field

from bedplate.sections import Section


class RunsConfig(Section):
    """Goals that assistants pursue with tools, through crashes and approvals."""

    at_once: int = Field(default=16, gt=0, le=256)
    """In each process; those that wait for a human or are paused do not count."""
    max_waiting: int = Field(default=1_000, gt=0)
    keep_days: float = Field(default=30.0, gt=0)
    """How long a run that ended is kept."""
    max_kept: int = Field(default=10_000, gt=0)
    """Of runs that ended, for each tenant; the oldest go first."""
    approval_seconds: float = Field(default=604_800.0, gt=0, le=31_536_000)
    """How long a run waits for a human."""
    approval_default: Literal["approve", "reject"] = "reject"
    """What counts when nobody decided in time."""
    provenance: Literal["approve", "off"] = "approve"
    """Whether a human confirms effects whose arguments come from what a tool answered."""
    repeats: int = Field(default=3, ge=2, le=100)
    """How often the same call with the same result, or the same two in turn, end a run."""
