"""Runs: a goal pursued over many model and tool calls, and the log of what was done for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from bedplate.domain.ids import DEFAULT_TENANT, TenantId


class RunStatus(StrEnum):
    """`waiting` has a place in the queue; those after `running` hold none until they go on."""

    WAITING = "waiting"
    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    WAITING_RUN = "waiting_run"
    """For a run that it started."""
    PAUSED = "paused"
    OUT_OF_BUDGET = "out_of_budget"
    LOOPING = "looping"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    CANCELLING = "cancelling"
    """What can be undone is being undone."""
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing goes on by itself; what is not `final` may be resumed."""
        return self in ENDED

    @property
    def final(self) -> bool:
        return self in (RunStatus.SUCCEEDED, RunStatus.CANCELLED)


ENDED = frozenset(
    {
        RunStatus.OUT_OF_BUDGET,
        RunStatus.LOOPING,
        RunStatus.FAILED,
        RunStatus.SUCCEEDED,
        RunStatus.CANCELLED,
    }
)
RESUMABLE = frozenset(
    {RunStatus.PAUSED, RunStatus.OUT_OF_BUDGET, RunStatus.LOOPING, RunStatus.FAILED}
)
PARKED = frozenset({RunStatus.WAITING_APPROVAL, RunStatus.WAITING_RUN})

Measured = Literal[
    "steps", "model_calls", "tool_calls", "tokens", "micro_usd", "seconds", "failures"
]


@dataclass(frozen=True, slots=True)
class RunUsage:
    """What a run used, what it starts included. Of tokens and dollars also what calls under way may
    use at most. A step is a model call with the tool calls that it asks for. `failures` are tool
    calls that failed and were told to the model, to be mended; `seconds` is time at work.
    """

    steps: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    micro_usd: int = 0
    seconds: float = 0.0
    failures: int = 0

    def plus(self, other: "RunUsage") -> "RunUsage":
        return RunUsage(
            **{
                each.name: max(0, getattr(self, each.name) + getattr(other, each.name))
                for each in fields(RunUsage)
            }
        )


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The most that a run may use, in the same measures; None of dollars is no limit."""

    steps: int = 50
    model_calls: int = 100
    tool_calls: int = 200
    tokens: int = 500_000
    micro_usd: int | None = None
    seconds: float = 3_600.0
    failures: int = 20

    def exceeded(self, used: RunUsage) -> Measured | None:
        """The first measure of which more was used than is allowed."""
        for each in fields(RunUsage):
            limit = getattr(self, each.name)
            if limit is not None and getattr(used, each.name) > limit:
                return each.name  # pyright: ignore[reportReturnType] - the names of both are the same
        return None


def with_limits(former: RunLimits, amounts: Mapping[str, Any]) -> RunLimits:
    """The former limits with these amounts in their place, by measures."""
    return replace(former, **amounts)


@dataclass(frozen=True, slots=True)
class RunMemory:
    """`tokens` are of a whole request; `summary` is the model that sums up what is left out, if any;
    `recall` the table of tools in which the goal is looked up when the run begins.
    """

    tokens: int = 100_000
    summary: str | None = None
    recall: str | None = None


@dataclass(frozen=True, slots=True)
class RunSetup:
    """The assistant as it was when the run began: a later change of it does not reach the run.
    `name` and `version` say which it was.

    `delegates` are assistants that it may start runs of, `trusted` are tools whose results count as
    the operator's word, `undo` says by which tool an effect of another is taken back. `depth` is 0 of a run that no other started.
    """

    model: str
    instructions: str = ""
    tools: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    limits: RunLimits = RunLimits()
    trusted: tuple[str, ...] = ()
    undo: Mapping[str, str] = field(default_factory=dict[str, str])
    depth: int = 0
    name: str = ""
    version: int = 0
    memory: RunMemory = RunMemory()
    priced: bool = False
    """Whether a model without a known price is not asked, as its dollars are to be bounded."""
    user: str | None = None
    """For whom it runs, as its client named them."""


EntryKind = Literal[
    "started",
    "message",
    "model",
    "call",
    "result",
    "asked",
    "decided",
    "child",
    "undo",
    "undone",
    "compacted",
    "status",
]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Something that happened in a run; `data` is JSON, by `kind` as agents/entries.py says."""

    kind: EntryKind
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a run's log; `number` counts from 0."""

    number: int
    kind: EntryKind
    data: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands.

    `reason` is a code of why it stands so: a budget's measure, a kind of loop, an error's code.
    `summary` is the answer of a run that succeeded; of another that stopped, what was done and what
    is open. A run goes on in legs, each a job: `leg` counts them. `parent` started it; `root` is the
    first of them, whose budget all share. `waits_for` are ids of reviews or of a run.
    """

    id: str
    assistant: str
    goal: str
    setup: RunSetup
    created_at: datetime
    root: str
    tenant: TenantId = DEFAULT_TENANT
    key: str | None = None
    status: RunStatus = RunStatus.WAITING
    reason: str = ""
    summary: str = ""
    used: RunUsage = RunUsage()
    leg: int = 0
    entries: int = 0
    wanted: Literal["", "pause"] = ""
    waits_for: tuple[str, ...] = ()
    parent: str | None = None
    touched_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunPage:
    """Which runs to list, newest first, those before the run `before`."""

    statuses: tuple[RunStatus, ...] = ()
    assistant: str | None = None
    limit: int = 50
    before: str | None = None
