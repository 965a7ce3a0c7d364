"""How many requests are worked on at once, and who comes next when there are more.

A request that finds no place waits in the line of its tenant. A place that falls free goes to the
tenant with the fewest requests in work, so that one who sends thousands costs another tenant the
end of one request at most. Lines together are bounded: when they are full, the last of the longest
line is sent away, or the one that comes where no line is longer than its own would be.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send

from bedplate.api.access import PROBES, known_account
from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, RateLimited

NOBODY = TenantId("")
LONGEST_RETRY = 60.0
SMOOTHING = 0.1
"""The share of the newest time between two ends in their running mean."""

Turn = asyncio.Future[None]


class Lines:
    """`most` places, and lines of tenants in front of them with `room` for all who wait.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        most: int,
        *,
        room: int,
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._room = room
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._working: Counter[TenantId] = Counter()
        self._lines: dict[TenantId, deque[Turn]] = {}
        self._ended_at: float | None = None
        self._between_ends = 0.0

    @property
    def working(self) -> int:
        return self._working.total()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    async def enter(self, tenant: TenantId) -> None:
        """Return once `tenant` has a place; `leave` gives it back.

        Raises:
            Busy: the lines are full, or there was no place within the time to wait.
            RateLimited: of a full house, this tenant's line was the longest.
        """
        if self.working < self._most and not self._lines:
            self._working[tenant] += 1
            return
        if self.waiting >= self._room:
            self._make_room(tenant)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tenant, deque()).append(turn)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as error:
            self._give_up(tenant, turn)
            if isinstance(error, TimeoutError):
                raise self._busy(f"no place within {self._wait_seconds:g} s") from error
            raise

    def leave(self, tenant: TenantId) -> None:
        now = self._clock()
        if self._ended_at is not None:
            self._between_ends += SMOOTHING * (now - self._ended_at - self._between_ends)
        self._ended_at = now
        self._release(tenant)

    def _release(self, tenant: TenantId) -> None:
        self._working[tenant] -= 1
        if self._working[tenant] == 0:
            del self._working[tenant]
        while self._lines:
            # Of equals the one whose line has stood longest without a turn: lines that were served
            # move to the end.
            chosen = min(self._lines, key=lambda each: self._working[each])
            line = self._lines.pop(chosen)
            turn = line.popleft()
            if line:
                self._lines[chosen] = line
            # Who gave up is in the line until its task runs again.
            if not turn.done():
                self._working[chosen] += 1
                turn.set_result(None)
                return

    def _make_room(self, tenant: TenantId) -> None:
        own = len(self._lines.get(tenant, ()))
        longest = max(self._lines, key=lambda each: len(self._lines[each]), default=tenant)
        if len(self._lines.get(longest, ())) <= own + 1:
            raise self._busy(f"{self.waiting} wait already (server.max_waiting)")
        last = self._lines[longest].pop()
        last.set_exception(
            RateLimited(
                "The server is full, and more requests of this tenant wait than of any other: "
                "send fewer at once.",
                limit="server.max_waiting",
                retry_after=self._retry_after(),
            )
        )

    def _give_up(self, tenant: TenantId, turn: Turn) -> None:
        line = self._lines.get(tenant)
        if line is not None and turn in line:
            line.remove(turn)
            if not line:
                del self._lines[tenant]
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self._release(tenant)

    def _busy(self, why: str) -> Busy:
        return Busy(
            f"{self.working} requests are being worked on, as many as server.max_requests allows, "
            f"and {why}: try again.",
            retry_after=self._retry_after(),
        )

    def _retry_after(self) -> float:
        """Seconds until those who wait now will have had their turn, as far as ends so far tell."""
        expected = self._between_ends * (self.waiting + 1)
        return min(LONGEST_RETRY, max(1.0, math.ceil(expected)))


class Admission:
    """Lets requests in by `lines`, and keeps the tasks of those in work so that they can be cut off."""

    def __init__(self, app: ASGIApp, lines: Lines) -> None:
        self._app = app
        self._lines = lines
        self._tasks: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Under any load: an overloaded process is alive.
        if scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        account = known_account(scope)
        tenant = account.tenant if account else NOBODY
        # The server runs each request in a task of its own.
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._tasks.add(task)
        try:
            await self._lines.enter(tenant)
            try:
                await self._app(scope, receive, send)
            finally:
                self._lines.leave(tenant)
        finally:
            self._tasks.discard(task)

    def cut_off(self) -> None:
        """End what is in work or waits, now: each is told that the server stops."""
        for task in list(self._tasks):
            task.cancel()
