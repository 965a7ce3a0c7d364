"""What a guard learnt to find is taken out of what is there already, and stays out."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.fixtures.postgres import catalog_database
from tests.fixtures.serving import serving

from bedplate.app import App, open_app
from bedplate.chunkers import CHUNKERS
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.errors import Conflict, InvalidInput, NotFound, Unavailable
from bedplate.guards.pii import PatternGuard
from bedplate.ingest.incoming import Upload
from bedplate.ingest.pipeline import Ingest, Parts
from bedplate.ingest.report import Report
from bedplate.ingest.rescrub import Rescrub
from bedplate.ingest.verify import verify
from bedplate.options import recipe
from bedplate.rag.retrieve import SearchRequest
from bedplate.state.protocol import Entry
from bedplate.stores.memory import MemoryStore

PLACES = {"memory": {"store.use": "memory"}, "pgvector": {"store.use": "pgvector"}}
"""A store that has to be written to over SQLite, and one that reads the catalog of PostgreSQL."""

SQLITE = {"store.use": "sqlite"}
Place = Mapping[str, object]
LETTER = """# Letter to ann@example.org

Boots keep the rain off, says jo@example.com, who sells them.

# Hats

Hats keep the sun off and are sold by nobody at all."""
NOTE = "Umbrellas keep the rain off."
A, B = DocumentId("a"), DocumentId("b")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    settings: Place = PLACES[request.param]
    if request.param != "pgvector":
        yield settings
        return
    with catalog_database() as address:
        yield {**settings, "data.database": address}


@asynccontextmanager
async def opened(folder: Path, place: Place = SQLITE) -> AsyncGenerator[App]:
    arguments: dict[str, object] = {
        "data.dir": str(folder / "data"),
        "embedder.use": "hashing",
        "embedder.dimensions": 64,
        "chunker.use": "structure",
        **place,
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


def letter() -> Upload:
    return Upload(Blob(LETTER.encode(), "a.md"), A, {"by": "jo@example.com", "tags": ["x@y.org"]})


def note() -> Upload:
    return Upload(Blob(NOTE.encode(), "b.md"), B)


async def put_before(app: App, uploads: Sequence[Upload], c: str = "c") -> Report:
    """As an ingest of the same settings whose guard did not know e-mail addresses."""
    async with CHUNKERS.load("structure")({}) as chunker:
        parts = Parts(
            app.catalog, app.store, app.parser, chunker, app.embedder, PatternGuard(("KEY",))
        )
        ingest = Ingest(
            parts,
            batch_chunks=8,
            max_file_bytes=1_000_000,
            token_chunks=0,
            recipe=partial(recipe, app.config),
        )
        return await ingest.run(app.scope(c), uploads)


async def entries(app: App, scope: Scope, *ids: DocumentId) -> tuple[Entry, ...]:
    return await app.catalog.index.entries(scope, ids)


async def found(app: App, text: str, mode: str = "keyword") -> list[str]:
    request = SearchRequest(text, mode=mode, self_query=False)  # type: ignore[arg-type]
    return [hit.document_id for hit in (await app.search.search(app.scope("c"), request)).hits]


def flow(app: App, **changes: object) -> Rescrub:
    parts = {
        "catalog": app.catalog,
        "store": app.store,
        "embedders": [app.embedder],
        "pii": app.safeguards.pii,
        "batch_chunks": 8,
    }
    return Rescrub(**(parts | changes))  # type: ignore[arg-type]


class Counting:
    """An embedder that remembers what it was given."""

    def __init__(self, inner: Embedder) -> None:
        self.inner = inner
        self.fingerprint, self.dimensions = inner.fingerprint, inner.dimensions
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Matrix:
        self.texts += texts
        return await self.inner.embed(texts)


class Failing(MemoryStore):
    """A store that is away."""

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        raise Unavailable("The store is away.")


async def test_what_is_found_today_is_replaced_everywhere_and_stays_so(
    tmp_path: Path, place: Place
) -> None:
    async with opened(tmp_path, place) as app:
        await put_before(app, [letter(), note()])
        scope = app.scope("c")
        before, untouched = await entries(app, scope, A, B)
        assert "jo@example.com" in repr(before)
        assert await found(app, "jo@example.com") == ["a"]
        embedder = Counting(app.embedder)
        done = await flow(app, embedders=[embedder]).run(scope)

        assert (done.documents, done.changed, done.left) == (2, 1, [])
        after, same = await entries(app, scope, A, B)
        assert "@" not in repr(
            [after.document.title, after.document.metadata, after.chunks, after.quality]
        )
        assert same.updated_at == untouched.updated_at
        assert after.document.sha256 == before.document.sha256
        assert after.document.metadata["by"] == "[EMAIL]"
        assert done.redactions == after.quality.redactions  # type: ignore[union-attr]
        assert done.redactions["EMAIL"] >= 4
        # The title is read with every chunk of the document, and of the other one nothing.
        assert done.embedded == len(embedder.texts) == len(after.chunks)
        assert np.allclose(after.vectors, await app.embedder.embed(embedder.texts), atol=1e-3)
        assert await found(app, "jo example com") == []
        assert await found(app, "boots") == ["a"]
        collection = await app.catalog.collections.get(scope)
        assert (await verify(app.catalog, collection, app.store)).ok
        assert await app.catalog.amendments.unsent(scope, 10) == ()

        again = await flow(app).run(scope)
        assert (again.changed, again.embedded, again.redactions) == (0, 0, {})
        report = await app.ingest.run(scope, [letter(), note()])
        assert (report.unchanged, report.updated) == (2, 0)
        assert await found(app, "jo example com") == []


async def test_only_chunks_that_changed_are_embedded(tmp_path: Path, place: Place) -> None:
    filler = "Hats keep the sun off. " * 200
    text = f"# Boots\n\nAsk jo@example.com.\n\n{filler}\n\n# Hats\n\n{filler}"
    async with opened(tmp_path, place) as app:
        await put_before(app, [Upload(Blob(text.encode(), "a.md"), A)])
        (before,) = await entries(app, app.scope("c"), A)
        embedder = Counting(app.embedder)
        done = await flow(app, embedders=[embedder]).run(app.scope("c"))
        (after,) = await entries(app, app.scope("c"), A)
        changed = [n for n, c in enumerate(after.chunks) if c.text != before.chunks[n].text]
        assert done.embedded == len(embedder.texts) == len(changed) < len(after.chunks)
        for number in range(len(after.chunks)):
            if number not in changed:
                assert np.array_equal(after.vectors[number], before.vectors[number])
        shift = len("jo@example.com") - len("[EMAIL]")
        assert [c.end for c in after.chunks] == [c.end - shift for c in before.chunks]


async def test_what_is_left_is_what_an_ingest_of_today_makes(tmp_path: Path, place: Place) -> None:
    uploads = [letter(), note()]
    async with opened(tmp_path, place) as app:
        await put_before(app, uploads)
        await app.rescrub.run(app.scope("c"))
        await app.ingest.run(app.scope("d"), uploads)
        for id in (A, B):
            (after,) = await entries(app, app.scope("c"), id)
            (fresh,) = await entries(app, app.scope("d"), id)
            assert after.chunks == fresh.chunks
            assert after.profile == fresh.profile
            assert [t.to_bytes() for t in after.terms] == [t.to_bytes() for t in fresh.terms]
            assert after.quality == replace(
                fresh.quality,  # type: ignore[type-var]
                characters=after.quality.characters,  # type: ignore[union-attr]
            )
            assert after.document == fresh.document


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_run_that_was_cut_off_before_the_store_is_made_good_by_another(
    tmp_path: Path, kind: str
) -> None:
    async def check(place: Place) -> None:
        async with opened(tmp_path, place) as app:
            await put_before(app, [letter(), note()])
            scope = app.scope("c")
            with pytest.raises(Unavailable, match="bedplate rescrub -c c"):
                await flow(app, store=Failing()).run(scope)
            assert await app.catalog.amendments.unsent(scope, 10) == (A,)
            collection = await app.catalog.collections.get(scope)
            assert not (await verify(app.catalog, collection, app.store)).ok
            done = await flow(app).run(scope)
            assert (done.documents, done.changed) == (2, 0)
            assert await app.catalog.amendments.unsent(scope, 10) == ()
            assert (await verify(app.catalog, collection, app.store)).ok

    if kind == "sqlite":
        await check(PLACES["memory"])
    else:
        with catalog_database() as address:
            await check({**PLACES["memory"], "data.database": address})


async def test_an_ingest_in_the_middle_wins(tmp_path: Path, place: Place) -> None:
    async with opened(tmp_path, place) as app:
        await put_before(app, [letter()])
        newer = Upload(Blob(b"Gloves keep the cold off.", "a.md"), A)

        class Interrupted(Counting):
            async def embed(self, texts: Sequence[str]) -> Matrix:
                if texts:
                    await app.ingest.run(app.scope("c"), [newer])
                return await super().embed(texts)

        done = await flow(app, embedders=[Interrupted(app.embedder)]).run(app.scope("c"))
        assert (done.documents, done.changed, done.redactions) == (1, 0, {})
        (after,) = await entries(app, app.scope("c"), A)
        assert [chunk.text for chunk in after.chunks] == ["Gloves keep the cold off."]
        assert await found(app, "gloves") == ["a"]


async def test_snapshots_are_scrubbed_too(tmp_path: Path, place: Place) -> None:
    async with opened(tmp_path, place) as app:
        await put_before(app, [letter()])
        await app.snapshots.create(app.scope("c"), "first")
        done = await flow(app).run(app.scope("c"))
        assert (done.snapshots, done.changed, done.left) == (["first"], 2, [])
        await app.ingest.remove(app.scope("c"), [A])
        await app.snapshots.rollback(app.scope("c"), "first")
        (after,) = await entries(app, app.scope("c"), A)
        assert "@" not in repr(after.chunks)
        assert await found(app, "boots") == ["a"]
        assert await found(app, "jo example com") == []


async def test_a_snapshot_of_another_embedder_is_named_when_something_is_left_in_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as app:
        await put_before(app, [note()])
        await app.snapshots.create(app.scope("c"), "clean")
        await put_before(app, [letter()])
        await app.snapshots.create(app.scope("c"), "full")
    async with opened(tmp_path, {**SQLITE, "embedder.dimensions": 128}) as app:
        with pytest.raises(Conflict, match="former_embedder"):
            await app.rescrub.run(app.scope("c"))
        await app.reindex.run(app.scope("c"), keep=False)
        done = await app.rescrub.run(app.scope("c"))
        assert (done.snapshots, done.left) == (["clean"], ["full"])
    former = {"former_embedder.use": "hashing", "former_embedder.dimensions": 64}
    async with opened(tmp_path, {**SQLITE, "embedder.dimensions": 128, **former}) as app:
        done = await app.rescrub.run(app.scope("c"))
        assert (done.snapshots, done.left) == (["clean", "full"], [])


async def test_without_a_guard_or_a_collection_it_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        with pytest.raises(NotFound):
            await app.rescrub.run(app.scope("c"))
    async with opened(tmp_path, {**SQLITE, "guards.pii": False}) as app:
        await app.ingest.create(app.scope("c"))
        with pytest.raises(InvalidInput, match=r"guards\.pii"):
            await app.rescrub.run(app.scope("c"))


async def test_a_document_from_before_quality_was_kept_gets_its_counts(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put_before(app, [letter()])
        (before,) = await entries(app, app.scope("c"), A)
        await app.catalog.documents.replace(app.scope("c"), [replace(before, quality=None)])
        await app.rescrub.run(app.scope("c"))
        quality = (await app.catalog.quality.of(app.scope("c"), [A]))[A]
        assert (quality.characters, quality.redactions["EMAIL"] >= 4) == (None, True)


async def test_searches_go_on_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        uploads = [
            Upload(Blob(f"Boots {n} by jo{n}@example.com".encode(), f"{n}.txt"), DocumentId(str(n)))
            for n in range(40)
        ]
        await put_before(app, uploads)
        ended = asyncio.Event()
        counts: list[int] = []

        async def search() -> None:
            while not ended.is_set():
                counts.append(len(await found(app, "boots", "hybrid")))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(search())
            done = await app.rescrub.run(app.scope("c"))
            ended.set()
        assert (done.changed, done.redactions) == (40, {"EMAIL": 40})
        assert set(counts) == {10}
        hits = await app.catalog.documents.hits(app.scope("c"), {ChunkId("7#0"): 1.0})
        assert [hit.text for hit in hits] == ["Boots 7 by [EMAIL]"]


async def test_the_api_rescrubs_as_a_job(tmp_path: Path) -> None:
    async with serving(tmp_path, work=True) as served:
        await put_before(served.app, [letter()])
        started = await served.post("/api/collections/c/rescrub", {})
        assert started.status == 202
        job = f"/api/jobs/{started.json['job']}"
        assert (await served.get(f"{job}/events")).status == 200
        shown = (await served.get(job)).json
        assert (shown["state"], shown["result"]["changed"]) == ("succeeded", 1)
        assert "@" not in (await served.get("/api/collections/c/documents/a")).body.decode()
        assert (await served.post("/api/collections/none/rescrub", {})).status == 404
