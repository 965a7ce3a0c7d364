"""One leg of a run: what the process that goes on with it knows, and how it writes to the log."""

import asyncio
import time
from dataclasses import dataclass, fields, replace

from bedplate.agents.history import History, grown
from bedplate.domain.accounts import Account
from bedplate.domain.runs import NewEntry, Run, RunUsage
from bedplate.errors import BudgetExceeded
from bedplate.journal.protocol import Journal, Writer


@dataclass(slots=True)
class Leg:
    """`run` and `history` are as of the latest entry. `deadline` is on the event loop's clock."""

    journal: Journal
    run: Run
    history: History
    deadline: float
    marked_at: float = 0.0

    @property
    def account(self) -> Account:
        run = self.run
        return Account(run.tenant, run.key, run.assistant, run.root, run.setup.user)

    @property
    def nothing(self) -> RunUsage:
        return RunUsage()

    def left(self) -> float:
        """Seconds until the run's time is over; BudgetExceeded where it is."""
        seconds = self.deadline - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise out_of_time(self.run)
        return seconds

    async def charge(self, amount: RunUsage, *entries: NewEntry) -> None:
        """See Journal; the time since the last writing is counted with it."""
        written = await self.journal.charge(self._writer(), self._timed(amount), *entries)
        self._took(written, entries)

    async def settle(self, amount: RunUsage, *entries: NewEntry) -> None:
        written = await self.journal.settle(self._writer(), self._timed(amount), *entries)
        self._took(written, entries)

    def _writer(self) -> Writer:
        return Writer(self.run.tenant, self.run.id, self.run.leg, self.run.entries)

    def _timed(self, amount: RunUsage) -> RunUsage:
        # The machine's own count, as the clock on the wall may jump.
        now = time.monotonic()
        since, self.marked_at = now - (self.marked_at or now), now
        return replace(amount, seconds=amount.seconds + since)

    def _took(self, written: Run, entries: tuple[NewEntry, ...]) -> None:
        grown(self.history, self.run.entries, entries)
        self.run = written


def difference(actual: RunUsage, held: RunUsage) -> RunUsage:
    """What is to be counted besides what was held."""
    return RunUsage(
        **{e.name: getattr(actual, e.name) - getattr(held, e.name) for e in fields(RunUsage)}
    )


def out_of_time(run: Run) -> BudgetExceeded:
    return BudgetExceeded(
        f"The run {run.id!r} was at work for {run.setup.limits.seconds:g} seconds, as long as it "
        "may: resume it with a larger budget.",
        budget="seconds",
    )
