"""kill -9 at any moment: what was acknowledged is there, nothing is there by half."""

import json
import random
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
import pytest
from tests.fixtures.process import BEDPLATE, ServerProcess

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import StoredDocument
from bedplate.rag.retrieve import SearchRequest
from bedplate.storage import CATALOG_FILE

DOCUMENTS = 400
SECONDS = 60
TOML = """
[embedder]
use = "hashing"
[ingest]
batch_chunks = 16
[data]
dir = "data"
"""
PARAGRAPH = "The shop sells coats, boots and tents for every weather. " * 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bedplate.toml").write_text(TOML)
    (tmp_path / "docs").mkdir()
    for number in range(DOCUMENTS):
        text = "\n\n".join([f"# Item{number}", f"Its code is code{number}x.", *[PARAGRAPH] * 3])
        (tmp_path / "docs" / f"{number:03}.md").write_text(text)
    return tmp_path


def ingest(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*BEDPLATE, "ingest", "docs", "-c", "shop", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def count(catalog: Path) -> int:
    if not catalog.exists():
        return 0
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, timeout=SECONDS)) as db:
        try:
            return db.execute("SELECT count(*) FROM document").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_while_ingesting(folder: Path, documents: int, seconds: float) -> list[psutil.Process]:
    """Kill an ingest so many seconds after so many documents; the processes it had started."""
    with ingest(folder) as process:
        wait_for(lambda: count(folder / "data" / CATALOG_FILE) >= documents or process.poll())
        time.sleep(seconds)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert process.returncode == -9, "it was done before it was killed"
    return workers


async def whole(app: App) -> set[str]:
    """The documents that are there, after making sure that each has all of its chunks."""
    scope = app.scope("shop")
    documents = [d async for d in app.catalog.documents.list(scope, after=None, limit=10_000)]
    for document in documents:
        hits = await app.catalog.documents.hits(scope, chunk_ids(document))
        assert len(hits) == document.chunks > 0, document.id
        assert await app.catalog.documents.hits(scope, {next_chunk(document): 0.0}) == ()
    return {document.id for document in documents}


def chunk_ids(document: StoredDocument) -> dict[ChunkId, float]:
    return {ChunkId(f"{document.id}#{n}"): 0.0 for n in range(document.chunks)}


def next_chunk(document: StoredDocument) -> ChunkId:
    return ChunkId(f"{document.id}#{document.chunks}")


async def find(app: App, code: str) -> list[str]:
    request = SearchRequest(code, mode="keyword", limit=3)
    return [hit.document_id for hit in (await app.search.search(app.scope("shop"), request)).hits]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_an_ingest_that_is_killed_leaves_whole_documents_and_is_taken_up(
    folder: Path, seed: int
):
    chance = random.Random(seed)
    workers = kill_while_ingesting(folder, chance.randrange(1, 250), chance.uniform(0, 0.02))

    config = load_config(
        folder / "bedplate.toml", arguments={"data.dir": folder / "data"}, environment={}
    ).config
    async with open_app(config) as app:
        survived = await whole(app)
        assert 0 < len(survived) < DOCUMENTS
        for name in sorted(survived)[-20:]:
            assert await find(app, f"code{int(Path(name).stem)}x") == [name]

    done = ingest(folder)
    report: dict[str, Any] = json.loads(done.communicate()[0])
    assert done.returncode == 0
    assert report["documents"] == {
        "added": DOCUMENTS - len(survived),
        "updated": 0,
        "unchanged": len(survived),
        "deleted": 0,
        "skipped": 0,
        "failed": 0,
    }
    async with open_app(config) as app:
        assert len(await whole(app)) == DOCUMENTS
    assert psutil.wait_procs(workers, timeout=SECONDS)[1] == []


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_documents_that_a_killed_server_acknowledged_are_there_after_its_restart(
    start_server: Callable[[str], ServerProcess], seed: int
):
    server = start_server(TOML)
    acknowledged: list[str] = []
    enough = threading.Event()

    def killer() -> None:
        enough.wait(SECONDS)
        time.sleep(random.Random(seed).uniform(0, 0.2))
        server.process.kill()

    thread = threading.Thread(target=killer)
    thread.start()
    for number in range(10_000):
        try:
            post(server, f"d{number}", f"Its code is code{number}x. {PARAGRAPH}")
        except (URLError, ConnectionError):
            break
        acknowledged.append(f"d{number}")
        if number == 10:
            enough.set()
    thread.join()

    again = start_server(TOML)
    collection = get(again, "/api/collections/shop")
    documents = get(again, "/api/collections/shop/documents?limit=1000")["documents"]
    assert len(acknowledged) > 10
    assert {document["id"] for document in documents} >= set(acknowledged)
    # The one that was on its way when the server died may be there, but then as a whole.
    assert len(documents) <= len(acknowledged) + 1
    assert collection["chunks"] == sum(document["chunks"] for document in documents)
    for name in acknowledged[-10:]:
        body = {"collection": "shop", "query": f"code{name[1:]}x", "mode": "keyword"}
        assert send(again, "/api/search", body)["hits"][0]["document_id"] == name


def post(server: ServerProcess, id: str, text: str) -> None:
    report = send(server, "/api/collections/shop/documents", {"id": id, "text": text})
    assert report["documents"]["added"] == 1


def send(server: ServerProcess, path: str, body: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    request = Request(server.url + path, json.dumps(body).encode(), headers)
    with urlopen(request, timeout=SECONDS) as response:
        return json.load(response)


def get(server: ServerProcess, path: str) -> Any:
    with urlopen(server.url + path, timeout=SECONDS) as response:
        return json.load(response)
