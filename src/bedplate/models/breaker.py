"""Circuit breakers: an endpoint that does not work is left alone for a while."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bedplate.errors import Unavailable
from bedplate.sections import BreakerConfig

State = Literal["closed", "open", "half_open"]

PERIODS = 10
"""The window moves on in so many steps."""

PROBE_SECONDS = 1.0
"""When to come again while one call finds out whether the endpoint works."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """`calls` and `failures` are of the breaker's window; `retry_after` is in how many seconds the next
    call is let through, where none is now.
    """

    endpoint: str
    state: State
    calls: int
    failures: int
    last_error: str | None = None
    retry_after: float | None = None


@dataclass(slots=True)
class Period:
    number: int
    calls: int = 0
    failures: int = 0


class Breaker:
    """Closed, calls pass and are counted. Open, they are refused. Half open, one call probes.

    A call gets a permit when it enters and says with it what came of it; permits of an earlier
    state count for nothing. `now` gives seconds on a clock that only goes forward.
    """

    def __init__(
        self, endpoint: str, settings: BreakerConfig, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._now = now
        self._state: State = "closed"
        self._permit = 0
        self._probing = False
        self._until = 0.0
        self._last_error: str | None = None
        self._periods: deque[Period] = deque(maxlen=PERIODS)

    @property
    def health(self) -> EndpointHealth:
        calls, failures = self._counts()
        left = max(0.0, self._until - self._now()) if self._state == "open" else None
        return EndpointHealth(self._endpoint, self._state, calls, failures, self._last_error, left)

    def enter(self) -> int:
        """A permit; Unavailable while the breaker is open, or another call probes."""
        now = self._now()
        if self._state == "open" and now >= self._until:
            self._change("half_open")
        if self._state == "closed":
            return self._permit
        if self._state == "half_open" and not self._probing:
            self._probing = True
            return self._permit
        left = self._until - now if self._state == "open" else PROBE_SECONDS
        raise Unavailable(
            f"{self._endpoint} is not called for now, since {self._settings.failures} calls or "
            f"more failed, last with: {self._last_error}",
            retry_after=max(PROBE_SECONDS, left),
        )

    def answered(self, permit: int) -> int:
        """The endpoint works: it began to answer. The permit to go on with."""
        if permit != self._permit:
            return permit
        if self._state == "half_open":
            self._periods.clear()
            self._change("closed")
        self._count(1, 0)
        return self._permit

    def failed(self, permit: int, error: str, *, begun: bool) -> None:
        """The endpoint does not work. `begun` where the call had been counted as answered."""
        if permit != self._permit:
            return
        self._last_error = error
        self._count(0 if begun else 1, 1)
        calls, failures = self._counts()
        enough = failures >= self._settings.failures
        if self._state == "half_open" or (enough and failures >= self._settings.share * calls):
            self._until = self._now() + self._settings.open_seconds
            self._change("open")

    def left(self, permit: int) -> None:
        """The call ended and showed nothing of the endpoint: another may probe."""
        if permit == self._permit:
            self._probing = False

    def _change(self, state: State) -> None:
        self._state = state
        self._permit += 1
        self._probing = False

    def _count(self, calls: int, failures: int) -> None:
        number = self._number()
        if not self._periods or self._periods[-1].number != number:
            self._periods.append(Period(number))
        self._periods[-1].calls += calls
        self._periods[-1].failures += failures

    def _counts(self) -> tuple[int, int]:
        oldest = self._number() - PERIODS
        recent = [period for period in self._periods if period.number > oldest]
        return sum(p.calls for p in recent), sum(p.failures for p in recent)

    def _number(self) -> int:
        return int(self._now() / self._settings.window_seconds * PERIODS)


class Breakers:
    """One for each endpoint, which the models that call it share."""

    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = {}

    def of(self, endpoint: str, settings: BreakerConfig) -> Breaker:
        """The first model's settings are those of the endpoint."""
        if endpoint not in self._breakers:
            self._breakers[endpoint] = Breaker(endpoint, settings)
        return self._breakers[endpoint]

    @property
    def health(self) -> tuple[EndpointHealth, ...]:
        return tuple(breaker.health for breaker in self._breakers.values())
