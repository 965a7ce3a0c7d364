"""Versions and placements of a PostgreSQL catalog where several processes have a hand in them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.contract.entries import DIMENSIONS, entry
from tests.fixtures.postgres import catalog_database, empty_database
from tests.integration.test_pgvector_store import asked, open_shelf, until_building
from tests.integration.test_postgres_catalog import SCOPE, create, listed, opened
from tests.integration.test_reindex import HOW, flow, found, put
from tests.integration.test_reindex import listed as listed_in
from tests.integration.test_reindex import opened as opened_app

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, NotFound
from bedplate.state.protocol import Catalog
from bedplate.stores.protocol import StoreQuery
from bedplate.terms import TermVector

NEXT = Scope(SCOPE.tenant, "notes//next")
SWAP = {"notes": "notes/old", "notes//next": "notes"}


@pytest.fixture
def address() -> Iterator[str]:
    with catalog_database() as made:
        yield made


@pytest.fixture
async def catalogs(address: str) -> AsyncIterator[tuple[Catalog, Catalog]]:
    """The same one, opened twice."""
    async with opened(address) as one, opened(address) as two:
        await create(one)
        await create(one, NEXT)
        yield one, two


async def test_collections_of_an_older_catalog_get_keys_when_it_is_opened() -> None:
    with empty_database() as address:
        async with opened(address) as catalog:
            await create(catalog)
            await catalog.documents.replace(SCOPE, [entry("a", "x")])
        asked(
            address,
            "DROP TABLE bedplate.unsent, bedplate.redaction, bedplate.quality,"
            " bedplate.push_content, bedplate.push, bedplate.push_source, bedplate.original, bedplate.original_use,"
            " bedplate.source, bedplate.source_item, bedplate.source_document,"
            " bedplate.source_sync, bedplate.band, bedplate.profile, bedplate.quarantine, bedplate.reading, bedplate.image, bedplate.placement; ALTER TABLE bedplate.collection DROP COLUMN key,"
            " DROP COLUMN former_key; ALTER TABLE bedplate.chunk DROP COLUMN window_first,"
            " DROP COLUMN window_last; DELETE FROM bedplate.schema_version WHERE version > 1",
        )
        async with opened(address) as catalog:
            [collection] = await catalog.collections.list(SCOPE.tenant)
            assert collection.key.startswith("notes/")
            await catalog.documents.replace(collection.index, [entry("b", "y")])
            assert await listed(catalog) == ["a", "b"]
            assert (await catalog.placements.difference(SCOPE, "s", 9)).missing == {"a": 1, "b": 1}


async def test_a_writer_that_waited_for_a_swap_is_told_and_its_write_is_not_in_the_old_index(
    catalogs: tuple[Catalog, Catalog], address: str
) -> None:
    one, two = catalogs
    former = (await one.collections.get(SCOPE)).index
    async with asyncio.TaskGroup() as tasks:
        with psycopg.connect(address) as held:
            held.execute("SELECT FROM bedplate.collection ORDER BY id FOR UPDATE")
            swap = tasks.create_task(one.versions.rename(SCOPE.tenant, SWAP, alike=(SCOPE, NEXT)))
            await until_waiting(address, 1)
            by_name = tasks.create_task(two.documents.replace(SCOPE, [entry("a", "x")]))
            by_key = tasks.create_task(outcome(two, former))
            await until_waiting(address, 3)
        assert await swap
        await by_name
        assert "another index meanwhile" in await by_key
    assert await listed(one) == ["a"]
    old = Scope(SCOPE.tenant, "notes/old")
    assert [d.id async for d in one.documents.list(old, after=None, limit=9)] == []


async def outcome(catalog: Catalog, scope: Scope) -> str:
    try:
        await catalog.documents.replace(scope, [entry("b", "y")])
    except Conflict as error:
        return error.message
    return "written"


async def until_waiting(address: str, sessions: int) -> None:
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while len(asked(address, waiting)) < sessions:  # noqa: ASYNC110 - a server knows no event
        await asyncio.sleep(0.01)


async def test_a_swap_waits_for_a_write_and_sees_it(
    catalogs: tuple[Catalog, Catalog], address: str
) -> None:
    one, _ = catalogs
    async with asyncio.TaskGroup() as tasks:
        with psycopg.connect(address) as writer:
            writer.execute("SELECT FROM bedplate.collection WHERE name = 'notes' FOR UPDATE")
            swap = tasks.create_task(one.versions.rename(SCOPE.tenant, SWAP, alike=(SCOPE, NEXT)))
            await until_waiting(address, 1)
            writer.execute(
                "INSERT INTO bedplate.document (tenant_id, collection_id, document_id, title,"
                " source, media_type, sha256, origin, chunks, metadata, updated_at) SELECT"
                " tenant_id, id, 'late', '', '', '', '', '', 0, '{}', now()"
                " FROM bedplate.collection WHERE name = 'notes'"
            )
        assert not await swap
    assert (await one.versions.difference(SCOPE, NEXT, 9)).missing == {"late": 0}


async def test_many_swaps_copies_and_writes_at_once_never_wait_for_each_other_in_a_circle(
    catalogs: tuple[Catalog, Catalog],
) -> None:
    one, two = catalogs
    await one.documents.replace(SCOPE, [entry(f"d{n}", "rain", "sun") for n in range(20)])
    keys = [(await one.collections.get(scope)).index for scope in (SCOPE, NEXT)]
    ids = [DocumentId(f"d{n}") for n in range(20)]

    async def swap(catalog: Catalog) -> None:
        names = [SWAP, {"notes": "notes//next", "notes/old": "notes"}]
        for number in range(20):
            try:
                await catalog.versions.rename(SCOPE.tenant, names[number % 2])
            except (Conflict, NotFound):
                continue

    async def copy(catalog: Catalog, source: Scope, target: Scope) -> None:
        for _ in range(10):
            await catalog.versions.copy(source, target, ids)

    async with asyncio.TaskGroup() as tasks:
        for work in (
            swap(one), swap(two), copy(one, *keys), copy(two, keys[1], keys[0]), copy(two, *keys),
        ):  # fmt: skip
            tasks.create_task(work)
    for scope in keys:
        collection = await one.collections.get(scope)
        rows = [d.chunks async for d in one.documents.list(scope, after=None, limit=99)]
        assert (collection.documents, collection.chunks) == (len(rows), sum(rows))
        counted = await one.index.statistics(scope, TermVector.of("rain"))
        assert (counted.frequencies.tolist(), counted.chunks) == ([len(rows)], sum(rows))


async def test_two_that_fill_one_store_note_what_both_sent(
    catalogs: tuple[Catalog, Catalog],
) -> None:
    one, two = catalogs
    await one.documents.replace(SCOPE, [entry(f"d{n}", "x") for n in range(50)])
    names = [DocumentId(f"d{n}") for n in range(50)]
    placed = {e.document.id: e.updated_at for e in await one.index.entries(SCOPE, names)}
    noted = {name: at for name, at in placed.items() if at is not None}
    back = dict(reversed(noted.items()))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(one.placements.note(SCOPE, "s", noted, [DocumentId("gone")]))
            tasks.create_task(two.placements.note(SCOPE, "s", back))
    assert not await one.placements.difference(SCOPE, "s", 9)
    await two.collections.drop(SCOPE)
    with pytest.raises(NotFound):
        await one.placements.note(SCOPE, "s", noted)


async def test_vectors_of_another_length_are_not_copied(catalogs: tuple[Catalog, Catalog]) -> None:
    one, _ = catalogs
    short = Scope(SCOPE.tenant, "short")
    await one.collections.create(short, embedder="e", dimensions=2)
    await one.documents.replace(SCOPE, [entry("a", "x")])
    with pytest.raises(Conflict, match=f"{DIMENSIONS} dimensions.*have 2"):
        await one.versions.copy(SCOPE, short, [DocumentId("a")])
    assert (await one.collections.get(short)).documents == 0


async def test_an_index_serves_while_one_of_another_length_is_built_and_after_the_swap(
    address: str,
) -> None:
    async with AsyncExitStack() as stack:
        shelf = await stack.enter_async_context(open_shelf(address))
        await shelf.put(*[entry(f"d{n}", "x") for n in range(40)])
        await shelf.store.settle(SCOPE)
        former = (await shelf.catalog.collections.get(SCOPE)).index
        await shelf.catalog.collections.create(NEXT, embedder="f", dimensions=3)
        wide = [entry(f"d{n}", "x") for n in range(40)]
        short = [entry(e.document.id, "x", vectors=[e.vectors[0, :3]]) for e in wide]
        await shelf.catalog.documents.replace(NEXT, short)
        with psycopg.connect(address) as other:
            other.execute("LOCK TABLE bedplate.vector IN SHARE UPDATE EXCLUSIVE MODE")
            build = asyncio.ensure_future(shelf.store.settle(NEXT))
            await until_building(address, build)
            assert (await shelf.find(mode="vector", limit=3)).recall == "ann"
        await build
        await shelf.catalog.versions.rename(SCOPE.tenant, SWAP)
        found = await shelf.store.search(
            SCOPE, StoreQuery("vector", TermVector.of(""), short[7].vectors[0], 40)
        )
        best = max(found.items, key=lambda item: item.cosine or 0)
        assert found.recall == "ann"
        exact = max(short, key=lambda e: float(e.vectors[0] @ short[7].vectors[0]))
        assert best.chunk_id == f"{exact.document.id}#0"
        # A search that began before the swap ends where it began.
        query = StoreQuery("vector", TermVector.of(""), wide[7].vectors[0], 1)
        found = await shelf.store.search(former, query)
        assert (found.recall, [item.chunk_id for item in found.items]) == ("ann", [ChunkId("d7#0")])


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_reindex import opened, put

async def main():
    folder, address = sys.argv[1:]
    place = {"store.use": "pgvector", "store.exact_rows": 8, "data.database": address}
    async with opened(Path(folder), place) as app:
        for number in range(1_000, 1_020):
            report = await put(app, [number])
            assert report.added == 1 and not report.failures, report
            print(number, flush=True)

asyncio.run(main())
"""


async def test_what_another_process_ingests_while_an_index_is_replaced_is_all_there(
    tmp_path: Path, address: str
) -> None:
    place = {"store.use": "pgvector", "store.exact_rows": 8, "data.database": address}
    async with opened_app(tmp_path / "one", place) as app:
        await put(app, range(30))
        before = (await app.catalog.collections.get(app.scope("c"))).key
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(tmp_path / "two"), address,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert writer.stdout is not None
        first = await writer.stdout.readline()
        assert first, (await writer.communicate())[1].decode()
        for _ in range(3):
            done = await flow(app, how=replace(HOW, batch_chunks=4)).run(app.scope("c"), embed=True)
            assert done.verification.ok
        _, problems = await writer.communicate()
        assert writer.returncode == 0, problems.decode()
        assert (await app.catalog.collections.get(app.scope("c"))).key != before
        wanted = {f"d{n}" for n in [*range(30), *range(1_000, 1_020)]}
        assert set(await listed_in(app)) == wanted
        assert set(await found(app, "code", mode="vector", limit=50)) == wanted
        for number in (3, 1_000, 1_019):
            assert await found(app, f"code{number}x", mode="keyword") == [f"d{number}"]
