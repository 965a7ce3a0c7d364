"""kill -9 of `bedplate serve` after documents were pushed: none that was accepted is lost."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.fixtures.postgres import empty_database
from tests.fixtures.process import ServerProcess

from bedplate.storage import CATALOG_FILE

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
WITH_POSTGRES = """database = "{}"
[store]
use = "pgvector"
[jobs]
dead_seconds = 2.0
"""

Texts = Callable[[], dict[str, str]]


def call(server: ServerProcess, method: str, path: str, body: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/json" if method == "POST" else "text/plain"}
    request = Request(server.url + path, data=body, method=method, headers=headers)
    with urlopen(request, timeout=SECONDS) as response:
        return json.loads(response.read())


def push(server: ServerProcess, number: int, edition: str) -> bool:
    text = f"Edition {edition} of code{number}x."
    path = f"/api/sources/feed/documents/n{number}.txt"
    return call(server, "PUT", path, text.encode())["changed"]


def in_sqlite(folder: Path) -> dict[str, str]:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        return edition(
            db.execute(
                "SELECT d.document_id, c.text FROM document d JOIN chunk c ON c.document = d.id"
                " JOIN vector v ON v.rowid = c.rowid"
            ).fetchall()
        )


def in_postgres(address: str) -> dict[str, str]:
    with psycopg.connect(address) as db:
        return edition(
            db.execute(
                "SELECT d.document_id, c.text FROM bedplate.document d"
                " JOIN bedplate.chunk c ON c.document = d.id"
            ).fetchall()
        )


def edition(rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    """What each document says, of one chunk each."""
    assert len(rows) == len({row[0] for row in rows})
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


def killed(start: Callable[[str], ServerProcess], toml: str, texts: Texts) -> None:
    server = start(toml)
    feed = {"name": "feed", "collection": "c", "kind": "push"}
    call(server, "POST", "/api/sources", json.dumps(feed).encode())
    for number in range(DOCUMENTS):
        assert push(server, number, "1")
    until(lambda: len(texts()) > 3)
    for number in range(0, DOCUMENTS, 2):
        assert push(server, number, "2")
    call(server, "DELETE", "/api/sources/feed/documents/n1.txt")
    server.kill()
    server = start(toml)

    expected = {f"feed/n{n}.txt": "1" if n % 2 else "2" for n in range(DOCUMENTS) if n != 1}
    until(lambda: texts() == expected)
    until(lambda: {state(server, n) for n in range(DOCUMENTS)} == {"indexed", "forgotten"})
    assert state(server, 1) == "forgotten"
    assert not push(server, 0, "2")


def test_killed_after_pushes_nothing_accepted_is_lost(
    start_server: Callable[[str], ServerProcess], tmp_path: Path
) -> None:
    killed(start_server, TOML, lambda: in_sqlite(tmp_path))


def test_killed_after_pushes_to_postgresql_nothing_accepted_is_lost(
    start_server: Callable[[str], ServerProcess],
) -> None:
    with empty_database() as address:
        killed(start_server, TOML + WITH_POSTGRES.format(address), lambda: in_postgres(address))
