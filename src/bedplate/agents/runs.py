"""What is done with runs: start, look, follow, pause, resume, cancel, fork."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bedplate.agents import entries
from bedplate.agents.recalling import recalled
from bedplate.agents.run_work import OfferTools, job_id
from bedplate.agents.starting import soon, start_leg
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.runs import (
    PARKED,
    RESUMABLE,
    Entry,
    NewEntry,
    Run,
    RunLimits,
    RunPage,
    RunSetup,
    RunStatus,
)
from bedplate.durable.protocol import Durable, WorkId
from bedplate.errors import Busy, Conflict, InvalidInput, NotFound
from bedplate.journal.protocol import Change, Journal
from bedplate.review.protocol import AskHuman

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,99}")
MOST_CHARACTERS = 100_000
TAIL_SECONDS = 0.2
"""Between two looks at a log that somebody follows."""

PART = 500

SetupOf = Callable[[TenantId, str], Awaitable[RunSetup]]
"""The assistant of that name as it is now; NotFound with the nearest name."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """`limits` may be narrower than the assistant's; `id` starts a run once. `posted` is data that
    came with the goal, from `source`.
    """

    assistant: str
    goal: str
    id: str | None = None
    limits: RunLimits | None = None
    posted: str = ""
    source: str = ""


class Runs:
    """A run of another tenant is NotFound."""

    def __init__(
        self,
        journal: Journal,
        durable: Durable,
        setup_of: SetupOf,
        offer: OfferTools,
        reviews: AskHuman | None,
    ) -> None:
        self._journal = journal
        self._durable = durable
        self._setup_of = setup_of
        self._offer = offer
        self._reviews = reviews

    async def start(self, account: Account, new: NewRun) -> Run:
        """Begin a run, durably; the one that is there where the tenant has a run of that id.

        Raises:
            NotFound: there is no such assistant.
            InvalidInput: an id or a goal that cannot be, or limits wider than the assistant's.
            Busy: too many wait.
        """
        check_goal(new.goal)
        id = new.id or new_id()
        if not ID.fullmatch(id):
            raise InvalidInput(
                f"{id[:80]!r} is no id of a run: use up to 100 letters, digits and _ . : @ -.",
                param="id",
            )
        setup = await self._setup_of(account.tenant, new.assistant)
        setup = replace(setup, user=account.user)
        if new.limits is not None:
            check_narrower(new.limits, setup.limits)
            setup = replace(setup, limits=new.limits)
        run = Run(
            id,
            setup.name or new.assistant,
            new.goal,
            setup,
            created_at=soon(0),
            root=id,
            tenant=account.tenant,
            key=account.key,
        )
        first = [entries.started(new.goal)]
        if new.posted:
            check_goal(new.posted, "body")
            first.append(entries.posted(new.source, new.posted))
        return await self._create(run, [*first, *await recalled(run, self._offer)])

    async def start_child(self, parent: Run, id: str, assistant: str, goal: str) -> Run:
        """A run that another starts: it has an assistant's own tools, and its root's budget."""
        setup = await self._setup_of(parent.tenant, assistant)
        run = Run(
            id,
            setup.name or assistant,
            goal,
            replace(setup, depth=parent.setup.depth + 1, user=parent.setup.user),
            created_at=soon(0),
            root=parent.root,
            tenant=parent.tenant,
            key=parent.key,
            parent=parent.id,
        )
        first = [entries.started(goal), *await recalled(run, self._offer)]
        return await self._create(run, first)

    async def limits(self, tenant: TenantId, assistant: str) -> RunLimits:
        """What a run of the assistant may use; NotFound where there is none of the name."""
        return (await self._setup_of(tenant, assistant)).limits

    async def get(self, tenant: TenantId, id: str) -> Run:
        return await self._journal.get(tenant, id)

    async def list(self, tenant: TenantId, page: RunPage) -> tuple[Run, ...]:
        return await self._journal.list(tenant, page)

    async def entries(
        self, tenant: TenantId, id: str, *, after: int = -1, limit: int = PART
    ) -> tuple[Entry, ...]:
        return await self._journal.entries(tenant, id, after=after, limit=limit)

    async def tail(self, tenant: TenantId, id: str, *, after: int = -1) -> AsyncGenerator[Entry]:
        """Its entries after that number, as they come, until it has ended or is paused."""
        while True:
            run = await self._journal.get(tenant, id)
            while found := await self._journal.entries(tenant, id, after=after, limit=PART):
                for entry in found:
                    yield entry
                after = found[-1].number
            if run.status.ended or run.status is RunStatus.PAUSED:
                return
            await asyncio.sleep(TAIL_SECONDS)

    async def pause(self, tenant: TenantId, id: str) -> Run:
        """Stop before the next step; a call under way is finished. One that is paused stays so.

        Raises:
            Conflict: it has ended, or is being cancelled.
        """
        run = await self._journal.get(tenant, id)
        if run.status is RunStatus.PAUSED:
            return run
        if run.status is RunStatus.RUNNING:
            with suppress(Conflict):
                return await self._journal.change(
                    tenant,
                    id,
                    [RunStatus.RUNNING],
                    Change({"wanted": "pause"}, soon()),
                )
        return await self._journal.change(
            tenant,
            id,
            [RunStatus.WAITING, *PARKED],
            Change({"status": RunStatus.PAUSED, "reason": ""}),
            entries.status(RunStatus.PAUSED),
        )

    async def resume(
        self,
        tenant: TenantId,
        id: str,
        *,
        limits: RunLimits | None = None,
        message: str | None = None,
    ) -> Run:
        """Go on with a run that stopped, in other limits or with something more to say to it.

        Raises:
            Conflict: it goes on already, or has ended for good.
        """
        run = await self._journal.get(tenant, id)
        if limits is not None and run.id != run.root:
            raise InvalidInput(
                f"The run {id!r} is in the budget of {run.root!r}: resume that with a larger one.",
                param="budget",
            )
        said: list[NewEntry] = []
        if message is not None:
            check_goal(message, "message")
            said.append(entries.message(message))
        return await self._go(run, sorted(RESUMABLE), said, limits=limits)

    async def wake(self, run: Run) -> Run:
        """Go on with a run that waited, and may go on now."""
        return await self._go(run, sorted(PARKED), [])

    async def restart(self, run: Run) -> None:
        """Give a leg that waits its job, if a process died before it had."""
        await start_leg(self._durable, run)

    async def cancel(self, tenant: TenantId, id: str, *, undo: bool = True) -> Run:
        """Stop it and what it started, in the middle of a step too; `undo` has effects taken back for
        which a tool is declared. One that has ended well, or is cancelled, stays as it is.
        """
        run = await self._journal.get(tenant, id)
        if run.status.final or run.status is RunStatus.CANCELLING:
            return run
        undoing = undo and bool(run.setup.undo)
        to = RunStatus.CANCELLING if undoing else RunStatus.CANCELLED
        former = job_id(run)
        stopped = await self._journal.change(
            tenant,
            id,
            [each for each in RunStatus if not each.final and each is not RunStatus.CANCELLING],
            Change(
                # A call under way may still tell the leg's log what it came to.
                {
                    "status": to,
                    "reason": "cancelled",
                    "leg": run.leg + undoing,
                    "wanted": "",
                    "waits_for": (),
                },
                soon() if undoing else None,
            ),
            entries.status(to, reason="cancelled"),
        )
        with suppress(NotFound):
            await self._durable.cancel(WorkId(former), tenant=tenant)
        if self._reviews is not None:
            for review in run.waits_for:
                await self._reviews.withdraw(review, "The run was cancelled.", tenant=tenant)
        for child in await self._journal.children(tenant, id):
            await self.cancel(tenant, child.id, undo=undo)
        if undoing:
            await self._begin(stopped)
        elif run.parent is not None:
            await self._journal.look(tenant, run.parent, soon(0))
        return stopped

    async def fork(
        self,
        account: Account,
        id: str,
        *,
        at: int,
        goal: str | None = None,
        message: str | None = None,
    ) -> Run:
        """A new run that has done what another had before its entry `at`, and goes on otherwise.

        `at` is an answer of the model, which is made anew, or 0; `goal` takes the place of the goal,
        `message` is said besides. What was done before is not done again.

        Raises:
            InvalidInput: the entry is none of these.
        """
        run = await self._journal.get(account.tenant, id)
        first, *kept = await self._before(run, at)
        if goal is not None:
            check_goal(goal)
            first = entries.started(goal)
        if message is not None:
            check_goal(message, "message")
            kept.append(entries.message(message))
        new = new_id()
        forked = Run(
            new,
            run.assistant,
            goal or run.goal,
            replace(run.setup, depth=0),
            created_at=soon(0),
            root=new,
            tenant=account.tenant,
            key=account.key,
        )
        return await self._create(forked, [first, *kept])

    async def _before(self, run: Run, at: int) -> Sequence[NewEntry]:
        found: list[Entry] = []
        while some := await self._journal.entries(
            run.tenant, run.id, after=found[-1].number if found else -1
        ):
            found += some
        answers = {entry.number for entry in found if entry.kind == "model"}
        if at not in answers and at != 0:
            known = ", ".join(map(str, sorted(answers))) or "none"
            raise InvalidInput(
                f"The entry {at} is no answer of the model, before which a run can be forked. "
                f"There are: 0, {known}.",
                param="at",
            )
        # Numbers stay, as calls are named by them.
        kept = found[: max(at, 1)]
        return [NewEntry(entry.kind, entry.data) for entry in kept]

    async def _create(self, run: Run, first: Sequence[NewEntry]) -> Run:
        made = await self._journal.create(run, first, look_at=soon())
        if made.status is RunStatus.WAITING:
            await self._begin(made)
        return made

    async def _go(
        self,
        run: Run,
        was: Iterable[RunStatus],
        said: Sequence[NewEntry],
        *,
        limits: RunLimits | None = None,
    ) -> Run:
        setup = run.setup if limits is None else replace(run.setup, limits=limits)
        gone = await self._journal.change(
            run.tenant,
            run.id,
            tuple(was),
            Change(
                {
                    "status": RunStatus.WAITING,
                    "reason": "",
                    "summary": "",
                    "leg": run.leg + 1,
                    "waits_for": (),
                    "setup": setup,
                    "wanted": "",
                },
                soon(),
            ),
            *said,
            entries.status(RunStatus.WAITING),
            leg=run.leg,
        )
        await self._begin(gone)
        return gone

    async def _begin(self, run: Run) -> None:
        # Where the queue is full the run waits before it: somebody tries again.
        with suppress(Busy):
            await start_leg(self._durable, run)


def check_goal(text: str, param: str = "goal") -> None:
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise InvalidInput(
            f"{param}: it has {len(text):,} characters; give 1 to {MOST_CHARACTERS:,}.", param=param
        )


def check_narrower(limits: RunLimits, widest: RunLimits) -> None:
    """InvalidInput naming the first measure that is wider."""
    for name in RunLimits.__dataclass_fields__:
        mine, most = getattr(limits, name), getattr(widest, name)
        if most is not None and (mine is None or mine > most):
            raise InvalidInput(
                f"budget.{name}: {mine} is more than {most}, which the assistant may use.",
                param=f"budget.{name}",
            )
