"""Another store leaves what is the catalog's where it is: originals, sources, what was pushed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DEFAULT_TENANT, DocumentId
from bedplate.domain.sources import SourceSpec
from bedplate.ingest.incoming import Upload
from bedplate.ingest.move import Move
from bedplate.ingest.pushes import PushBody
from bedplate.ingest.sync import SyncRequest
from bedplate.rag.retrieve import SearchRequest


@asynccontextmanager
async def opened(folder: Path, store: str) -> AsyncGenerator[App]:
    arguments: dict[str, object] = {
        "data.dir": str(folder / "data"),
        "store.use": store,
        "embedder.use": "hashing",
        "embedder.dimensions": 64,
        "originals.keep": True,
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


async def push(app: App, key: str, text: str) -> None:
    body = PushBody(text.encode(), "text/plain", {})
    await app.pushes.put(DEFAULT_TENANT, "feed", key, body)


async def found(app: App, text: str) -> str:
    return (await app.search.search(app.scope("c"), SearchRequest(text))).hits[0].document_id


async def test_what_was_pushed_and_originals_are_there_after_a_move(tmp_path: Path) -> None:
    upload = Upload(Blob(b"Code gamma9x.\r\n", "u.txt"), DocumentId("u.txt"))
    async with opened(tmp_path, "sqlite") as app, opened(tmp_path, "memory") as other:
        scope = app.scope("c")
        await app.sources.add(SourceSpec(DEFAULT_TENANT, "feed", "c", "push", {}))
        await push(app, "a.txt", "Code alpha7x.")
        assert (await app.sources.sync(SyncRequest(DEFAULT_TENANT, "feed"))).counts.added == 1
        await app.ingest.run(scope, [upload])
        # Accepted, and not indexed when the store changes.
        await push(app, "b.txt", "Code beta8x.")

        moved = await Move(app.catalog, app.store, other.store, name="other").run(scope)
        assert (moved.documents, moved.verification.ok) == (2, True)

        assert await found(other, "alpha7x") == "feed/a.txt"
        assert (
            await other.ingest.originals.get(scope, DocumentId("u.txt"))
        ).content == upload.blob.content
        assert (
            await other.ingest.originals.get(scope, DocumentId("feed/a.txt"))
        ).content == b"Code alpha7x."
        synced = await other.sources.sync(SyncRequest(DEFAULT_TENANT, "feed"))
        assert (synced.counts.added, synced.counts.new, synced.counts.failed) == (1, 1, 0)
        assert await found(other, "beta8x") == "feed/b.txt"
        assert (await other.pushes.get(DEFAULT_TENANT, "feed", "a.txt")).state == "indexed"
