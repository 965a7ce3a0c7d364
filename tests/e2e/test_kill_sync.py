"""kill -9 in the middle of `bedplate sources sync`: the next one takes it up."""

import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.process import BEDPLATE

from bedplate.storage import CATALOG_FILE

pytestmark = pytest.mark.slow

FILES = 300
SECONDS = 60
TOML = """
[embedder]
use = "hashing"
[ingest]
batch_chunks = 16
[sync]
batch_items = 20
lease_seconds = 1.0
[data]
dir = "data"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bedplate.toml").write_text(TOML)
    (tmp_path / "docs").mkdir()
    for number in range(FILES):
        write(tmp_path, number, "first")
    run(tmp_path, "add", "shop", "folder", "-c", "shop", "-o", "path=docs")
    return tmp_path


def write(folder: Path, number: int, edition: str) -> None:
    rows = [
        json.dumps({"id": f"{number}-{row}", "text": f"Edition {edition} of code{number}x."})
        for row in range(3)
    ]
    (folder / "docs" / f"{number:03}.jsonl").write_text("\n".join(rows))


def run(folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [*BEDPLATE, "sources", *arguments, "--json"],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def ask(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        return db.execute(sql).fetchall()


def kill_sync(folder: Path, when: Callable[[], bool]) -> None:
    with subprocess.Popen(
        [*BEDPLATE, "sources", "sync", "shop", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        until = time.monotonic() + SECONDS
        while process.poll() is None and not when():
            assert time.monotonic() < until
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.15))
        process.kill()


def count(folder: Path, table: str, where: str = "1") -> int:
    return ask(folder, f"SELECT count(*) FROM {table} WHERE {where}")[0][0]


def check(folder: Path, documents: dict[str, str]) -> None:
    """The catalog holds exactly these, whole, and belongs to items that are done."""
    found = ask(
        folder,
        "SELECT d.document_id, c.text, d.chunks FROM document d JOIN chunk c ON c.document = d.id",
    )
    assert {id: text.split(" of ")[0] for id, text, _ in found} == documents
    assert len(found) == len(documents)
    assert count(folder, "vector") == len(documents)
    assert count(folder, "source_document") == len(documents)
    assert count(folder, "source_item", "state <> 'done'") == 0


def test_killed_syncs_are_taken_up_with_nothing_lost_or_doubled(folder: Path) -> None:
    for documents in (1, 200):
        kill_sync(folder, lambda least=documents: count(folder, "document") >= least)
    assert 0 < count(folder, "document") < FILES * 3
    assert run(folder, "sync", "shop")["status"] == "done"
    expected = {f"{n}-{row}": "Edition first" for n in range(FILES) for row in range(3)}
    check(folder, expected)

    # Changed, shortened, renamed and deleted files, and killed while these are taken over.
    for number in range(60):
        write(folder, number, "second")
        expected |= {f"{number}-{row}": "Edition second" for row in range(3)}
    for number in range(60, 80):
        path = folder / "docs" / f"{number:03}.jsonl"
        path.write_text(path.read_text().splitlines()[0])
        del expected[f"{number}-1"], expected[f"{number}-2"]
    for number in range(80, 90):
        path = folder / "docs" / f"{number:03}.jsonl"
        shutil.move(path, path.with_name(f"moved-{number}.jsonl"))
    for number in range(90, 130):
        (folder / "docs" / f"{number:03}.jsonl").unlink()
        for row in range(3):
            del expected[f"{number}-{row}"]
    kill_sync(folder, lambda: count(folder, "chunk", "text LIKE 'Edition second%'") > 0)
    kill_sync(folder, lambda: count(folder, "source_item", "key LIKE 'moved-%'") > 0)
    kill_sync(folder, lambda: count(folder, "document") < FILES * 3 - 40)
    assert run(folder, "sync", "shop")["status"] == "done"
    check(folder, expected)
    again = run(folder, "sync", "shop")
    assert again["items"]["unchanged"] == FILES - 40
    assert again["documents"] == {"added": 0, "updated": 0, "unchanged": 0, "deleted": 0}
