"""When pushed documents are indexed, and under which names, so that several processes start each once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.test_schedules import Started

from bedplate.domain.ids import DEFAULT_TENANT, new_id
from bedplate.domain.pushes import Push, PushLimits
from bedplate.domain.sources import SourceSpec, Sync, SyncStatus
from bedplate.durable.protocol import State
from bedplate.ingest.push_syncs import PushSyncs
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog

LIMITS = PushLimits(documents=100, waiting=100, waiting_bytes=1_000)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    async with CATALOGS.load("sqlite")(tmp_path / "catalog.db") as opened:
        await opened.sources.add(SourceSpec(DEFAULT_TENANT, "s", "c", "push", {}))
        yield opened


def syncs(
    catalog: Catalog, started: Started, *, quiet: float = 0.0, longest: float = 60
) -> PushSyncs:
    return PushSyncs(catalog, started, quiet_seconds=quiet, longest_seconds=longest)


async def put(catalog: Catalog, key: str) -> None:
    push = Push(key, new_id(), b"text")
    await catalog.pushes.put(DEFAULT_TENANT, "s", push, LIMITS)


async def synced(catalog: Catalog, status: SyncStatus) -> str:
    """A sync of the source that was, and left all as it is; its id."""
    claim, _ = await catalog.source_leases.take(DEFAULT_TENANT, "s", new_id(), over=None)
    state = await catalog.sources.get(DEFAULT_TENANT, "s")
    sync = Sync(new_id(), state.created_at, status=status, ended_at=state.created_at)
    await catalog.source_leases.record(claim, sync)
    await catalog.source_leases.release(claim)
    return sync.id


async def test_every_process_gives_a_turn_the_same_name(catalog: Catalog) -> None:
    started = Started()
    await syncs(catalog, started).start_due()
    assert started.keys == []
    await put(catalog, "a")
    for _ in range(3):
        await syncs(catalog, started).start_due()
    assert started.keys == ["push-1-first"] * 3
    last = await synced(catalog, "failed")
    await put(catalog, "b")
    await syncs(catalog, started).start_due()
    assert started.keys[3:] == [f"push-2-{last}"]


async def test_it_waits_for_the_last_of_several_but_not_for_ever(catalog: Catalog) -> None:
    started = Started()
    patient = syncs(catalog, started, quiet=60)
    hasty = syncs(catalog, started, quiet=60, longest=0.05)
    await put(catalog, "a")
    for each in (patient, hasty):
        await each.start_due()
    await asyncio.sleep(0.06)
    await put(catalog, "b")
    await patient.start_due()
    assert started.keys == []
    await hasty.start_due()
    assert started.keys == ["push-2-first"]


async def test_a_source_with_a_job_under_way_is_left_alone(catalog: Catalog) -> None:
    started = Started(active={"s"})
    await put(catalog, "a")
    await syncs(catalog, started).start_due()
    assert started.keys == []


@pytest.mark.parametrize("status", ["failed", "partly"])
async def test_what_a_sync_left_rests_before_it_is_tried_again(
    catalog: Catalog, status: SyncStatus
) -> None:
    started = Started()
    loop = syncs(catalog, started)
    await put(catalog, "a")
    await loop.start_due()
    assert len(started.keys) == 1
    await synced(catalog, status)
    for _ in range(3):
        await loop.start_due()
    assert len(started.keys) == 1


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_after_a_job_that_did_not_begin_the_source_rests(
    catalog: Catalog, state: State
) -> None:
    started = Started(state)
    loop = syncs(catalog, started)
    await put(catalog, "a")
    for _ in range(3):
        await loop.start_due()
    assert started.keys == ["push-1-first"]


async def test_a_queue_that_is_full_is_tried_later(catalog: Catalog) -> None:
    started = Started(full=True)
    loop = syncs(catalog, started)
    await put(catalog, "a")
    await loop.start_due()
    started.full = False
    await loop.start_due()
    assert started.keys == []
