"""What keeps runs: where each stands, and everything that was done, in order, for good.

The log is the truth of a run: whatever goes on with it after a crash reads the log and goes on from
there. So an entry is written before an effect and after it.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from bedplate.domain.ids import TenantId
from bedplate.domain.runs import Entry, NewEntry, Run, RunPage, RunStatus, RunUsage
from bedplate.errors import Conflict


class Overtaken(Conflict):
    """The run is not this writer's any more: it was stopped, or another process goes on with it."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who may add to a run's log: the leg that is under way, knowing `entries` of it."""

    tenant: TenantId
    run: str
    leg: int
    entries: int


@dataclass(frozen=True, slots=True)
class Change:
    """New values of a run's fields, by their names; `look_at` is when to look at it again."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    look_at: datetime | None = None


class RunStates(Protocol):
    """Where each run stands. NotFound where the tenant has no run of that id. As everywhere here:
    StorageError and Unavailable where the database cannot be used.
    """

    async def create(self, run: Run, entries: Sequence[NewEntry], *, look_at: datetime) -> Run:
        """Keep a new run; the one that is there where the tenant has a run of its id."""
        ...

    async def get(self, tenant: TenantId, id: str) -> Run: ...

    async def list(self, tenant: TenantId, page: RunPage) -> tuple[Run, ...]: ...

    async def children(self, tenant: TenantId, id: str) -> tuple[Run, ...]: ...

    async def change(
        self,
        tenant: TenantId,
        id: str,
        was: Sequence[RunStatus],
        change: Change,
        *entries: NewEntry,
        leg: int | None = None,
    ) -> Run:
        """Change a run that is in one of these states, and in that leg where one is named.

        Raises:
            Conflict: it is in another.
        """
        ...


class RunLogs(Protocol):
    """What was done in each run, and what it used. NotFound as above."""

    async def entries(
        self, tenant: TenantId, id: str, *, after: int = -1, limit: int = 1_000
    ) -> tuple[Entry, ...]:
        """Those with greater numbers than `after`, in order."""
        ...

    async def charge(self, writer: Writer, amount: RunUsage, *entries: NewEntry) -> Run:
        """Count an amount for the run and for its root, and write entries, all or nothing.

        Raises:
            Overtaken: see there; nothing is written.
            BudgetExceeded: its `budget` is the measure that would be exceeded.
        """
        ...

    async def settle(self, writer: Writer, amount: RunUsage, *entries: NewEntry) -> Run:
        """As `charge`, of what has happened already: no limit keeps it out. Amounts may be negative.

        Raises:
            Overtaken: see there; the amount is counted all the same.
        """
        ...


FARTHEST = timedelta(minutes=2)
"""No run is to be looked at later than so long from now."""


class RunTimes(Protocol):
    """When runs are looked at, by whichever process comes first, and when they are forgotten."""

    async def due(self, now: datetime, limit: int) -> tuple[Run, ...]:
        """Those that are to be looked at, of any tenant; also where that is over FARTHEST away, as
        the clock was put back since.
        """
        ...

    async def look(self, tenant: TenantId, id: str, at: datetime | None) -> None:
        """When to look at it again; None is never."""
        ...

    async def forget(self, before: datetime, *, most: int) -> int:
        """Delete runs that ended and were not touched since, and of each tenant's ended runs the
        oldest beyond `most`; how many.
        """
        ...


class Journal(RunStates, RunLogs, RunTimes, Protocol):
    """All of it: one transaction may concern a run's state, its log and when it is looked at."""


class OpenJournal(Protocol):
    """`place` is a file, or the address of a PostgreSQL database whose catalog is there."""

    def __call__(self, place: Path | str) -> AbstractAsyncContextManager[Journal]: ...
