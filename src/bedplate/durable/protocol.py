"""Durable work: what a flow writes, and what it is given to write it with.

A `Work` is code that may be run again from its start after a crash. What it did inside a step is
not done again: the step's result is read from the journal. So a work must do the same steps in the
same order whenever it is run with the same argument, and everything that reads a clock, a file, a
network or chance belongs inside a step. A step that a crash cut off is run again, so what it does
must bear being done twice.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Protocol, TypeAlias

from bedplate.domain.ids import TenantId

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
WorkId = NewType("WorkId", str)

DEFAULT_QUEUE = "default"
STEP_SECONDS = 300.0
WORK_SECONDS = 24 * 3600.0


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    """It was taken up too often, as if it killed each process that ran it."""

    @property
    def ended(self) -> bool:
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work failed: the code of the error it ended with, and that error's message."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work as it stands. `result` and `failure` are there once it has ended so."""

    id: WorkId
    tenant: TenantId
    work: str
    queue: str
    state: State
    created_at: datetime
    ended_at: datetime | None = None
    argument: JSON = None
    result: JSON = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a job's event log; `offset` counts from 0."""

    offset: int
    value: JSON


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried while its error is retryable, and the pause before the second try.

    Each further pause doubles, up to `longest` seconds.
    """

    attempts: int = 3
    pause: float = 1.0
    longest: float = 30.0


ONCE = Retry(attempts=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """Bounds on work: how much runs at once over all processes and in each, how much may wait.

    `rate` is a number of starts in a number of seconds. `length` is exact for starts by one
    process; processes that start work in the same moment may together exceed it by their number.
    """

    name: str = DEFAULT_QUEUE
    concurrency: int = 16
    per_process: int = 4
    rate: tuple[int, float] | None = None
    length: int = 1_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """Work that starts by the clock, once however many processes run: by `cron` or `every`.

    `cron` has five fields, read in `timezone`; `every` counts from the Unix epoch. A time that
    passed while no process ran is skipped; of several that passed at once, the last is started.
    """

    name: str
    work: str
    tenant: TenantId
    argument: JSON = None
    cron: str | None = None
    every: timedelta | None = None
    timezone: str = "UTC"
    queue: str = DEFAULT_QUEUE


@dataclass(frozen=True, slots=True)
class Page:
    """Which jobs to list, newest first."""

    work: str | None = None
    states: tuple[State, ...] = ()
    limit: int = 100
    offset: int = 0


class Steps(Protocol):
    """What a running work does anything with."""

    @property
    def job(self) -> WorkId: ...

    @property
    def tenant(self) -> TenantId: ...

    async def step(
        self,
        name: str,
        call: Callable[[], Awaitable[JSON]],
        *,
        retry: Retry = Retry(),
        seconds: float = STEP_SECONDS,
    ) -> JSON:
        """Run `call` and keep its result, or read the result that was kept; `seconds` per try.

        Raises:
            WorkFailed: the call failed for good; its `failure` is the error's code. It is the same
                error when the journal is replayed.
            InvalidInput: the result is no JSON; TooLarge: it is over the limit.
        """
        ...

    async def emit(self, event: JSON) -> None:
        """Append to the job's event log, between steps or within one.

        An event of a step that is run again is there again.
        """
        ...


class Work(Protocol):
    """A kind of work. `name` is kept with every job: a change orphans the jobs under the old."""

    @property
    def name(self) -> str: ...

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        """Do the work. A BedplateError ends the job as failed, with its code and message."""
        ...


class Durable(Protocol):
    """Starts work and tells what became of it. A job of another tenant is NotFound."""

    async def start(
        self,
        work: str,
        argument: JSON,
        *,
        tenant: TenantId,
        id: str | None = None,
        queue: str = DEFAULT_QUEUE,
        seconds: float = WORK_SECONDS,
    ) -> Job:
        """Put work into a queue, durably; where the tenant has a job `id` already, that job.

        `seconds` bound the time from its start on a process to its end; over it, it is cancelled.

        Raises:
            Busy: the queue is full.
            Conflict: the job `id` is of another kind of work.
            InvalidInput: the argument is no JSON, or there is no such work or queue.
        """
        ...

    async def get(self, id: WorkId, *, tenant: TenantId) -> Job: ...

    async def list(self, tenant: TenantId, page: Page = Page()) -> tuple[Job, ...]:
        """Jobs without argument and result."""
        ...

    async def cancel(self, id: WorkId, *, tenant: TenantId) -> Job:
        """Stop it, in the middle of a step too; one that has ended stays as it is."""
        ...

    async def resume(self, id: WorkId, *, tenant: TenantId) -> Job:
        """Go on where a cancelled or abandoned job stopped; Conflict for any other."""
        ...

    def tail(self, id: WorkId, *, tenant: TenantId, after: int = 0) -> AsyncGenerator[Event]:
        """Its events from offset `after` on, as they come, until the job ends."""
        ...
