"""kill -9 of `bedplate serve` after documents were pushed: none that was accepted is lost."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.fixtures.process import ServerProcess

from bedplate.app import CATALOG_FILE

pytestmark = pytest.mark.slow

SECONDS = 60
DOCUMENTS = 60
TOML = """
[embedder]
use = "hashing"
[ingest]
batch_chunks = 4
[sync]
batch_items = 4
lease_seconds = 1.0
[push]
quiet_seconds = 0.2
[data]
dir = "data"
"""


def call(server: ServerProcess, method: str, path: str, body: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/json" if method == "POST" else "text/plain"}
    request = Request(server.url + path, data=body, method=method, headers=headers)
    with urlopen(request, timeout=SECONDS) as response:
        return json.loads(response.read())


def push(server: ServerProcess, number: int, edition: str) -> bool:
    text = f"Edition {edition} of code{number}x."
    path = f"/api/sources/feed/documents/n{number}.txt"
    return call(server, "PUT", path, text.encode())["changed"]


def texts(folder: Path) -> dict[str, str]:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        rows = db.execute(
            "SELECT d.document_id, c.text FROM document d JOIN chunk c ON c.document = d.id"
            " JOIN vector v ON v.rowid = c.rowid"
        ).fetchall()
    assert len(rows) == len(dict(rows))
    return {id: text.split()[1] for id, text in rows}


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def state(server: ServerProcess, number: int) -> str:
    try:
        return call(server, "GET", f"/api/sources/feed/documents/n{number}.txt")["state"]
    except HTTPError as error:
        return "forgotten" if error.code == 404 else str(error)


def test_killed_after_pushes_nothing_accepted_is_lost(
    start_server: Callable[[str], ServerProcess], tmp_path: Path
) -> None:
    server = start_server(TOML)
    feed = {"name": "feed", "collection": "c", "kind": "push"}
    call(server, "POST", "/api/sources", json.dumps(feed).encode())
    for number in range(DOCUMENTS):
        assert push(server, number, "1")
    until(lambda: len(texts(tmp_path)) > 3)
    for number in range(0, DOCUMENTS, 2):
        assert push(server, number, "2")
    call(server, "DELETE", "/api/sources/feed/documents/n1.txt")
    server.kill()
    server = start_server(TOML)

    expected = {f"feed/n{n}.txt": "1" if n % 2 else "2" for n in range(DOCUMENTS) if n != 1}
    until(lambda: texts(tmp_path) == expected)
    until(lambda: {state(server, n) for n in range(DOCUMENTS)} == {"indexed", "forgotten"})
    assert state(server, 1) == "forgotten"
    assert not push(server, 0, "2")
