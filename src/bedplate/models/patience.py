"""How long a call to a server may last, by the part of it that is under way."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import aiohttp

from bedplate.errors import UpstreamError
from bedplate.models.wire_options import CallOptions
from bedplate.upstream.failures import Failures
from bedplate.upstream.http_errors import HttpError

T = TypeVar("T")

# What follows the finish reason follows at once; an answer that is whole does not fail for it.
CLOSING_SECONDS = 2.0


class Patience:
    """How long one call may still wait, and for what."""

    def __init__(
        self,
        options: CallOptions,
        deadline: float | None,
        failures: Failures,
        *,
        whole: bool = False,
    ) -> None:
        """`whole`: of the answer nothing shows before its end."""
        self._clock = asyncio.get_running_loop().time
        self._failures = failures
        self._idle = options.idle_seconds
        self._winding_down = False
        self._renewed: float | None = None
        now = self._clock()
        seconds = options.total_seconds
        self._whole = (now + seconds, f"took longer than {seconds:g} s (total_seconds)")
        if deadline is not None and deadline < self._whole[0]:
            left = max(0.0, deadline - now)
            self._whole = (deadline, f"was not done by the request's deadline, {left:.3g} s away")
        if whole:
            self._phase = self._whole
            return
        seconds = options.first_token_seconds
        self._phase = (now + seconds, f"sent no token within {seconds:g} s (first_token_seconds)")

    def renew(self) -> None:
        """A chunk came; the wait for the next starts now, after the reader took this one."""
        # Done for each read of a stream: what it means is worked out where it is asked for.
        self._renewed = self._clock()

    def wind_down(self) -> None:
        """The answer is whole: wait no longer for what may still follow."""
        if self._winding_down:
            return
        self._winding_down = True
        self._renewed = None
        seconds = min(self._idle, CLOSING_SECONDS)
        self._phase = (self._clock() + seconds, "did not close the stream")

    @property
    def limit(self) -> tuple[float, str]:
        """The nearest limit, and what is said once it has passed."""
        phase = self._phase
        if self._renewed is not None:
            what = f"sent nothing for {self._idle:g} s in mid-stream (idle_seconds)"
            phase = (self._renewed + self._idle, what)
        return min(phase, self._whole)

    @property
    def passed(self) -> UpstreamError:
        """The error once the nearest limit has passed."""
        return self._failures.timeout(self.limit[1])

    async def turn(self, turns: asyncio.Semaphore) -> None:
        """Wait for one of them; UpstreamTimeout as of `within`."""
        if turns.locked():
            await self.within(turns.acquire)
        else:
            await turns.acquire()

    async def within(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives; UpstreamTimeout once whichever limit is nearest has passed."""
        at, what = self.limit
        if self._clock() >= at:
            raise self._failures.timeout(what)
        try:
            async with asyncio.timeout_at(at):
                return await work()
        except (HttpError, aiohttp.ClientError, ssl.SSLError) as error:
            raise self._failures.of_client(error) from error
        except TimeoutError as error:
            raise self._failures.timeout(what) from error


class Watch:
    """The limits of many waits by one timer, which is set anew only when it goes off.

    Within the block TimeoutError is raised where `patience` is at its end, but not while it is held.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._clock = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._held = False

    async def __aenter__(self) -> Self:
        await self._clock.__aenter__()
        self.look()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._clock.__aexit__(kind, error, traceback)

    def look(self) -> None:
        """Set the timer to the nearest limit, which has changed, or end the wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at, _ = self._patience.limit
        now = self._loop.time()
        if now < at:
            self._timer = self._loop.call_at(at, self.look)
        elif not self._held:
            self._clock.reschedule(now)

    def hold(self) -> None:
        """The reader is waited for, and not the server."""
        self._held = True

    def go_on(self, *, sooner: bool) -> None:
        """The server is waited for again; `sooner`: it may have less time than the timer gives it."""
        self._held = False
        if sooner or self._timer is None:
            self.look()
