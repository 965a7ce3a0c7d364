"""When sources are synced: at intervals such as "15m", or by a cron expression in UTC."""

import asyncio
import logging
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from croniter import CroniterError, croniter

from bedplate.domain.ids import TenantId
from bedplate.domain.sources import SourceState
from bedplate.durable.again import again
from bedplate.durable.protocol import State
from bedplate.errors import BedplateError, InvalidInput
from bedplate.ingest.sync import SyncRequest
from bedplate.ingest.sync_work import SyncJobs
from bedplate.state.protocol import Catalog

logger = logging.getLogger(__name__)

TICK_SECONDS = 5.0
LEAST_SECONDS = 10
REST_SECONDS = 60.0
LONG_REST_SECONDS = 3_600.0
"""How long a source is left alone whose sync failed before it began, or was cancelled then."""

_INTERVAL = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_RANDOM = re.compile(r"(?:^|[\s,])[rh](?:[(/\s,]|$)", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

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
    if _RANDOM.search(schedule):
        raise InvalidInput(
            f"The schedule {schedule!r} has random fields: give numbers, names or '*'.",
            param="schedule",
        )
    try:
        last_time(schedule, datetime.now(UTC))
    except CroniterError as error:
        raise InvalidInput(
            f"The schedule {schedule!r} names a day that never comes.", param="schedule"
        ) from error
    return None


def last_time(schedule: str, now: datetime) -> datetime:
    """The last moment of a cron expression that is not after `now`."""
    # The moment itself counts, and the iterator gives only what lies before.
    return croniter(schedule, now + timedelta(microseconds=1)).get_prev(datetime)


@dataclass(frozen=True, slots=True)
class _Plan:
    """When a source is due on the loop's steady clock, `after` its last sync.

    `slot` is the moment of a cron expression that has been seen to.
    """

    schedule: str
    after: str
    steady: float = 0.0
    slot: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The job that a source's turn was given; further ones are for those that failed to begin."""

    turn: str
    number: int = 1
    rest: float = 0.0
    settled: bool = False

    @property
    def key(self) -> str:
        return self.turn if self.number == 1 else f"{self.turn}-{self.number}"


class Schedules:
    """Starts the syncs that are due, for as long as it runs; any number of processes may.

    Each turn has a name that every process comes to by itself, from the catalog: the sync it comes
    after, or the moment of the cron expression. A name is started once. Intervals are counted on a
    steady clock; of the machine's clock only cron asks. What falls due while no server runs is made
    up for once.
    """

    def __init__(self, catalog: Catalog, jobs: SyncJobs) -> None:
        self._catalog = catalog
        self._jobs = jobs
        self._plans: dict[Key, _Plan] = {}
        self._attempts: dict[Key, _Attempt] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        await again("schedules", self.start_due, TICK_SECONDS)

    async def start_due(self) -> None:
        """Start the syncs that are due now."""
        for state, turn in await self._due():
            await self._start(state, turn)

    async def _due(self) -> list[tuple[SourceState, str]]:
        """Sources that are due and have no job under way, with the names of their turns."""
        known = {
            (each.spec.tenant, each.spec.name): each
            for each in await self._catalog.sources.list(None)
            if each.spec.schedule is not None
        }
        self._plans = {key: plan for key, plan in self._plans.items() if key in known}
        self._attempts = {key: each for key, each in self._attempts.items() if key in known}
        due: dict[Key, str] = {}
        for key, state in known.items():
            try:
                turn = self._turn(key, state)
            except (BedplateError, CroniterError) as error:
                # One that was kept before it was checked so holds up no other.
                facts = {"source": state.spec.name, "error": str(error)}
                logger.warning("schedule not understood", extra=facts)
                continue
            if turn is not None:
                due[key] = turn
        for tenant in {tenant for tenant, _ in due}:
            names = {name for of, name in due if of == tenant}
            for name in await self._jobs.are_active(tenant, names):
                del due[tenant, name]
        return [(known[key], turn) for key, turn in due.items()]

    def _turn(self, key: Key, state: SourceState) -> str | None:
        """The turn that is due now."""
        schedule = state.spec.schedule or ""
        after = state.last.id if state.last else f"{state.created_at:%Y%m%dT%H%M%S.%f}"
        interval = read_interval(schedule)
        plan = self._plans.get(key)
        if plan is not None and plan.schedule != schedule:
            plan = None
        if interval is None:
            return self._slot(key, state, plan)
        if plan is None or plan.after != after:
            plan = self._plans[key] = _Plan(schedule, after, _steady(state, interval))
        return f"after-{after}" if asyncio.get_running_loop().time() >= plan.steady else None

    def _slot(self, key: Key, state: SourceState, plan: _Plan | None) -> str | None:
        schedule, now = state.spec.schedule or "", datetime.now(UTC)
        slot = last_time(schedule, now)
        seen = plan.slot if plan and plan.slot else slot
        self._plans[key] = _Plan(schedule, "", slot=slot)
        last = state.last.started_at if state.last else state.created_at
        # Of a clock that was set back only the moments count that pass from now on.
        due = slot > last if last <= now else slot > seen
        return f"at-{slot:%Y%m%dT%H%MZ}" if due else None

    async def _start(self, state: SourceState, turn: str) -> None:
        key = (state.spec.tenant, state.spec.name)
        attempt = self._attempts.get(key)
        if attempt is None or attempt.turn != turn:
            attempt = _Attempt(turn)
        clock = asyncio.get_running_loop().time
        if attempt.settled or attempt.rest > clock():
            return
        try:
            job = await self._jobs.start(SyncRequest(*key), attempt.key)
        except BedplateError as error:
            facts = {"source": state.spec.name, "code": error.code, "error": error.message}
            logger.warning("sync not started", extra=facts)
            self._attempts[key] = replace(attempt, rest=clock() + REST_SECONDS)
            return
        if not job.state.ended:
            self._attempts[key] = attempt
        elif job.state is State.SUCCEEDED:
            self._attempts[key] = replace(attempt, settled=True)
        else:
            # Had it begun, the source would have another turn, unless that is told at the next look.
            rest = REST_SECONDS if job.state is State.FAILED else LONG_REST_SECONDS
            number = attempt.number + 1
            self._attempts[key] = replace(attempt, number=number, rest=clock() + rest)


def _steady(state: SourceState, interval: timedelta) -> float:
    since = datetime.now(UTC) - state.last.started_at if state.last else interval
    # A clock that was set back must not put the sync off for longer than the interval.
    wait = max(timedelta(), interval - max(timedelta(), since))
    return asyncio.get_running_loop().time() + wait.total_seconds()
