"""`bedplate serve` ends in the middle of a sync: started again, it finishes it by itself."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.fixtures.postgres import empty_database
from tests.fixtures.process import ServerProcess, start_process

from bedplate.ingest.schedule import TICK_SECONDS
from bedplate.storage import CATALOG_FILE

pytestmark = pytest.mark.slow

FILES = 200
SECONDS = 120
TOML = """
[embedder]
use = "hashing"
[ingest]
batch_chunks = 16
[sync]
batch_items = 1
lease_seconds = 1.0
allow_local = true
[data]
dir = "data"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for number in range(FILES):
        rows = [json.dumps({"id": f"{number}-{row}", "text": f"Code{number}x."}) for row in "abc"]
        (tmp_path / "docs" / f"{number:03}.jsonl").write_text("\n".join(rows))
    return tmp_path


def serve(stack: ExitStack, folder: Path, log: str, more: str = "") -> ServerProcess:
    server = start_process(folder, TOML + more, folder / log)
    stack.callback(server.kill)
    server.wait_until_ready()
    return server


def call(server: ServerProcess, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(server.url + path, data, headers), timeout=SECONDS) as reply:
        return json.load(reply)


def wait_for(condition: Callable[[], object], progress: Callable[[], object] = bool) -> None:
    """As long as it goes on: a slow machine is no stuck one."""
    deadline, last = time.monotonic() + SECONDS, progress()
    while not condition():
        if (now := progress()) != last:
            deadline, last = time.monotonic() + SECONDS, now
        assert time.monotonic() < deadline, f"nothing happened for {SECONDS} s, at {last}"
        time.sleep(0.05)


def count(folder: Path, table: str, where: str = "1") -> int:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        return db.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


def add(server: ServerProcess, folder: Path, **more: Any) -> None:
    options = {"path": str(folder / "docs")}
    source = {"name": "shop", "collection": "shop", "kind": "folder", "options": options, **more}
    call(server, "/api/sources", source)


def check(folder: Path) -> None:
    """Every document is there once, and whole."""
    assert count(folder, "document") == FILES * 3
    assert count(folder, "document", "chunks = 1") == FILES * 3
    assert count(folder, "chunk") == count(folder, "vector") == FILES * 3
    assert count(folder, "source_document") == FILES * 3
    assert count(folder, "source_item", "state <> 'done'") == 0


def test_a_server_that_was_killed_or_stopped_finishes_its_sync_when_it_is_started_again(
    folder: Path,
) -> None:
    with ExitStack() as stack:
        server = serve(stack, folder, "first.log")
        add(server, folder)
        accepted = call(server, "/api/sources/shop/syncs", {})
        for kept, log in ((1, "second.log"), (60, "third.log"), (150, "fourth.log")):
            wait_for(lambda least=kept: count(folder, "document") >= least)
            if kept == 150:
                server.terminate()
                assert server.wait() == 0
            server.kill()
            assert count(folder, "document") < FILES * 3
            server = serve(stack, folder, log)
        job = f"/api/jobs/{accepted['job']}"
        wait_for(
            lambda: call(server, job)["state"] not in ("waiting", "running"),
            progress=lambda: count(folder, "document"),
        )
        ended = call(server, job)
        assert (ended["state"], ended["failure"]) == ("succeeded", None)
        assert ended["result"]["counts"]["listed"] == FILES
        (sync,) = call(server, "/api/sources/shop/syncs")["syncs"]
        assert (sync["id"], sync["status"]) == (accepted["id"], "done")
    check(folder)


def test_of_two_servers_one_syncs_a_source_that_is_due(folder: Path) -> None:
    with ExitStack() as stack:
        servers = [serve(stack, folder, f"{name}.log") for name in "ab"]
        add(servers[0], folder, schedule="1h")
        wait_for(lambda: call(servers[0], "/api/jobs?state=succeeded")["jobs"])
        # Both have looked for what is due once more.
        time.sleep(TICK_SECONDS + 1)
        for server in servers:
            assert [job["state"] for job in call(server, "/api/jobs")["jobs"]] == ["succeeded"]
        (sync,) = call(servers[1], "/api/sources/shop/syncs")["syncs"]
        assert sync["status"] == "done"
    check(folder)


def test_with_postgresql_another_server_finishes_what_a_killed_one_began(folder: Path) -> None:
    def count_there(table: str) -> int:
        with psycopg.connect(address) as db:
            row = db.execute(f"SELECT count(*) FROM bedplate.{table}").fetchone()
            return row[0] if row else 0

    with ExitStack() as stack:
        address = stack.enter_context(empty_database())
        more = f'database = "{address}"\n[store]\nuse = "pgvector"\n[jobs]\ndead_seconds = 2.0\n'
        server = serve(stack, folder, "first.log", more)
        add(server, folder)
        job = f"/api/jobs/{call(server, '/api/sources/shop/syncs', {})['job']}"
        wait_for(lambda: count_there("document") > 0)
        server.kill()
        assert count_there("document") < FILES * 3
        server = serve(stack, folder, "second.log", more)
        wait_for(
            lambda: call(server, job)["state"] == "succeeded",
            progress=lambda: count_there("document"),
        )
        assert count_there("document") == count_there("chunk") == FILES * 3
