"""When traces cannot be kept or sent: requests go on, memory stays bounded, and the log says so once."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
from tests.fixtures.serving import Served, serving

from bedplate import tracing
from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.sqlite.database import Database, open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate
from bedplate.traces.protocol import Traces
from bedplate.traces.store import SqlTraces

ROOM_PAGES = 6
LONG = " ".join(f"word{n}" for n in range(1_500))


async def allow(database: Database, more: int) -> None:
    """SQLite answers as on a full disk once the file has so many pages more."""

    def cap(db: apsw.Connection) -> None:
        pages = int(db.pragma("page_count"))
        db.execute(f"PRAGMA max_page_count = {pages + more}")

    await database.write(cap)


@pytest.fixture
async def crowded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Served, Database]]:
    """A server, and the file of its traces, which is nearly full."""
    files: list[Database] = []

    @asynccontextmanager
    async def opened(place: Path) -> AsyncGenerator[Traces]:
        async with open_database(place) as database:
            await migrate(database, "bedplate.traces", "migrations")
            await allow(database, ROOM_PAGES)
            files.append(database)
            yield SqlTraces(SqliteSessions(database))

    monkeypatch.setattr(tracing, "open_sqlite_traces", opened)
    async with serving(tmp_path, tracing__content="full") as served:
        yield served, files[0]


async def chat(served: Served, text: str) -> str:
    message = {"model": "default", "messages": [{"role": "user", "content": text}]}
    reply = await served.post("/v1/chat/completions", message)
    assert reply.status == 200, reply.body
    await served.app.tracing.recorder.flush()
    return reply.headers["x-request-id"]


async def test_requests_go_on_while_the_disk_is_full_and_traces_come_back_with_room(
    crowded: tuple[Served, Database], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    served, file = crowded
    recorder = served.app.tracing.recorder

    ids = [await chat(served, f"{number} {LONG} {number * 7}") for number in range(12)]

    assert 0 < recorder.lost <= 12
    assert recorder.waiting == 0
    said = [vars(each) for each in caplog.records if each.message == "traces are lost"]
    assert len(said) == 1
    assert "no room left" in said[0]["why"]
    lost = await served.get(f"/api/traces/{ids[-1]}")
    listed = await served.get("/api/traces")
    assert (lost.status, listed.status) == (404, 200)
    metrics = (await served.get("/metrics")).body
    assert f"bedplate_traces_lost {recorder.lost}.0".encode() in metrics

    await allow(file, 10_000)
    id = await chat(served, "Is there room again?")
    assert (await served.get(f"/api/traces/{id}")).status == 200


async def test_requests_neither_wait_for_an_export_that_is_down_nor_lose_their_own_traces(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    down = {"url": "http://127.0.0.1:9/v1/traces", "max_waiting_bytes": 3_000}
    async with serving(tmp_path, tracing__exports={"lab": down}) as served:
        ids = [await chat(served, f"Question {number}") for number in range(40)]
        kept = (await served.get("/api/traces?limit=200")).json["traces"]

    assert {line["id"] for line in kept} >= set(ids)
    said = [vars(each) for each in caplog.records if each.message == "traces are not exported"]
    assert said
    assert {each["export"] for each in said} == {"lab"}


async def test_spans_of_machines_whose_clocks_disagree_are_one_tree_that_begins_at_nought(
    tmp_path: Path,
) -> None:
    ahead = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with serving(tmp_path) as served:
        await served.app.tracing.kept.write(_skewed())
        shown = (await served.get("/api/traces/4bf92f3577b34da6a3ce929d0e0e4736")).json["steps"]
        again = await served.post(
            "/v1/chat/completions",
            {"model": "default", "messages": [{"role": "user", "content": "Hi"}]},
            headers={"traceparent": ahead},
        )
        listed = (await served.get("/api/traces")).json["traces"]
        series = (await served.get("/api/traces/series?points=3")).json

    (root,) = shown
    (inner,) = root["steps"]
    # A child that began before its parent, by its own clock, and ended in no time.
    assert (inner["start_ms"], root["start_ms"], inner["took_ms"]) == (0, 5_000, 0)
    assert again.status == 200
    assert listed[0]["id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert sum(point["requests"] for point in series["points"]) == series["total"]["requests"]


def _skewed() -> list[EndedTrace]:
    future = 4_000_000_000_000_000_000
    root = EndedSpan("a" * 16, None, "POST /x", "server", future, 1_000_000)
    inner = EndedSpan("b" * 16, "a" * 16, "x", "client", future - 5_000_000_000, 0)
    return [EndedTrace("4bf92f3577b34da6a3ce929d0e0e4736", (root, inner))]
