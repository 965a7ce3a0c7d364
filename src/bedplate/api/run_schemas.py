"""What /api/runs takes and shows."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field

from bedplate.api.schemas import Body, Shown
from bedplate.domain import runs as domain
from bedplate.domain.money import from_micro, to_micro
from bedplate.domain.runs import RunLimits, RunStatus, RunUsage


class Budget(Body):
    """Of what is not named here, the run keeps what it has."""

    steps: Annotated[int | None, Field(ge=0, le=10_000)] = None
    model_calls: Annotated[int | None, Field(ge=0, le=100_000)] = None
    tool_calls: Annotated[int | None, Field(ge=0, le=100_000)] = None
    tokens: Annotated[int | None, Field(ge=0, le=10**12)] = None
    usd: Annotated[Decimal | None, Field(ge=0, le=1_000_000)] = None
    seconds: Annotated[float | None, Field(ge=0, le=31_536_000)] = None
    failures: Annotated[int | None, Field(ge=0, le=100_000)] = None

    def over(self, former: RunLimits) -> RunLimits:
        """The former limits with these in their place."""
        given = self.model_dump(exclude_none=True)
        if "usd" in given:
            given["micro_usd"] = to_micro(given.pop("usd"))
        return domain.with_limits(former, given)


class NewRun(Body):
    assistant: Annotated[str, Field(min_length=1, max_length=200)]
    goal: Annotated[str, Field(min_length=1, max_length=100_000)]
    id: Annotated[str | None, Field(max_length=100)] = None
    """Starts a run once: sent again, it finds the run that is there."""
    budget: Budget | None = None
    """At most what the assistant may use."""
    user: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    """For whom it runs: what is kept in mind is kept of them."""


class ResumeRun(Body):
    budget: Budget | None = None
    message: Annotated[str | None, Field(min_length=1, max_length=100_000)] = None


class ForkRun(Body):
    at: Annotated[int, Field(ge=0)]
    """The number of the model's answer that is made anew; 0 for all of it."""
    goal: Annotated[str | None, Field(min_length=1, max_length=100_000)] = None
    message: Annotated[str | None, Field(min_length=1, max_length=100_000)] = None


class CancelRun(Body):
    undo: bool = True
    """Whether effects are taken back for which the assistant declares a tool."""


class Measures(Shown):
    steps: int
    model_calls: int
    tool_calls: int
    tokens: int
    usd: float | None
    seconds: float
    failures: int

    @classmethod
    def of(cls, amounts: RunLimits | RunUsage) -> Self:
        usd = None if amounts.micro_usd is None else float(from_micro(amounts.micro_usd))
        return cls(
            steps=amounts.steps,
            model_calls=amounts.model_calls,
            tool_calls=amounts.tool_calls,
            tokens=amounts.tokens,
            usd=usd,
            seconds=round(amounts.seconds, 3),
            failures=amounts.failures,
        )


class Run(Shown):
    """`summary` is the answer of a run that succeeded; of others what was done, and what is open.
    `reason` says why it stands so: a measure of its budget, a kind of loop, an error's code.
    """

    id: str
    assistant: str
    version: int
    goal: str
    status: RunStatus
    reason: str
    summary: str
    used: Measures
    budget: Measures
    entries: int
    waits_for: list[str]
    parent: str | None
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, run: domain.Run) -> Self:
        return cls(
            id=run.id,
            assistant=run.assistant,
            version=run.setup.version,
            goal=run.goal,
            status=run.status,
            reason=run.reason,
            summary=run.summary,
            used=Measures.of(run.used),
            budget=Measures.of(run.setup.limits),
            entries=run.entries,
            waits_for=list(run.waits_for),
            parent=run.parent,
            created_at=run.created_at,
            ended_at=run.ended_at,
        )


class RunList(Shown):
    runs: list[Run]


class RunEntry(Shown):
    number: int
    kind: str
    at: datetime
    data: Any


class RunLog(Shown):
    """`more` says that there are entries after these."""

    entries: list[RunEntry]
    more: bool
