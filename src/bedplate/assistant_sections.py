"""The settings of assistants."""

from collections.abc import Mapping

from pydantic import Field

from bedplate.sections import Section


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
    delegates: tuple[str, ...] = ()
    """Assistants that a run of this one may start runs of, as tools; in its own budget."""
    trusted_tools: tuple[str, ...] = ()
    """Tools whose results may go into effects without a human, as the user's own words may."""
    undo: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Tools by the tools that take back what they did, for a run that is cancelled."""
