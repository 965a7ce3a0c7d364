"""When scheduled syncs are started, and under which names, so that several processes start each once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedplate.domain.ids import DEFAULT_TENANT, TenantId, new_id
from bedplate.domain.sources import SourceSpec, Sync
from bedplate.durable.protocol import Job, State, WorkId
from bedplate.errors import Busy, InvalidInput
from bedplate.ingest.schedule import Schedules, read_interval
from bedplate.ingest.sync import SyncRequest
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog

EVERY_MINUTE = "* * * * *"


@dataclass
class Started:
    """Jobs that are in `state` as soon as they are started, under the keys of `keys`."""

    state: State = State.RUNNING
    keys: list[str] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    full: bool = False

    async def start(self, request: SyncRequest, key: str) -> Job:
        if self.full:
            raise Busy("The queue is full.")
        self.keys.append(key)
        return Job(WorkId(key), request.tenant, "sync", "sync", self.state, datetime.now(UTC))

    async def are_active(self, tenant: TenantId, names: set[str]) -> set[str]:
        return names & self.active


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    async with CATALOGS.load("sqlite")(tmp_path / "catalog.db") as opened:
        yield opened


async def add(catalog: Catalog, schedule: str) -> None:
    await catalog.sources.add(SourceSpec(DEFAULT_TENANT, "s", "c", "folder", {}, schedule))


async def synced(catalog: Catalog, ago: timedelta, id: str | None = None) -> str:
    """A sync of the source that was; its id."""
    claim, _ = await catalog.source_leases.take(DEFAULT_TENANT, "s", new_id(), over=None)
    then = datetime.now(UTC) - ago
    sync = Sync(id or new_id(), then, status="done", ended_at=then)
    await catalog.source_leases.record(claim, sync)
    await catalog.source_leases.release(claim)
    return sync.id


@pytest.mark.parametrize("schedule", ["10m", EVERY_MINUTE])
async def test_every_process_gives_a_turn_the_same_name(catalog: Catalog, schedule: str) -> None:
    await add(catalog, schedule)
    await synced(catalog, timedelta(hours=3))
    started = Started()
    for _ in range(3):
        await Schedules(catalog, started).start_due()
    # The minute may end meanwhile.
    assert len(started.keys) == 3
    assert len(set(started.keys)) <= (1 if schedule == "10m" else 2)


async def test_an_interval_s_turn_follows_the_last_sync(catalog: Catalog) -> None:
    await add(catalog, "10m")
    started = Started(State.SUCCEEDED)
    schedules = Schedules(catalog, started)
    await schedules.start_due()
    assert len(started.keys) == 1
    assert started.keys[0].startswith("after-2")
    late = await synced(catalog, timedelta(minutes=11))
    await schedules.start_due()
    assert started.keys[1:] == [f"after-{late}"]
    await synced(catalog, timedelta(minutes=9))
    await schedules.start_due()
    assert len(started.keys) == 2


async def test_a_turn_that_succeeded_is_not_given_again(catalog: Catalog) -> None:
    """As when the clock of the process that ran it was behind."""
    await add(catalog, "0 0 1 1 *")
    await synced(catalog, timedelta(days=800))
    started = Started(State.SUCCEEDED)
    schedules = Schedules(catalog, started)
    for _ in range(3):
        await schedules.start_due()
    assert [key[:3] for key in started.keys] == ["at-"]


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.ABANDONED])
async def test_after_a_job_that_did_not_begin_the_source_rests(
    catalog: Catalog, state: State
) -> None:
    await add(catalog, "10m")
    started = Started(state)
    schedules = Schedules(catalog, started)
    for _ in range(3):
        await schedules.start_due()
    (first,) = started.keys
    # Another process, which does not rest, comes to the next name only after the first one.
    other = Schedules(catalog, started)
    await other.start_due()
    assert started.keys == [first, first]


async def test_a_source_with_a_job_under_way_is_left_alone(catalog: Catalog) -> None:
    await add(catalog, "10m")
    started = Started(active={"s"})
    schedules = Schedules(catalog, started)
    await schedules.start_due()
    assert started.keys == []
    started.active.clear()
    started.full = True
    await schedules.start_due()
    started.full = False
    await Schedules(catalog, started).start_due()
    assert len(started.keys) == 1


async def test_a_cron_turn_is_due_once_its_moment_has_passed_since_the_last_sync(
    catalog: Catalog,
) -> None:
    await add(catalog, "0 0 1 1 *")
    started = Started()
    await Schedules(catalog, started).start_due()
    assert started.keys == []
    await synced(catalog, timedelta(days=800))
    await Schedules(catalog, started).start_due()
    assert started.keys == [f"at-{datetime.now(UTC):%Y}0101T0000Z"]


async def test_a_clock_that_was_set_back_gives_no_turn_twice(catalog: Catalog) -> None:
    await add(catalog, "0 0 1 1 *")
    await synced(catalog, timedelta(days=-900))
    started = Started()
    schedules = Schedules(catalog, started)
    for _ in range(2):
        await schedules.start_due()
    assert started.keys == []


async def test_an_interval_goes_on_after_a_clock_was_set_back(catalog: Catalog) -> None:
    await add(catalog, "10m")
    ahead = await synced(catalog, timedelta(hours=-5), "ffffffff-0000-7000-8000-000000000000")
    now = await synced(catalog, timedelta(minutes=11), "0198f000-0000-7000-8000-000000000000")
    started = Started()
    await Schedules(catalog, started).start_due()
    assert ahead > now
    assert started.keys == [f"after-{now}"]


@pytest.mark.parametrize(
    ("schedule", "why"),
    [("0 0 30 2 *", "never comes"), ("0 0 31 4 *", "never comes"), ("R R * * *", "random"),
     ("* * * *", "is none"), ("5s", "too short")],
)  # fmt: skip
def test_a_schedule_that_cannot_be_kept_is_refused(schedule: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_interval(schedule)


async def test_a_kept_schedule_that_never_comes_holds_up_no_other(catalog: Catalog) -> None:
    await catalog.sources.add(SourceSpec(DEFAULT_TENANT, "a", "c", "folder", {}, "0 0 30 2 *"))
    await add(catalog, "10m")
    await synced(catalog, timedelta(hours=3))
    started = Started()
    await Schedules(catalog, started).start_due()
    assert len(started.keys) == 1
