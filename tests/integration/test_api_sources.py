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
from bedplate.ingest.schedule import Schedules, last_time, read_interval
from bedplate.state.sources import SourceLeases


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    settings = {"work": True, "sync__allow_local": True}
    async with serving(tmp_path, **settings) as served, scheduling(served.app):
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


async def started(served: Served, options: dict[str, Any], **more: Any) -> Any:
    reply = await served.post("/api/sources/docs/syncs", options, **more)
    assert reply.status == 202
    return reply.json


async def synced(served: Served, **options: Any) -> dict[str, Any]:
    """Start a sync and follow its job to the end: what it came to."""
    accepted = await started(served, options)
    assert (await followed(served, accepted["job"]))[-1][2]["state"] in ("succeeded", "failed")
    return (await served.get(f"/api/sources/docs/syncs/{accepted['id']}")).json


async def followed(
    served: Served, job: str, **options: Any
) -> list[tuple[str, int | None, dict[str, Any]]]:
    """The events of a job until its end: name, id and data."""
    reply = await served.get(f"/api/jobs/{job}/events", **options)
    assert (reply.status, reply.headers["Content-Type"].partition(";")[0]) == (
        200, "text/event-stream",
    )  # fmt: skip
    found: list[tuple[str, int | None, dict[str, Any]]] = []
    for event in reply.events:
        fields = dict(line.split(": ", 1) for line in event.decode().split("\n"))
        id = int(fields["id"]) if "id" in fields else None
        found.append((fields["event"], id, json.loads(fields["data"])))
    return found


async def test_a_folder_is_set_up_without_the_servers_own_data(
    served: Served, files: Path, tmp_path: Path
) -> None:
    own = Path(served.app.config.data.dir)
    assert own.is_relative_to(tmp_path)
    added = await served.post("/api/sources", body(tmp_path))
    assert added.status == 201
    assert (await synced(served))["items"]["listed"] == 2
    assert added.json["options"]["exclude"] == [str(own.relative_to(tmp_path))]
    for folder in (own, own / "below"):
        refused = await served.post("/api/sources", {**body(folder), "name": "own"})
        assert (refused.status, refused.error["param"]) == (400, "options")
        assert "own data" in refused.error["message"]


async def test_a_source_is_added_synced_shown_and_removed(served: Served, files: Path) -> None:
    added = await served.post("/api/sources", body(files, schedule="0 3 1 1 *"))
    assert (added.status, added.json["last_sync"]) == (201, None)
    last = await synced(served)
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
    assert (await synced(served))["status"] == "partly"
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
    held = await synced(served)
    assert (held["status"], held["items"]["held"]) == ("held", 2)
    allowed = await synced(served, allow_shrink=True)
    assert (allowed["status"], allowed["documents"]["deleted"]) == ("done", 2)


async def test_a_sync_that_cannot_begin_says_why(served: Served, files: Path) -> None:
    away = str(files.with_name("away"))
    refused = await served.post("/api/sources", body(files, options={"path": away}))
    assert (refused.status, refused.error["code"]) == (503, "unavailable")
    await served.post("/api/sources", body(files, options={"path": away}, check=False))
    last = await synced(served)
    assert last["status"] == "failed"
    assert "cannot be listed" in last["error"]
    assert (await served.get("/api/sources/docs/syncs/none")).status == 404


async def test_a_sync_of_a_source_that_another_process_syncs_fails(
    served: Served, files: Path
) -> None:
    await served.post("/api/sources", body(files))
    leases = served.app.catalog.source_leases
    claim, _ = await leases.take(DEFAULT_TENANT, "docs", "other", over=None)
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(beat(leases, claim))
        accepted = await started(served, {})
        last = (await followed(served, accepted["job"]))[-1][2]
        beating.cancel()
    assert (last["state"], last["failure"]["code"]) == ("failed", "conflict")
    assert (await served.get(f"/api/sources/docs/syncs/{accepted['id']}")).status == 404


async def test_under_one_key_a_sync_is_started_once(served: Served, files: Path) -> None:
    await served.post("/api/sources", body(files))
    await served.post("/api/sources", body(files, name="other", collection="d"))
    key = {"headers": {"Idempotency-Key": "monday / 1"}}
    first = await started(served, {}, **key)
    await followed(served, first["job"])
    assert await started(served, {}, **key) == first
    assert len((await served.get("/api/sources/docs/syncs")).json["syncs"]) == 1
    other = await served.post("/api/sources/docs/syncs", {"afresh": True}, **key)
    assert (other.status, other.error["code"]) == (409, "conflict")
    elsewhere = await served.post("/api/sources/other/syncs", {}, **key)
    assert (elsewhere.status, elsewhere.json["job"] != first["job"]) == (202, True)


async def test_a_job_is_followed_from_any_event_on(served: Served, files: Path) -> None:
    await served.post("/api/sources", body(files))
    job = (await started(served, {}))["job"]
    events = await followed(served, job)
    assert (events[0][0], events[-1][0], events[-1][2]["state"]) == ("job", "job", "succeeded")
    assert events[-1][2]["result"]["counts"]["added"] == 2
    progress = events[1:-1]
    assert [(name, id) for name, id, _ in progress] == [
        ("progress", number) for number in range(len(progress))
    ]
    assert progress[0][2]["phase"] == "list"
    later = await followed(served, job, headers={"Last-Event-ID": "0"})
    assert later == [events[-1], *progress[1:], events[-1]]
    shown = (await served.get(f"/api/jobs/{job}")).json
    assert (shown["work"], shown["argument"]["name"]) == ("sync", "docs")
    listed = (await served.get("/api/jobs?state=succeeded")).json["jobs"]
    assert [each["id"] for each in listed] == [job]
    assert (await served.get("/api/jobs?state=running")).json == {"jobs": []}
    assert (await served.get("/api/jobs/none/events")).status == 404


async def test_a_job_that_is_cancelled_stops_until_it_is_resumed(
    served: Served, files: Path
) -> None:
    await served.post("/api/sources", body(files))
    # The sync waits for the dead one's lease.
    leases = served.app.catalog.source_leases
    await leases.take(DEFAULT_TENANT, "docs", "dead", over=None)
    job = (await started(served, {}))["job"]
    cancelled = await served.post(f"/api/jobs/{job}/cancel", None)
    assert cancelled.json["state"] == "cancelled"
    assert (await followed(served, job))[-1][2]["state"] == "cancelled"
    resumed = await served.post(f"/api/jobs/{job}/resume", None)
    assert resumed.json["state"] == "waiting"


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


async def test_what_leads_inwards_is_refused_over_http(tmp_path: Path, files: Path) -> None:
    async with serving(tmp_path) as served:
        folder = await served.post("/api/sources", body(files))
        assert (folder.status, folder.error["param"]) == (400, "options")
        web = body(
            files,
            kind="web",
            options={"urls": ["https://e.com"], "headers": {"x": {"env": "PATH"}}},
        )
        secret = await served.post("/api/sources", web)
        assert (secret.status, "sync.allow_references" in secret.error["message"]) == (400, True)
        assert (await served.get("/api/sources")).json == {"sources": []}
        refused = await served.get("/api/jobs")
        assert (refused.status, "bedplate serve" in refused.error["message"]) == (503, True)


async def test_a_source_that_is_due_is_synced_by_itself(served: Served, files: Path) -> None:
    await served.app.sources.add(
        SourceSpec(DEFAULT_TENANT, "docs", "c", "folder", {"path": str(files)}, "10m")
    )
    async with asyncio.timeout(20):
        while (state := await served.app.sources.get(DEFAULT_TENANT, "docs")).items != {"done": 2}:  # noqa: ASYNC110 - it starts by itself
            await asyncio.sleep(0.05)
    assert state.spec.schedule == "10m"


async def test_several_processes_start_a_sync_that_is_due_once(served: Served, files: Path) -> None:
    app = served.app
    assert app.syncs is not None
    assert app.jobs is not None
    await app.sources.add(
        SourceSpec(DEFAULT_TENANT, "docs", "c", "folder", {"path": str(files)}, "10m")
    )
    async with asyncio.TaskGroup() as tasks:
        others = [tasks.create_task(Schedules(app.catalog, app.syncs).run()) for _ in range(3)]
        async with asyncio.timeout(20):
            while not (await app.sources.get(DEFAULT_TENANT, "docs")).last:  # noqa: ASYNC110 - it starts by itself
                await asyncio.sleep(0.05)
        for each in others:
            each.cancel()
    assert len(await app.jobs.list(DEFAULT_TENANT)) == 1


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
    now = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    assert last_time("0 3 * * *", now) == now
    assert last_time("0 3 * * *", now - timedelta(minutes=1)) == now - timedelta(days=1)
