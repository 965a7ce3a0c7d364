"""/api/sources over a real socket, with the schedules running as in `bedplate serve`."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import Served, serving

from bedplate.api.server import scheduling
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.sources import Claim, SourceSpec
from bedplate.errors import InvalidInput
from bedplate.ingest.schedule import next_time, read_interval
from bedplate.state.sources import SourceLeases


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    async with serving(tmp_path) as served, scheduling(served.app):
        yield served


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nCode {name}7x.")
    return folder


def body(files: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": "docs", "collection": "c", "kind": "folder", "options": {"path": str(files)}, **more,
    }  # fmt: skip


async def synced(served: Served, **options: Any) -> list[dict[str, Any]]:
    """Start a sync and follow it to its end: what the events said."""
    started = await served.post("/api/sources/docs/syncs", options)
    assert started.status == 202
    reply = await served.get(f"/api/sources/docs/syncs/{started.json['id']}/events")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    found = [event.partition(b"\ndata: ") for event in reply.events]
    assert {name for name, _, _ in found} == {b"event: sync"}
    return [json.loads(data) for _, _, data in found]


async def test_a_source_is_added_synced_shown_and_removed(served: Served, files: Path) -> None:
    added = await served.post("/api/sources", body(files, schedule="0 3 1 1 *"))
    assert (added.status, added.json["last_sync"]) == (201, None)
    last = (await synced(served))[-1]
    assert (last["status"], last["items"]["new"], last["documents"]["added"]) == ("done", 2, 2)
    shown = await served.get("/api/sources/docs")
    assert shown.json["items"] == {"done": 2}
    assert shown.json["last_sync"] == last
    listed = await served.get("/api/sources")
    assert [each["name"] for each in listed.json["sources"]] == ["docs"]
    syncs = await served.get("/api/sources/docs/syncs")
    assert syncs.json["syncs"][0] == last
    removed = await served.request("DELETE", "/api/sources/docs")
    assert removed.json == {"name": "docs", "deleted": 2}
    assert (await served.get("/api/sources/docs")).status == 404


async def test_what_failed_is_listed_and_put_back(served: Served, files: Path) -> None:
    (files / "bad.md").write_bytes(b"\x00\x01\x02" * 50)
    await served.post("/api/sources", body(files))
    assert (await synced(served))[-1]["status"] == "partly"
    failures = (await served.get("/api/sources/docs/failures")).json
    assert [(each["key"], each["code"]) for each in failures["failures"]] == [("bad.md", "binary")]
    assert (failures["has_more"], failures["after"]) == (False, "bad.md")
    assert (await served.post("/api/sources/docs/retry", {})).json == {"items": 1}


async def test_deletions_that_are_not_believed_are_held_until_allowed(
    served: Served, files: Path
) -> None:
    await served.post("/api/sources", body(files))
    await synced(served)
    for name in ("one", "two"):
        (files / f"{name}.md").unlink()
    held = (await synced(served))[-1]
    assert (held["status"], held["items"]["held"]) == ("held", 2)
    allowed = (await synced(served, allow_shrink=True))[-1]
    assert (allowed["status"], allowed["documents"]["deleted"]) == ("done", 2)


async def test_a_sync_that_cannot_begin_says_why(served: Served, files: Path) -> None:
    away = str(files.with_name("away"))
    refused = await served.post("/api/sources", body(files, options={"path": away}))
    assert (refused.status, refused.error["code"]) == (503, "unavailable")
    await served.post("/api/sources", body(files, options={"path": away}, check=False))
    last = (await synced(served))[-1]
    assert last["status"] == "failed"
    assert "cannot be listed" in last["error"]
    assert (await served.get("/api/sources/docs/syncs/none")).status == 404


async def test_a_sync_that_is_refused_is_told_to_whoever_follows_it(
    served: Served, files: Path
) -> None:
    await served.post("/api/sources", body(files))
    leases = served.app.catalog.source_leases
    claim, _ = await leases.take(DEFAULT_TENANT, "docs", "other", over=None)
    started = await served.post("/api/sources/docs/syncs", {})
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(beat(leases, claim))
        reply = await served.get(f"/api/sources/docs/syncs/{started.json['id']}/events")
        beating.cancel()
    assert (reply.status, reply.error["code"]) == (409, "conflict")


async def beat(leases: SourceLeases, claim: Claim) -> None:
    while True:
        await leases.beat(claim)
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"kind": "foldr"}, 400, "foldr"),
        ({"options": {"path": "/", "colour": 1}}, 400, "colour"),
        ({"schedule": "now and then"}, 400, "schedule"),
        ({"name": "a/b"}, 400, "a/b"),
        ({"extra": 1}, 400, "extra"),
    ],
)
async def test_what_cannot_be_a_source_is_refused(
    served: Served, files: Path, changes: dict[str, Any], status: int, word: str
) -> None:
    reply = await served.post("/api/sources", body(files, **changes))
    assert word in reply.error["message"]
    assert reply.status == status


async def test_a_source_that_is_due_is_synced_by_itself(served: Served, files: Path) -> None:
    await served.app.sources.add(
        SourceSpec(DEFAULT_TENANT, "docs", "c", "folder", {"path": str(files)}, "10s")
    )
    await served.post("/api/sources", body(files, name="other", collection="d"))
    # Any other call wakes the schedules at once.
    await served.post("/api/sources/other/syncs", {})
    async with asyncio.timeout(20):
        while (state := await served.app.sources.get(DEFAULT_TENANT, "docs")).items != {"done": 2}:  # noqa: ASYNC110 - it starts by itself
            await asyncio.sleep(0.05)
    assert state.spec.schedule == "10s"


async def test_the_schedule_can_be_changed_and_taken_away(served: Served, files: Path) -> None:
    await served.post("/api/sources", body(files))
    changed = await served.request("PATCH", "/api/sources/docs", json={"schedule": "0 3 * * *"})
    assert changed.json["schedule"] == "0 3 * * *"
    off = await served.request("PATCH", "/api/sources/docs", json={"schedule": None})
    assert off.json["schedule"] is None
    bad = await served.request("PATCH", "/api/sources/docs", json={"schedule": "1s"})
    assert (bad.status, bad.error["param"]) == (400, "schedule")


def test_schedules_are_intervals_or_cron() -> None:
    assert read_interval("15m") == timedelta(minutes=15)
    assert read_interval("1d") == timedelta(days=1)
    assert read_interval("*/5 * * * *") is None
    for wrong in ("", "5", "5s", "15 minutes", "* * * *", "61 * * * *", "* * * * * *", "@daily"):
        with pytest.raises(InvalidInput, match="schedule"):
            read_interval(wrong)


def test_cron_is_in_utc() -> None:
    now = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert next_time("0 3 * * *", now) == datetime(2026, 1, 3, 3, 0, tzinfo=UTC)
