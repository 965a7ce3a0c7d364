"""kill -9 of a rescrub: what it changed is in step again, and the rest done, after the next one."""

import asyncio
import json
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.fixtures.process import BEDPLATE

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.ingest.incoming import Upload
from bedplate.ingest.verify import verify
from bedplate.rag.retrieve import SearchRequest
from bedplate.storage import CATALOG_FILE

pytestmark = pytest.mark.slow

DOCUMENTS = 120
SECONDS = 60
GUARD = '{ use = "patterns" }'
ADDRESS = "ann.lee@example.org"
TOML = """
[embedder]
use = "hashing"
dimensions = 64
[store]
use = "lancedb"
[ingest]
batch_chunks = {batch}
[data]
dir = "{data}"
[guards]
pii = {pii}
"""


def configured(folder: Path, pii: str, *, batch: int) -> Path:
    path = folder / "bedplate.toml"
    path.write_text(TOML.format(data=folder / "data", pii=pii, batch=batch))
    return path


def unscrubbed(folder: Path) -> int:
    path = folder / "data" / CATALOG_FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SECONDS)) as db:
        sql = "SELECT count(*) FROM chunk WHERE instr(text, ?)"
        return int(db.execute(sql, (ADDRESS,)).fetchone()[0])


async def fill(folder: Path) -> None:
    rows = [
        json.dumps({"id": f"d{n:03}", "text": f"Write to {ADDRESS} about code{n}x."})
        for n in range(DOCUMENTS)
    ]
    blob = Blob("\n".join(rows).encode(), "rows.jsonl", "application/jsonl")
    path = configured(folder, "false", batch=64)
    async with open_app(load_config(path, environment={}).config) as app:
        report = await app.ingest.run(app.scope("c"), [Upload(blob)])
        assert report.added == DOCUMENTS


async def finish(folder: Path, left: int) -> None:
    path = configured(folder, GUARD, batch=64)
    async with open_app(load_config(path, environment={}).config) as app:
        scope = app.scope("c")
        done = await app.rescrub.run(scope)
        assert (done.documents, done.changed) == (DOCUMENTS, left)
        # The store has what the catalog has.
        assert await app.catalog.amendments.unsent(scope, 9) == ()
        collection = await app.catalog.collections.get(scope)
        assert (await verify(app.catalog, collection, app.store)).ok
        request = SearchRequest("code7x", mode="keyword", limit=DOCUMENTS)
        (hit,) = (await app.search.search(scope, request)).hits
        assert ADDRESS not in hit.text
        again = await app.rescrub.run(scope)
        assert (again.changed, again.embedded) == (0, 0)


def test_a_rescrub_that_is_killed_is_made_good_by_the_next(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path))
    assert unscrubbed(tmp_path) == DOCUMENTS
    path = configured(tmp_path, GUARD, batch=4)
    command = [*BEDPLATE, "rescrub", "-c", "c", "--json", "--config", str(path)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        end = time.monotonic() + SECONDS
        while unscrubbed(tmp_path) > DOCUMENTS - 8:
            assert process.poll() is None, "it was done before it was killed"
            assert time.monotonic() < end
            time.sleep(0.005)
        process.kill()
    left = unscrubbed(tmp_path)
    assert 0 < left < DOCUMENTS
    asyncio.run(finish(tmp_path, left))
    assert unscrubbed(tmp_path) == 0
