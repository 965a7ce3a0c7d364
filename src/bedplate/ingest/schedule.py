"""When sources are synced: at intervals such as "15m", or by a cron expression in UTC."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import croniter

from bedplate.domain.ids import TenantId
from bedplate.domain.sources import SourceState
from bedplate.errors import BedplateError, Conflict, InvalidInput, Unavailable
from bedplate.ingest.sync import SyncRequest
from bedplate.state.protocol import Catalog

logger = logging.getLogger(__name__)

TICK_SECONDS = 5.0
LEAST_SECONDS = 10
REST_SECONDS = 60.0
"""How long a source that could not be synced is left alone, whatever is due."""

_INTERVAL = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

MAX_ASKED = 100
"""Syncs that wait for their turn, and refusals that are remembered."""

Start = Callable[[SyncRequest], Awaitable[object]]
Key = tuple[TenantId, str]


def read_interval(schedule: str) -> timedelta | None:
    """The interval, or None for a cron expression; InvalidInput for what is neither."""
    if found := _INTERVAL.fullmatch(schedule.strip()):
        interval = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if interval.total_seconds() < LEAST_SECONDS:
            raise InvalidInput(
                f"The schedule {schedule!r} is too short: give {LEAST_SECONDS}s or more.",
                param="schedule",
            )
        return interval
    if len(schedule) > 100 or len(schedule.split()) != 5 or not croniter.is_valid(schedule):
        raise InvalidInput(
            f"The schedule {schedule[:100]!r} is none: give an interval such as 15m, 2h or 1d, or "
            "five fields of cron such as '0 3 * * *'.",
            param="schedule",
        )
    return None


def next_time(schedule: str, now: datetime) -> datetime:
    """The next moment of a cron expression."""
    return croniter(schedule, now).get_next(datetime)


@dataclass(frozen=True, slots=True)
class _Plan:
    """When a source is due: on the loop's steady clock, or by the calendar."""

    schedule: str
    steady: float | None = None
    calendar: datetime | None = None


class Schedules:
    """Starts the syncs that are due, and those that are asked for, for as long as it runs.

    Intervals are counted on a steady clock. Of the machine's clock only cron asks: what falls due
    while the server is off, or in a leap of the clock, is made up for once.
    """

    def __init__(self, catalog: Catalog, start: Start, *, at_once: int) -> None:
        self._catalog = catalog
        self._start = start
        self._room = asyncio.Semaphore(at_once)
        self._plans: dict[Key, _Plan] = {}
        self._running: set[Key] = set()
        self._asked: deque[SyncRequest] = deque()
        self._wake = asyncio.Event()
        self._refused: dict[str, BedplateError] = {}
        self._rests: dict[Key, float] = {}
        self._started = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                due = [SyncRequest(*key) for key in await self._due()]
                while self._asked:
                    due.append(self._asked.popleft())
                for request in due:
                    self._started += 1
                    tasks.create_task(self._sync(request))
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await self._wake.wait()

    def ask(self, request: SyncRequest) -> None:
        """Let this sync be started soon; Unavailable when too many wait already."""
        if len(self._asked) + self._started >= MAX_ASKED:
            raise Unavailable("Too many syncs wait to be started: try again later.")
        self._asked.append(request)
        self._wake.set()

    def refusal(self, id: str) -> BedplateError | None:
        """Why the sync of that id, which was asked for, was never begun."""
        return self._refused.get(id)

    async def _due(self) -> list[Key]:
        try:
            states = await self._catalog.sources.list(None)
        except BedplateError as error:
            logger.warning("schedules not read", extra={"code": error.code, "error": error.message})
            return []
        due: list[Key] = []
        known = {(each.spec.tenant, each.spec.name): each for each in states}
        self._plans = {key: plan for key, plan in self._plans.items() if key in known}
        now = asyncio.get_running_loop().time()
        self._rests = {key: until for key, until in self._rests.items() if until > now}
        for key, state in known.items():
            schedule = state.spec.schedule
            if schedule is None or key in self._running:
                self._plans.pop(key, None)
                continue
            plan = self._plans.get(key)
            # A calendar is looked at anew each time: the clock may have been set back.
            if plan is None or plan.schedule != schedule or plan.calendar is not None:
                plan = _plan(state, schedule)
            self._plans[key] = plan
            if _is_due(plan) and key not in self._rests:
                due.append(key)
        return due

    async def _sync(self, request: SyncRequest) -> None:
        key = (request.tenant, request.name)
        self._running.add(key)
        try:
            async with self._room:
                await self._start(request)
        except BedplateError as error:
            self._refuse(request.id, error)
            self._rests[key] = asyncio.get_running_loop().time() + REST_SECONDS
            level = logging.INFO if isinstance(error, Conflict) else logging.WARNING
            facts = {"source": request.name, "code": error.code, "error": error.message}
            logger.log(level, "sync failed", extra=facts)
        except Exception:
            # The last resort: one source must not end the server.
            logger.exception("sync failed unexpectedly", extra={"source": request.name})
        finally:
            self._started -= 1
            self._running.discard(key)

    def _refuse(self, id: str, error: BedplateError) -> None:
        self._refused[id] = error
        if len(self._refused) > MAX_ASKED:
            del self._refused[next(iter(self._refused))]


def _plan(state: SourceState, schedule: str) -> _Plan:
    now = datetime.now(UTC)
    last = state.last.started_at if state.last else None
    interval = read_interval(schedule)
    if interval is None:
        return _Plan(schedule, calendar=next_time(schedule, min(last or state.created_at, now)))
    since = now - last if last else interval
    # A clock that was set back must not put the sync off for longer than the interval.
    wait = max(timedelta(), interval - max(timedelta(), since))
    return _Plan(schedule, steady=asyncio.get_running_loop().time() + wait.total_seconds())


def _is_due(plan: _Plan) -> bool:
    if plan.steady is not None:
        return asyncio.get_running_loop().time() >= plan.steady
    if plan.calendar is None:
        return False
    return datetime.now(UTC) >= plan.calendar
