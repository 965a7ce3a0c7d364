"""The settings of tools: where they come from, and what the server sees to around each of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from bedplate.sections import Section, Slot

Approve = bool | str
"""Whether a human confirms each call, or the condition on its arguments under which one does."""

POLICY = (
    "effect", "approve", "seconds", "attempts", "per_minute", "max_characters", "assistants",
)  # fmt: skip


class StatusConfig(Section):
    """Another tool of the same table that tells whether an effect has happened."""

    tool: str = Field(min_length=1)
    key: str = Field(min_length=1)
    """The argument that takes the idempotency key."""


class ToolConfig(Section):
    """Of one tool; what is not set is as the table says."""

    effect: Literal["none", "idempotent", "once"] | None = None
    """Reads only; may be repeated with the same key; must not happen twice."""
    approve: Approve | None = None
    seconds: float | None = Field(default=None, gt=0, le=3_600)
    """The longest time for one attempt."""
    attempts: int | None = Field(default=None, gt=0, le=10)
    """With the first; what must not happen twice has a second only where nothing was done."""
    per_minute: int | None = Field(default=None, gt=0)
    """Calls of each tenant, of all processes together."""
    max_characters: int | None = Field(default=None, ge=200, le=1_000_000)
    """Of a result that the model is shown."""
    assistants: tuple[str, ...] | None = None
    """Those that may use it; empty is every one."""
    description: str | None = None
    """What the model is told it is for, in place of its own."""
    status: StatusConfig | None = None


class ToolsetSlot(Slot):
    """Tools of one place. Every key that is not below is an option of the adapter."""

    only: tuple[str, ...] | None = None
    """The tools that are offered, by their names; all where it is not set."""
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,32}$")
    """Put before each name, where two places have tools of one name."""
    effect: Literal["none", "idempotent", "once"] | None = None
    approve: Approve | tuple[str, ...] = False
    """As for one tool; or the names of the tools each call of which a human confirms."""
    seconds: float | None = Field(default=None, gt=0, le=3_600)
    attempts: int | None = Field(default=None, gt=0, le=10)
    per_minute: int | None = Field(default=None, gt=0)
    max_characters: int | None = Field(default=None, ge=200, le=1_000_000)
    assistants: tuple[str, ...] | None = None
    each: Mapping[str, ToolConfig] = Field(default_factory=dict[str, ToolConfig])
    """Single tools, by their names."""
    simulate: Path | None = None
    """A JSONL file of examples, {"tool", "arguments", "result"}, that answer in the tools' place."""

    @model_validator(mode="after")
    def _named_are_offered(self) -> Self:
        named = {*self.each, *(self.approve if isinstance(self.approve, tuple) else ())}
        if self.only is not None and (left_out := sorted(named - set(self.only))):
            raise ValueError(f"only does not offer {left_out[0]!r}, for which something is set")
        return self

    def overrides(self, tool: str) -> dict[str, Any]:
        """What is set of a tool's policy, its own settings before the table's."""
        own = self.each.get(tool)
        found: dict[str, Any] = {}
        for name in POLICY:
            value = getattr(own, name) if own is not None else None
            if value is None and name == "approve":
                value = tool in self.approve if isinstance(self.approve, tuple) else self.approve
            elif value is None:
                value = getattr(self, name)
            if value is not None:
                found[name] = value
        return found
