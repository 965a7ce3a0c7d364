"""The settings of assistants."""

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
