"""kill -9 of `bedplate serve` in the middle of uploads: the next one finishes them."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.fixtures.process import ServerProcess

from bedplate.jobs import UPLOADS_FOLDER
from bedplate.storage import CATALOG_FILE

pytestmark = pytest.mark.slow

SECONDS = 60
ROWS = 600
TOML = """
[embedder]
use = "hashing"
[ingest]
batch_chunks = 16
[data]
dir = "data"
"""


def call(server: ServerProcess, method: str, path: str, body: bytes | None = None) -> Any:
    request = Request(
        server.url + path, data=body, method=method, headers={"Content-Type": "application/jsonl"}
    )
    with urlopen(request, timeout=SECONDS) as response:
        return json.loads(response.read())


def upload(server: ServerProcess, name: str, edition: str) -> str:
    rows = [
        json.dumps({"id": f"{name}-{row}", "text": f"Edition {edition} of code{row}x."})
        for row in range(ROWS)
    ]
    path = f"/api/collections/shop/documents?name={name}.jsonl&background=true"
    return call(server, "POST", path, "\n".join(rows).encode())["job"]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def texts(folder: Path) -> list[tuple[str, str]]:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        return db.execute(
            "SELECT d.document_id, c.text FROM document d JOIN chunk c ON c.document = d.id"
            " JOIN vector v ON v.rowid = c.rowid"
        ).fetchall()


def test_killed_uploads_are_finished_with_nothing_lost_or_doubled(
    start_server: Callable[[str], ServerProcess], tmp_path: Path
) -> None:
    server = start_server(TOML)
    jobs = [upload(server, name, edition) for name, edition in (("a", "1"), ("b", "1"), ("a", "2"))]
    for least in (1, ROWS + 1):
        until(lambda most=least: len(texts(tmp_path)) >= most)
        server.kill()
        assert len(texts(tmp_path)) < 2 * ROWS
        server = start_server(TOML)

    def ended() -> bool:
        return all(call(server, "GET", f"/api/jobs/{id}")["state"] == "succeeded" for id in jobs)

    until(ended)
    expected = {
        f"{name}-{row}": edition
        for name, edition in (("a", "2"), ("b", "1"))
        for row in range(ROWS)
    }
    found = texts(tmp_path)
    assert len(found) == len(expected)
    assert {id: text.split()[1] for id, text in found} == expected
    results = [call(server, "GET", f"/api/jobs/{id}")["result"]["documents"] for id in jobs]
    assert [each["added"] + each["unchanged"] for each in results[:2]] == [ROWS, ROWS]
    assert [each["failed"] for each in results] == [0, 0, 0]
    files = (tmp_path / "data" / UPLOADS_FOLDER).rglob("*")
    assert not [file for file in files if file.is_file()]
