"""The settings of assistants."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from bedplate.check_sections import CheckConfig
from bedplate.sections import Section

ANSWER = "answer"
STAGES = ("clean", "scan", "route", "retrieve", "recall", "tools", ANSWER, "check", "shape")
"""In the order in which a request goes through them."""


class RunBudgetConfig(Section):
    """What one run, or one request, of an assistant may use at most; whichever is first ends it."""

    steps: int = Field(default=20, ge=0, le=10_000)
    """Rounds of model and tools."""
    model_calls: int = Field(default=40, ge=0, le=100_000)
    tool_calls: int = Field(default=60, ge=0, le=100_000)
    tokens: int = Field(default=200_000, ge=0, le=10**12)
    usd: float = Field(default=1.0, ge=0, le=10**6)
    seconds: float = Field(default=600.0, ge=0, le=31_536_000)
    failures: int = Field(default=20, ge=0, le=100_000)
    """Calls of a run that fail, and are told to the model so that it mends them."""


class MemoryConfig(Section):
    """What an assistant keeps in mind of a conversation."""

    tokens: int = Field(default=100_000, ge=500, le=10**7)
    """Of a whole request; the oldest turns of a longer one are left out before a model is asked."""
    summary: str | None = None
    """The model that sums up what is left out; nobody does where it is not set."""
    recall: str | None = None
    """The table `[tools.NAME]` of the kind `memory` in which each question, or a run's goal, is looked up first."""


class AssistantConfig(Section):
    """A model with instructions, collections and tools; clients pick it by its name."""

    model: str = "default"
    collections: tuple[str, ...] = ()
    """What it answers from, where there are any."""
    instructions: str = ""
    passages: int | None = Field(default=None, gt=0, le=50)
    tools: tuple[str, ...] = ()
    """Tables `[tools.NAME]` whose tools it may call."""
    budget: RunBudgetConfig = RunBudgetConfig()
    check: CheckConfig | None = None
    """What its answers must be; as `[check]` where it is not set."""
    stages: tuple[str, ...] = STAGES
    """Those that a request goes through; others stand where they are named (`bedplate.stages`)."""
    output: Mapping[str, Any] | None = None
    """A JSON Schema that every answer fits; prose where it is not set."""
    memory: MemoryConfig = MemoryConfig()
    delegates: tuple[str, ...] = ()
    """Assistants that a run of this one may start runs of, as tools; in its own budget."""
    trusted_tools: tuple[str, ...] = ()
    """Tools whose results may go into effects without a human, as the user's own words may."""
    undo: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Tools by the tools that take back what they did, for a run that is cancelled."""

    @model_validator(mode="after")
    def _goes_through_stages(self) -> Self:
        if ANSWER not in self.stages:
            raise ValueError(f"stages: {ANSWER!r} must be there")
        if len(set(self.stages)) < len(self.stages):
            raise ValueError("stages: each may be there once")
        own = [name for name in self.stages if name in STAGES]
        if own != sorted(own, key=STAGES.index):
            raise ValueError(f"stages: the order is {', '.join(STAGES)}")
        return self
