"""How fast work goes and how long it still takes, told only as exactly as it is known.

The time left is a prediction interval from batch means: the latter half of the run is cut into a
few stretches, and how far their rates scatter says how far what comes may (A. M. Law, Simulation
Modeling and Analysis, chapter 9). Stretches, and not single readings, because work that comes in
bursts has readings that depend on those beside them.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

RATE_SECONDS = 10.0
"""How far back the rate looks, at least."""

FIRST_SECONDS = 0.25
MOST_SLICES = 64
STRETCHES = 8
LEAST_STRETCHES = 4
LEAST_SECONDS = 2.0
MARGIN = 0.1
"""No estimate is taken to be nearer than this share of it."""

WIDEST = 6.0
"""How often the low end of a range fits into the high end of one that is told."""

SOON_SECONDS = 10.0
"""Below this an estimate may be as wide as it likes: it still says that it is not long."""

FAR_SECONDS = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds until the end, at least and at most as far as can be told."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Slice:
    seconds: float
    units: float

    def __add__(self, other: "_Slice") -> "_Slice":
        return _Slice(self.seconds + other.seconds, self.units + other.units)


class Pace:
    """Fed with how many units were done when; memory and time of each call are bounded.

    Times are seconds of any clock; one that goes back is taken to stand still. Units that go back
    are the beginning of other work.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._at = 0.0
        self._done = 0.0
        self._start(0.0, 0.0)

    def add(self, at: float, done: float) -> None:
        """`done` units were done at the time `at`."""
        if self._began is None or done < self._done:
            self._start(max(at, self._at) if self._began is not None else at, done)
            self._began = self._at
            return
        self._at, self._done = max(at, self._at), done
        seconds = self._at - self._open_at
        if seconds < self._span:
            return
        self._slices.append(_Slice(seconds, done - self._open_done))
        self._open_at, self._open_done = self._at, done
        if len(self._slices) == MOST_SLICES:
            self._slices = [a + b for a, b in _pairs(self._slices)]
            self._span *= 2

    def rate(self, at: float) -> float | None:
        """Units a second of late; None while too little was seen."""
        seen, _ = self._recent(at, RATE_SECONDS)
        whole = sum(seen, _Slice(0.0, 0.0))
        return whole.units / whole.seconds if whole.seconds >= 1 else None

    def left(self, at: float, total: float | None) -> Left | None:
        """Time from `at` until `total` units are done.

        None while it cannot be known: without a total, when too little was seen, and when the rate
        varies so much that the range would say nothing.
        """
        if total is None or self._began is None:
            return None
        if total <= self._done:
            return Left(0.0, 0.0)
        seen, since = self._recent(at, (max(at, self._at) - self._began) / 2)
        parts = _stretches(seen)
        seconds = sum(part.seconds for part in parts)
        units = sum(part.units for part in parts)
        if len(parts) < LEAST_STRETCHES or seconds < LEAST_SECONDS or units <= 0:
            return None
        remaining = total - self._done
        expected, later = (remaining * each for each in (seconds / units, _trend(parts)))
        if not max(expected, later) < FAR_SECONDS:
            return None
        spread = max(MARGIN * expected, _spread(parts, seconds / units, expected))
        low, high = min(expected, later) - spread, max(expected, later) + spread
        if high <= since or (high > SOON_SECONDS and high > WIDEST * low):
            return None
        return Left(max(0.0, low - since), high - since)

    def _start(self, at: float, done: float) -> None:
        self._at = self._open_at = at
        self._done = self._open_done = done
        self._slices: list[_Slice] = []
        self._span = FIRST_SECONDS

    def _recent(self, at: float, seconds: float) -> tuple[list[_Slice], float]:
        """The latest slices that make up that time; and what passed since they ended.

        A wait counts once it is longer than any before it: until then the next result is due.
        """
        seen: list[_Slice] = []
        covered = 0.0
        for each in reversed(self._slices):
            if covered >= seconds:
                break
            seen.append(each)
            covered += each.seconds
        seen.reverse()
        now = max(at, self._at)
        waiting = _Slice(now - self._open_at, self._done - self._open_done)
        if seen and waiting.seconds > max(each.seconds for each in seen):
            return [*seen, waiting], 0.0
        return seen, now - self._at


@dataclass(frozen=True, slots=True)
class Reading:
    """`rate` is units a second."""

    rate: float | None
    left: Left | None
    seconds: float


class Meter:
    """Reads work off a clock: what is counted a second, and what is left by what it weighs.

    Both are given so far: `count` is what people want the rate of, such as passages; `weight` and
    `total` are in what time goes with, such as bytes. A screen may read it in a thread of its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._counted, self._weighed = Pace(), Pace()
        self._total: float | None = None
        self.add(0, 0, None)

    def add(self, count: float, weight: float, total: float | None) -> None:
        with self._lock:
            now = self._clock()
            self._counted.add(now, count)
            self._weighed.add(now, weight)
            self._total = total

    def read(self) -> Reading:
        with self._lock:
            now = self._clock()
            left = self._weighed.left(now, self._total)
            return Reading(self._counted.rate(now), left, max(0.0, now - self._began))


def _pairs(slices: Sequence[_Slice]) -> Iterable[tuple[_Slice, _Slice]]:
    return zip(slices[::2], slices[1::2], strict=True)


def _stretches(slices: Sequence[_Slice], most: int = STRETCHES) -> list[_Slice]:
    """At most so many, of about as many slices each."""
    count = min(most, len(slices))
    cuts = [len(slices) * number // count for number in range(count + 1)] if count else []
    return [sum(slices[start:end], _Slice(0.0, 0.0)) for start, end in pairwise(cuts)]


def _trend(parts: Sequence[_Slice]) -> float:
    """Seconds a unit will take if it goes on changing as it did from the older half to the newer."""
    older, newer = _stretches(parts, 2)
    if not (older.units and newer.units):
        return math.inf
    return (newer.seconds / newer.units) ** 2 / (older.seconds / older.units)


def _spread(parts: Sequence[_Slice], unit_seconds: float, expected: float) -> float:
    """How far the true time may lie from the expected one, 19 times of 20, by the scatter seen."""
    free = len(parts) - 1
    off = sum((part.units * unit_seconds - part.seconds) ** 2 for part in parts)
    ahead = expected * len(parts) / sum(part.seconds for part in parts)
    deviation = math.sqrt(off / free * (ahead + ahead**2 / len(parts)))
    # Student's t for 95 %, to within 2 % from 3 degrees of freedom on.
    return (1.96 + 2.4 / free + 4 / free**2) * deviation
