"""kill -9 while an index is being built, copied or moved: the old one serves, and a rerun finishes."""

import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fixtures.postgres import catalog_database
from tests.fixtures.process import BEDPLATE

from bedplate.ingest.fill import BATCH_CHUNKS
from bedplate.storage import CATALOG_FILE

pytestmark = pytest.mark.slow

DOCUMENTS = 1_500
SECONDS = 60
TOML = """
[embedder]
use = "hashing"
dimensions = {dimensions}
[ingest]
batch_chunks = 16
[data]
dir = "data"
"""
IN_POSTGRES = """
database = "{address}"
[store]
use = "pgvector"
"""
ADDRESS = "address.txt"
PLACED = "SELECT documents FROM {schema}collection WHERE name = {name}"
OTHER = """
[stores.other]
use = "lancedb"
"""
LANCE = """
[store]
use = "lancedb"
"""
SENT = "SELECT count(*) FROM placement WHERE store = ?"


@pytest.fixture(scope="module")
def in_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("filled"))


@pytest.fixture(params=["sqlite", "postgres"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, in_files: Path) -> Iterator[Path]:
    if request.param == "sqlite":
        yield shutil.copytree(in_files, tmp_path, dirs_exist_ok=True)
        return
    with catalog_database() as address:
        (tmp_path / ADDRESS).write_text(address)
        yield filled(tmp_path)


def filled(tmp_path: Path) -> Path:
    configure(tmp_path, 64)
    rows = (
        json.dumps({"id": f"d{n:04}", "title": f"Item{n}", "text": f"Its code is code{n}x."})
        for n in range(DOCUMENTS)
    )
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    assert bedplate(tmp_path, "ingest", "rows.jsonl")["documents"]["added"] == DOCUMENTS
    return tmp_path


def configure(folder: Path, dimensions: int) -> None:
    toml = TOML.format(dimensions=dimensions)
    if (folder / ADDRESS).exists():
        toml += IN_POSTGRES.format(address=(folder / ADDRESS).read_text())
    (folder / "bedplate.toml").write_text(toml)


def sent(folder: Path) -> int:
    return counted(folder, SENT, "move:other")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command, *rest = arguments
    return subprocess.Popen(
        [*BEDPLATE, *command.split(), *rest, "-c", "shop", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def bedplate(folder: Path, *arguments: str) -> Any:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err
    return json.loads(out)


def count(folder: Path, name: str) -> int:
    """The documents of a collection that are committed; 0 where there is none."""
    if (folder / ADDRESS).exists():
        with psycopg.connect((folder / ADDRESS).read_text()) as connection:
            sql = PLACED.format(schema="bedplate.", name="%s")
            rows = connection.execute(sql.encode(), (name,)).fetchall()
            return sum(row[0] for row in rows)
    return counted(folder, PLACED.format(schema="", name="?"), name)


def counted(folder: Path, sql: str, name: str) -> int:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        return sum(row[0] for row in db.execute(sql, (name,)).fetchall())


def kill_when(process: "subprocess.Popen[str]", condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    with process:
        while not condition():
            assert process.poll() is None, "it was done before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -9


def first_hit(folder: Path, number: int) -> str:
    return bedplate(folder, "search", f"code{number}x")["hits"][0]["document_id"]


@pytest.mark.parametrize(("folder", "seed"), [("sqlite", 0), ("postgres", 1)], indirect=["folder"])
def test_a_reindex_that_is_killed_is_taken_up(folder: Path, seed: int) -> None:
    enough = random.Random(seed).randrange(1, DOCUMENTS // 2)
    configure(folder, 128)
    kill_when(start(folder, "reindex"), lambda: count(folder, "shop//next") >= enough)
    configure(folder, 64)
    assert first_hit(folder, 7) == "d0007"
    # By now a server has done what it was told last.
    there = count(folder, "shop//next")
    assert 0 < there < DOCUMENTS
    (folder / "rows.jsonl").write_text('{"id": "d0007", "title": "Item7", "text": "Now changed."}')
    assert bedplate(folder, "ingest", "rows.jsonl")["documents"]["updated"] == 1

    configure(folder, 128)
    report = bedplate(folder, "reindex")
    assert report["switched"] is True
    # Of what was there, only the changed one was embedded again.
    assert DOCUMENTS - there <= report["documents"] <= DOCUMENTS - there + 1
    assert report["verification"]["store"]["chunks"] == DOCUMENTS
    assert first_hit(folder, 1_400) == "d1400"
    hits = bedplate(folder, "search", "changed", "--mode", "keyword")["hits"]
    assert [hit["document_id"] for hit in hits] == ["d0007"]
    assert count(folder, "shop//next") == 0


def test_a_snapshot_that_is_killed_is_not_listed_and_can_be_made_again(folder: Path) -> None:
    kill_when(start(folder, "snapshots create", "v1"), lambda: count(folder, "shop//copy") >= 1_000)
    assert bedplate(folder, "snapshots list")["snapshots"] == []
    made = bedplate(folder, "snapshots create", "v1")
    assert made["snapshot"]["documents"] == DOCUMENTS
    assert bedplate(folder, "snapshots rollback", "v1")["now"]["chunks"] == DOCUMENTS
    assert first_hit(folder, 7) == "d0007"


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_move_that_is_killed_sends_only_the_rest(folder: Path) -> None:
    """Each batch is noted once the other store has it."""
    toml = folder / "bedplate.toml"
    former = toml.read_text()
    toml.write_text(former + OTHER)
    enough = BATCH_CHUNKS + 1
    kill_when(start(folder, "move", "--to", "other"), lambda: sent(folder) >= enough)
    there = sent(folder)
    assert enough <= there < DOCUMENTS
    assert first_hit(folder, 7) == "d0007"
    (folder / "rows.jsonl").write_text('{"id": "d0007", "title": "Item7", "text": "Now changed."}')
    assert bedplate(folder, "ingest", "rows.jsonl")["documents"]["updated"] == 1

    report = bedplate(folder, "move", "--to", "other")
    # Of what was there, only the changed one was sent again.
    assert DOCUMENTS - there <= report["documents"] <= DOCUMENTS - there + 1
    verified = report["verification"]
    assert verified["ok"] is True
    assert verified["store"] == verified["catalog"]
    assert verified["store"]["chunks"] == DOCUMENTS
    assert bedplate(folder, "move", "--to", "other")["documents"] == 0

    before = answers(folder)
    toml.write_text(former + LANCE)
    assert answers(folder) == before


def answers(folder: Path) -> list[list[str]]:
    """The best of some searches, from the store that is configured."""
    lines = [json.dumps({"text": text}) for text in ("code1400x", "code7x", "changed", "code3x")]
    (folder / "questions.jsonl").write_text("\n".join(lines))
    process = start(folder, "search", "--queries", "questions.jsonl")
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err
    return [[hit["chunk_id"] for hit in json.loads(line)["hits"]] for line in out.splitlines()]
