"""Indexes rebuilt, replaced, rolled back and moved, over real parts, with traffic meanwhile."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, InvalidInput, NotFound
from bedplate.ingest.embedding import HowEmbedded, full
from bedplate.ingest.incoming import Upload
from bedplate.ingest.move import Move
from bedplate.ingest.reindex import Reindex
from bedplate.ingest.report import Report
from bedplate.ingest.verify import complaint
from bedplate.rag.retrieve import SearchRequest
from bedplate.state.protocol import Entry
from bedplate.stores.memory import MemoryStore
from bedplate.stores.protocol import Abilities, Candidates, Store, StoreQuery

PLACES = {
    "sqlite": {"store.use": "sqlite"},
    "memory": {"store.use": "memory"},
    # With an index from the first few rows on.
    "pgvector": {"store.use": "pgvector", "store.exact_rows": 8},
    "postgres-memory": {"store.use": "memory"},
}
"""Stores, and where the catalog is: in PostgreSQL for the last two."""
FORMER, NOW = "hashing-64", "hashing-128"


Place = Mapping[str, object]


SLOW = {"memory", "postgres-memory"}


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in PLACES]
)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    settings: Place = PLACES[request.param]
    if request.param not in ("pgvector", "postgres-memory"):
        yield settings
        return
    with catalog_database() as address:
        yield {**settings, "data.database": address}


@asynccontextmanager
async def opened(
    folder: Path,
    place: Place = PLACES["sqlite"],
    *,
    dimensions: int = 64,
    former: int | None = None,
) -> AsyncGenerator[App]:
    arguments: dict[str, object] = {
        **place,
        "data.dir": str(folder / "data"),
        "embedder.use": "hashing",
        "embedder.dimensions": dimensions,
    }
    if former is not None:
        arguments |= {"former_embedder.use": "hashing", "former_embedder.dimensions": former}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


def upload(number: int, text: str = "") -> Upload:
    body = f"# Item {number}\n\nIts code is code{number}x. {text}\n\nIt keeps the rain off."
    return Upload(
        Blob(body.encode(), f"{number}.md"),
        DocumentId(f"d{number}"),
        {"number": number, "tags": ["a", "b"]},
    )


async def put(app: App, numbers: Sequence[int], text: str = "", *, c: str = "c") -> Report:
    return await app.ingest.run(app.scope(c), [upload(number, text) for number in numbers])


async def found(app: App, text: str, c: str = "c", **options: object) -> list[str]:
    request = SearchRequest(text, **options)  # type: ignore[arg-type]
    return [hit.document_id for hit in (await app.search.search(app.scope(c), request)).hits]


async def listed(app: App, c: str = "c") -> list[str]:
    return [d.id async for d in app.catalog.documents.list(app.scope(c), after=None, limit=10_000)]


HOW = HowEmbedded(batch_chunks=16, token_chunks=0, header=full)


def flow(app: App, **changes: object) -> Reindex:
    parts = {"how": HOW, "max_snapshots": 5, "drain_seconds": 0.2}
    own = {"catalog": app.catalog, "store": app.store, "embedder": app.embedder}
    return Reindex(**(own | parts | changes))  # type: ignore[arg-type]


async def refilled(app: App) -> None:
    """What a store that only this process has would hold, had it been running all along."""
    if app.config.store.use == "memory":
        for name in ("c", *[v.collection.name for v in await app.snapshots.list(app.scope("c"))]):
            collection = await app.catalog.collections.get(app.scope(name))
            ids = [DocumentId(name) for name in await listed(app, name)]
            entries = await app.catalog.index.entries(collection.index, ids)
            await app.store.upsert(collection.index, entries)


async def test_another_embedder_is_named_with_the_way_out_and_taken(
    tmp_path: Path, place: Place
) -> None:
    async with opened(tmp_path, place) as app:
        await put(app, range(30))
        before = await app.catalog.documents.get(app.scope("c"), DocumentId("d3"))
    async with opened(tmp_path, place, dimensions=128) as app:
        await refilled(app)
        with pytest.raises(Conflict, match="bedplate reindex -c c"):
            await found(app, "code3x")
        with pytest.raises(Conflict, match="bedplate reindex -c c"):
            await put(app, [31])
        done = await flow(app).run(app.scope("c"))
        assert (done.way, done.documents, done.collection.embedder) == ("embedded", 30, NOW)
        assert done.verification.ok
        assert done.verification.found_chunks == done.verification.chunks == 30
        assert (await found(app, "code3x"))[0] == "d3"
        assert await found(app, "code3x", mode="vector", limit=1) == ["d3"]
        assert await found(app, "rain", filter="number < 2", limit=9) == ["d0", "d1"]
        after = await app.catalog.documents.get(app.scope("c"), DocumentId("d3"))
        assert after == before
        assert [c.name for c in await app.catalog.collections.list(TenantId("default"))] == ["c"]
        report = await put(app, range(31))
        assert (report.unchanged, report.added) == (30, 1)


async def test_the_former_index_is_a_snapshot_to_go_back_to(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(5))
    async with opened(tmp_path, dimensions=128) as app:
        kept = (await flow(app).run(app.scope("c"))).kept
        assert kept is not None
        [version] = await app.snapshots.list(app.scope("c"))
        assert (version.name, version.collection.embedder) == (kept, FORMER)
        now, later = await app.snapshots.rollback(app.scope("c"), kept)
        assert now.embedder == FORMER
        assert [v.name for v in await app.snapshots.list(app.scope("c"))] == [later]
    async with opened(tmp_path) as app:
        assert (await found(app, "code3x"))[0] == "d3"


async def test_without_a_snapshot_nothing_of_the_former_index_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(5))
        former = await app.catalog.collections.get(app.scope("c"))
    async with opened(tmp_path, dimensions=128) as app:
        done = await flow(app).run(app.scope("c"), keep=False)
        assert done.kept is None
        assert await app.snapshots.list(app.scope("c")) == ()
        with pytest.raises(NotFound):
            await app.catalog.collections.get(former.index)


async def replaced(app: App, enough: Callable[[], bool]) -> None:
    """Replace an index, and again until others have done enough meanwhile: a busy machine may give
    them no turn.
    """
    times = 0
    while times < 2 or not enough():
        once = flow(app, how=replace(HOW, batch_chunks=4), drain_seconds=2)
        result = await once.run(app.scope("c"), embed=True, keep=times < 2)
        assert result.verification.ok
        times += 1
    result = await flow(app, drain_seconds=2).run(app.scope("c"))
    assert (result.way, result.verification.ok) == ("rebuilt", True)


async def test_searches_and_ingests_go_on_while_an_index_is_replaced(
    tmp_path: Path, place: Place
) -> None:
    async with opened(tmp_path, place) as app:
        await put(app, range(60))
    # One process for all, so that the memory store can take part; it knows both embedders.
    async with opened(tmp_path, place, dimensions=128, former=64) as app:
        await refilled(app)
        done, wrote = asyncio.Event(), 60
        misses, searches = list[str](), 0

        async def read() -> None:
            nonlocal searches
            while not done.is_set():
                number = searches % 60
                if (await found(app, f"code{number}x"))[:1] != [f"d{number}"]:
                    misses.append(f"d{number}")
                searches += 1
                await asyncio.sleep(0)

        async def write() -> None:
            nonlocal wrote
            # Not for ever: names are swapped once the new index has caught up with a writer.
            while not done.is_set() and wrote < 80:
                await put(app, [wrote])
                await put(app, [wrote % 20], f"changed{wrote}")
                await app.ingest.remove(
                    app.scope("c"), [DocumentId(f"d{wrote - 1}")] * (wrote > 60)
                )
                wrote += 1
                await asyncio.sleep(0.01)

        async def build() -> None:
            # Starts the parser's process, which takes longer than building so small an index.
            await put(app, [0])
            await replaced(app, lambda: wrote > 61 and searches > 20)
            done.set()

        async with asyncio.TaskGroup() as tasks:
            for work in (read, read, write, build):
                tasks.create_task(work())
        assert misses == []
        assert searches > 20
        assert wrote > 61
        last = wrote - 1
        assert set(await listed(app)) == {f"d{n}" for n in range(60)} | {f"d{last}"}
        collection = await app.catalog.collections.get(app.scope("c"))
        assert (collection.embedder, collection.chunks) == (NOW, 61)
        assert (await found(app, f"code{last}x"))[0] == f"d{last}"
        assert f"d{last % 20}" in await found(app, f"changed{last}", mode="keyword")


async def test_two_embedders_serve_until_the_last_collection_is_reindexed(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(5))
    async with opened(tmp_path, dimensions=128, former=64) as app:
        assert (await found(app, "code3x"))[0] == "d3"
        await put(app, [7])
        await put(app, [1], c="fresh")
        made = {c.name: c.embedder for c in await app.catalog.collections.list(TenantId("default"))}
        assert made == {"c": FORMER, "fresh": NOW}
        await flow(app).run(app.scope("c"))
        assert (await found(app, "code7x"))[0] == "d7"


async def test_an_unfinished_index_of_another_embedder_is_begun_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(9))
        begun = app.scope("c//next")
        await app.catalog.collections.create(begun, embedder="other", dimensions=3)
    async with opened(tmp_path, dimensions=128) as app:
        done = await flow(app).run(app.scope("c"))
        assert (done.documents, done.verification.ok) == (9, True)


class LossyStore(MemoryStore):
    """Forgets a document of each batch."""

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        await super().upsert(scope, entries[1:])


async def test_nothing_is_switched_when_the_verification_fails(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(9))
    async with opened(tmp_path, dimensions=128) as app:
        lossy = LossyStore()
        done = await flow(app, store=lossy).run(app.scope("c"))
        assert not done.verification.ok
        assert done.kept is None
        assert done.verification.missing[:1] == [ChunkId("d0#0")]
        assert "1 of 9 passages are missing (d0#0" in complaint(done.verification, "c")
        assert (await app.catalog.collections.get(app.scope("c"))).embedder == FORMER
        taken_up = await flow(app).run(app.scope("c"))
        assert (taken_up.documents, taken_up.verification.ok) == (0, True)
    async with opened(tmp_path, dimensions=128) as app:
        before = await app.catalog.collections.get(app.scope("c"))
        done = await flow(app, store=LossyStore()).run(app.scope("c"))
        assert (done.way, done.verification.ok) == ("rebuilt", False)
        assert await app.catalog.collections.get(app.scope("c")) == before


async def test_reindexing_needs_room_for_the_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, [1])
        await app.snapshots.create(app.scope("c"), "one")
        with pytest.raises(Conflict, match="has 1 snapshots.*max_snapshots is 1"):
            await flow(app, max_snapshots=1).run(app.scope("c"), embed=True)
        await flow(app, max_snapshots=1).run(app.scope("c"), embed=True, keep=False)


async def test_a_snapshot_is_frozen_and_swapped_back(tmp_path: Path, place: Place) -> None:
    async with opened(tmp_path, place) as app:
        scope = app.scope("c")
        await put(app, range(8))
        made = await app.snapshots.create(scope, "v1")
        assert (made.documents, made.chunks) == (8, 8)
        await put(app, [1], "changed")
        await app.ingest.remove(scope, [DocumentId("d2")])
        await put(app, [99])
        assert sorted(await listed(app, "c/v1")) == [f"d{n}" for n in range(8)]
        if app.store.abilities.follows:
            assert (await found(app, "code2x", "c/v1"))[0] == "d2"
        assert await found(app, "changed", mode="keyword") == ["d1"]
        _, kept = await app.snapshots.rollback(scope, "v1")
        assert await found(app, "changed", mode="keyword") == []
        assert (await found(app, "code2x"))[0] == "d2"
        assert sorted(await listed(app)) == [f"d{n}" for n in range(8)]
        _, again = await app.snapshots.rollback(scope, kept)
        assert await found(app, "changed", mode="keyword") == ["d1"]
        assert (await found(app, "code99x"))[0] == "d99"
        assert [v.name for v in await app.snapshots.list(scope)] == [again]
        await put(app, [5], "later")
        assert await found(app, "later", mode="keyword") == ["d5"]


async def test_snapshots_are_bounded_named_and_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        scope = app.scope("c")
        await put(app, [1])
        for name in ("a", "b", "ü 'x'", "d", "e"):
            await app.snapshots.create(scope, name)
        with pytest.raises(Conflict, match="max_snapshots is 5.*snapshots delete.*a, b, ü"):
            await app.snapshots.create(scope, "f")
        await app.snapshots.delete(scope, "b")
        with pytest.raises(Conflict, match="'a' already"):
            await app.snapshots.create(scope, "a")
        with pytest.raises(NotFound, match="'b'. Known: a, ü"):
            await app.snapshots.rollback(scope, "b")
        for bad in ("", "a/b", "x\n", "y" * 201):
            with pytest.raises(InvalidInput, match="snapshot cannot be called"):
                await app.snapshots.create(scope, bad)
        await app.ingest.drop(scope)
        with pytest.raises(NotFound):
            await app.snapshots.list(scope)


async def test_snapshots_of_tenants_are_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        mine, theirs = app.scope("c"), app.scope("c", TenantId("other"))
        await put(app, [1])
        await app.ingest.run(theirs, [upload(2)])
        await app.snapshots.create(mine, "v1")
        assert await app.snapshots.list(theirs) == ()
        with pytest.raises(NotFound):
            await app.snapshots.rollback(theirs, "v1")
        with pytest.raises(NotFound):
            await app.catalog.collections.get(replace(theirs, collection="c/v1"))


async def test_a_collection_moves_to_another_store_and_back(tmp_path: Path, place: Place) -> None:
    async with opened(tmp_path, place) as app:
        scope = app.scope("c")
        await put(app, range(40))
        there = MemoryStore()
        moved = await Move(app.catalog, app.store, there, name="m").run(scope)
        checked = moved.verification
        assert (moved.documents, checked.ok, checked.overlap) == (40, True, 1.0)
        assert (checked.found_documents, checked.found_chunks) == (40, 40)
        assert checked.vectors >= 40
        assert checked.checksum == checked.found_checksum
        await put(app, [3], "changed")
        await app.ingest.remove(scope, [DocumentId("d4")])
        again = await Move(app.catalog, app.store, there, name="m").run(scope)
        assert (again.documents, again.verification.ok) == (1, True)
        assert again.verification.chunks == 39
        back = await Move(app.catalog, there, app.store, name="s").run(scope)
        # A store that follows the catalog had it all along.
        sent = 0 if app.store.abilities.follows else 39
        assert (back.documents, back.verification.ok, back.verification.overlap) == (
            sent,
            True,
            1.0,
        )


async def test_a_move_that_was_cut_off_sends_only_the_rest(tmp_path: Path) -> None:
    class Weak(MemoryStore):
        calls = 0

        async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
            self.calls += 1
            if self.calls == 3:
                raise OSError("cut off")
            await super().upsert(scope, entries)

    async with opened(tmp_path) as app:
        rows = "\n".join(json.dumps({"id": f"d{n}", "text": f"word{n}"}) for n in range(60))
        await app.ingest.run(app.scope("c"), [Upload(Blob(rows.encode(), "rows.jsonl"))])
        weak = Weak()
        move = Move(app.catalog, app.store, weak, name="m", batch_chunks=20)
        with pytest.raises(OSError, match="cut off"):
            await move.run(app.scope("c"))
        rest = await move.run(app.scope("c"))
        assert (rest.documents, rest.verification.ok) == (20, True)


async def test_a_move_that_loses_something_is_found_out_and_repeated(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        scope = app.scope("c")
        await put(app, range(30))
        there = MemoryStore()
        move = Move(app.catalog, app.store, there, name="m")
        await move.run(scope)
        at = (await app.catalog.collections.get(scope)).index
        await there.delete(at, [DocumentId("d7"), DocumentId("d8")])
        failed = await move.run(scope)
        assert not failed.verification.ok
        assert failed.verification.missing == ["d7#0", "d8#0"]
        assert failed.verification.found_chunks == 28
        assert failed.verification.checksum != failed.verification.found_checksum
        repaired = await move.run(scope)
        assert (repaired.documents, repaired.verification.ok) == (30, True)


async def test_what_the_catalog_does_not_have_is_found_out_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        scope = app.scope("c")
        await put(app, range(10))
        collection = await app.catalog.collections.get(scope)
        there = MemoryStore()
        ids = [DocumentId("d1"), DocumentId("d2")]
        one, two = await app.catalog.index.entries(scope, ids)
        stale = replace(
            one, document=replace(one.document, id=DocumentId("ghost")),
            chunks=tuple(replace(c, id=ChunkId("ghost#0")) for c in one.chunks),
        )  # fmt: skip
        await there.upsert(collection.index, [stale])
        move = Move(app.catalog, app.store, there, name="m")
        failed = await move.run(scope)
        assert failed.verification.unknown == 1
        assert not failed.verification.ok
        assert (await move.run(scope, afresh=True)).verification.ok
        await there.upsert(collection.index, [replace(one, vectors=two.vectors)])
        assert (await move.run(scope)).verification.vectors_different == 1


class ForgetfulStore:
    """Nominates, without scores and vectors, and by one leg the wrong passages."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=False, most_documents=10, compares=lambda _: True)

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        if query.filter is None and query.vector is not None:
            query = replace(query, vector=-query.vector)
        return replace(await self._inner.search(scope, query), vectors=None)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


async def test_a_store_that_finds_something_else_does_not_pass(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(60))
        other = ForgetfulStore(MemoryStore())
        move = Move(app.catalog, app.store, other, name="m")  # type: ignore[arg-type]
        checked = (await move.run(app.scope("c"))).verification
        assert checked.checksum == checked.found_checksum
        assert checked.vectors == 0
        assert checked.overlap is not None
        assert checked.overlap < 0.95
        assert "of the best hits agree" in complaint(checked, "m")


async def test_that_it_waits_for_searches_is_said_before_it_does(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await put(app, range(5))
    async with opened(tmp_path, dimensions=128) as app:
        said: list[tuple[int, float | None]] = []
        await flow(app, drain_seconds=0.25).run(
            app.scope("c"),
            keep=False,
            advance=lambda now: said.append((now.documents, now.waiting_seconds)),
        )
    assert said[-1] == (5, 0.25)
    assert {seconds for _, seconds in said[:-1]} == {None}
