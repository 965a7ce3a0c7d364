"""The settings of runs."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from bedplate.sections import Section


class RunScheduleConfig(Section):
    """A run that starts by the clock."""

    assistant: str
    goal: str = Field(min_length=1, max_length=100_000)
    cron: str | None = None
    """Five fields, read in `timezone`."""
    every_seconds: float | None = Field(default=None, ge=1, le=31_536_000)
    timezone: str = "UTC"
    tenant: str = "default"

    @model_validator(mode="after")
    def _by_one_clock(self) -> Self:
        if (self.cron is None) == (self.every_seconds is None):
            raise ValueError("a schedule needs either cron or every_seconds")
        return self


class RunHookConfig(Section):
    """A run that starts when somebody posts to /api/runs/hooks/NAME."""

    assistant: str
    goal: str = Field(min_length=1, max_length=100_000)
    """What is posted is shown to the model beside it, as data."""
    secret: SecretStr | None = None
    """Posts are signed with it, as Standard Webhooks has it, in place of an access key."""
    tenant: str = "default"
    """Whose run it is, of a post that is signed."""


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
    schedules: Mapping[str, RunScheduleConfig] = Field(default_factory=dict[str, RunScheduleConfig])
    hooks: Mapping[str, RunHookConfig] = Field(default_factory=dict[str, RunHookConfig])
