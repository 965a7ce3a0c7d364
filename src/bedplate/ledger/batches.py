"""Group commit: the steps of many calls that wait for the database go together."""

import asyncio
from collections.abc import Sequence

from bedplate.errors import BedplateError, Blocked, Unavailable
from bedplate.ledger.steps import Hold, Step, carry_out
from bedplate.sql import Session, Sessions

MOST = 200
"""Steps in one transaction: it holds up what other processes do with the same limits."""

KNOWN = 10_000

Verdict = BedplateError | None


class Batches:
    """Steps that come while one transaction is under way are the next one's work.

    A step's verdict is there when its transaction is committed. A transaction that only gives back
    does not wait for the disk: lost with the machine, what is held counts as spent.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._waiting: list[tuple[Step, asyncio.Future[Verdict]]] = []
        self._running: asyncio.Task[None] | None = None
        self._known: set[str] = set()

    def submit(self, step: Step) -> "asyncio.Future[Verdict]":
        """Its verdict, soon: None, or why it was not done. It is done even if nobody waits."""
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[Verdict] = loop.create_future()
        self._waiting.append((step, verdict))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return verdict

    async def drain(self) -> None:
        """Until all that was submitted is done."""
        while self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._decide(batch)
        finally:
            self._running = None

    async def _decide(self, batch: Sequence[tuple[Step, "asyncio.Future[Verdict]"]]) -> None:
        try:
            verdicts = await self._apart([step for step, _ in batch])
            for (_, waiting), verdict in zip(batch, verdicts, strict=True):
                if not waiting.done():
                    waiting.set_result(verdict)
        finally:
            # Of a fault of ours, nobody waits for ever.
            for _, waiting in batch:
                waiting.cancel()

    async def _apart(self, steps: Sequence[Step]) -> Sequence[Verdict]:
        """Together; where the database refuses that, each alone, so that the one at fault is told."""
        try:
            return await self._together(steps)
        except Unavailable as error:
            return [error] * len(steps)
        except BedplateError as error:
            if len(steps) == 1:
                return [error]
            return [verdict for step in steps for verdict in await self._apart([step])]

    async def _together(self, steps: Sequence[Step]) -> Sequence[Blocked | None]:
        known = set(self._known)

        def work(session: Session) -> list[Blocked | None]:
            return carry_out(session, steps, known)

        spends = any(isinstance(step, Hold) for step in steps)
        verdicts = await self._sessions.write(work, durable=spends)
        self._known = known if len(known) < KNOWN else set()
        return verdicts
