"""What only the sqlite store promises: snapshots, several processes, a graph with high recall."""

import asyncio
import resource
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import apsw
import numpy as np
import pytest
from tests.contract.entries import entry, unit
from tests.contract.test_stores import SCOPE, Shelf, ids

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import InvalidInput, StorageError
from bedplate.sqlite.database import open_database, select
from bedplate.state import CATALOGS
from bedplate.stores import STORES
from bedplate.stores.protocol import StoreQuery
from bedplate.stores.snapshot import Snapshots
from bedplate.stores.sqlite import SqliteStore, adopt
from bedplate.stores.view import View
from bedplate.terms import TermVector


@asynccontextmanager
async def open_shelf(folder: Path, exact_rows: int = 8) -> AsyncIterator[Shelf]:
    path = folder / "catalog.db"
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(CATALOGS.load("sqlite")(path))
        store = await stack.enter_async_context(
            STORES.load("sqlite")({"exact_rows": exact_rows}, path=path)
        )
        yield Shelf(catalog, store)


async def fill(shelf: Shelf, count: int) -> None:
    await shelf.put(*[entry(f"d{n}", f"word{n} x", vectors=[unit(n)]) for n in range(count)])
    await shelf.store.settle(SCOPE)


def delete_catalog(folder: Path) -> None:
    for file in folder.glob("catalog.db*"):
        file.unlink()


async def test_a_graph_is_sampled_and_says_so_where_enough_rows_pass(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(*[entry(f"d{n}", "x", metadata={"n": n}) for n in range(40)])
        assert (await shelf.find(mode="vector", limit=3)).recall == "exact"
        await shelf.store.settle(SCOPE)
        assert (await shelf.find(mode="vector", limit=3)).recall == "ann"
        assert (await shelf.find(mode="vector", limit=3, filter="n < 20")).recall == "ann"
        assert (await shelf.find(mode="vector", limit=3, filter="n < 8")).recall == "exact"
        assert (await shelf.find("x", mode="keyword", limit=3)).recall == "exact"


async def test_the_graph_finds_what_an_exact_scan_finds(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 2_000)
        matrix = np.stack([unit(n) for n in range(2_000)])
        hits = 0
        for seed in range(5_000, 5_050):
            best = {f"d{n}#0" for n in np.argsort(-(matrix @ unit(seed)))[:10]}
            hits += len(best & ids(await shelf.find(mode="vector", seed=seed, limit=10)))
        assert hits / 500 >= 0.98


async def test_a_reopened_store_reads_its_snapshot_and_what_came_after(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 50)
        await shelf.remove("d1")
        await shelf.put(entry("later", "later", vectors=[unit(70)]))
    async with open_shelf(tmp_path) as shelf:
        best = await shelf.find(mode="vector", seed=70, limit=1)
        assert (best.recall, ids(best)) == ("ann", {"later#0"})
        found = await shelf.find(mode="vector", seed=70, limit=60)
        assert ids(found) == {f"d{n}#0" for n in range(50) if n != 1} | {"later#0"}


async def test_a_lost_or_damaged_snapshot_only_costs_time(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 50)
    [rows] = (tmp_path / "index").glob("*/*/rows.npz")
    rows.write_bytes(rows.read_bytes()[:100])
    async with open_shelf(tmp_path) as shelf:
        assert len(ids(await shelf.find(mode="vector", limit=60))) == 50
    shutil.rmtree(tmp_path / "index")
    async with open_shelf(tmp_path) as shelf:
        assert len(ids(await shelf.find(mode="vector", limit=60))) == 50


async def test_a_damaged_snapshot_is_built_anew_while_searches_go_on(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 300)
    for part in (tmp_path / "index").glob("*/*/*"):
        part.write_bytes(b"\0" * 64)
    expected = {f"d{n}#0" for n in range(300)}
    async with open_shelf(tmp_path) as shelf:
        assert (await shelf.find(mode="vector", limit=3)).recall == "exact"
        settling = asyncio.ensure_future(shelf.store.settle(SCOPE))
        searches = 0
        while not settling.done() or not searches:
            assert ids(await shelf.find(mode="vector", limit=300)) == expected
            searches += 1
        await settling
        assert (await shelf.find(mode="vector", limit=3)).recall == "ann"


@contextmanager
def no_room() -> Iterator[None]:
    """A file of this process ends where a full disk would end it."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


async def test_without_room_for_a_snapshot_searches_go_on_and_nothing_is_left_of_it(
    tmp_path: Path,
) -> None:
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(*[entry(f"d{n}", f"word{n} x", vectors=[unit(n)]) for n in range(300)])
        expected = {f"d{n}#0" for n in range(300)}
        with no_room(), pytest.raises(StorageError, match="could not be saved"):
            await shelf.store.settle(SCOPE)
        assert [path for path in (tmp_path / "index").rglob("*") if path.is_file()] == []
        found = await shelf.find(mode="vector", limit=300)
        assert ids(found) == expected
        await shelf.store.settle(SCOPE)
        found = await shelf.find(mode="vector", limit=300)
        assert ids(found) == expected
        assert (await shelf.find(mode="vector", limit=3)).recall == "ann"


async def test_a_reader_follows_another_writer_at_once(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as reader, open_shelf(tmp_path) as writer:
        await writer.put(entry("a", "first"))
        assert ids(await reader.find("first", mode="keyword")) == {"a#0"}
        await writer.put(entry("a", "second"))
        assert ids(await reader.find("first second", mode="keyword")) == {"a#0"}
        await fill(writer, 60)
        await writer.remove("d5", "a")
        assert ids(await reader.find(mode="vector", limit=99)) == {
            f"d{n}#0" for n in range(60) if n != 5
        }


async def test_a_reader_that_slept_through_pruning_reads_all_again(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as reader, open_shelf(tmp_path) as writer:
        await writer.put(*[entry(f"d{n}", "x") for n in range(30)])
        assert len(ids(await reader.find("x", mode="keyword", limit=99))) == 30
        await writer.remove(*[f"d{n}" for n in range(25)])
        await writer.put(*[entry(f"e{n}", "x") for n in range(30)])
        await writer.store.settle(SCOPE)
        expected = {f"d{n}#0" for n in range(25, 30)} | {f"e{n}#0" for n in range(30)}
        assert ids(await reader.find("x", mode="keyword", limit=99)) == expected


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.contract.entries import entry
from tests.integration.test_sqlite_store import open_shelf

async def main(folder, name):
    async with open_shelf(Path(folder)) as shelf:
        for n in range(30):
            await shelf.put(entry(f"{name}{n}", f"common {name}{n}"))
            if n % 4 == 0:
                await shelf.remove(f"{name}{n}")

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


async def test_two_writing_processes_and_a_reader_lose_nothing(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as reader:
        await reader.put(entry("seed", "common"))
        writers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", WRITER, str(tmp_path), name, cwd=Path(__file__).parents[2]
            )
            for name in ("p", "q")
        ]
        while any(writer.returncode is None for writer in writers):
            found = await reader.find("common", mode="keyword", limit=200)
            assert "seed#0" in ids(found)
            await asyncio.sleep(0.05)
        assert [writer.returncode for writer in writers] == [0, 0]
        expected = {f"{name}{n}#0" for name in "pq" for n in range(30) if n % 4} | {"seed#0"}
        assert ids(await reader.find("common", mode="keyword", limit=200)) == expected


async def test_an_index_over_the_memory_bound_is_let_go_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(CATALOGS.load("sqlite")(path))
        store = await stack.enter_async_context(
            STORES.load("sqlite")({"cache_bytes": 1}, path=path)
        )
        shelf = Shelf(catalog, store)
        others = [type(SCOPE)(SCOPE.tenant, f"c{n}") for n in range(3)]
        for scope in others:
            await shelf.put(entry(f"in-{scope.collection}", "x"), scope=scope)
        for scope in others * 2:
            assert ids(await shelf.find("x", scope=scope)) == {f"in-{scope.collection}#0"}
        assert await catalog.documents.remove(others[0], [DocumentId("in-c0")]) == 1
        assert ids(await shelf.find("x", scope=others[0])) == set()


async def test_an_index_of_a_former_catalog_is_not_believed(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 40)
    delete_catalog(tmp_path)
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(*[entry(f"new{n}", f"fresh{n}") for n in range(10)])
        assert ids(await shelf.find("fresh3 word3", mode="keyword")) == {"new3#0"}


async def test_a_restored_catalog_does_not_take_up_the_index_of_later_rows(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(entry("kept", "kept"))
    backup = (tmp_path / "catalog.db").read_bytes()
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 40)
    (tmp_path / "catalog.db").write_bytes(backup)
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(*[entry(f"new{n}", f"fresh{n}") for n in range(10)])
        assert ids(await shelf.find("kept fresh3 word3", mode="keyword")) == {"kept#0", "new3#0"}


async def test_dead_neighbours_do_not_hide_live_rows(tmp_path: Path) -> None:
    async with open_shelf(tmp_path, exact_rows=500) as shelf:
        rng = np.random.default_rng(3)
        near = [unit(1) + 0.05 * rng.standard_normal(16).astype(np.float32) for _ in range(400)]
        await shelf.put(
            *[entry(f"near{n}", "x", vectors=[v / np.linalg.norm(v)]) for n, v in enumerate(near)],
            *[entry(f"far{n}", "x", vectors=[unit(5_000 + n)]) for n in range(2_000)],
        )
        await shelf.store.settle(SCOPE)
        await shelf.remove(*[f"near{n}" for n in range(400)])
        found = await shelf.find(mode="vector", seed=1, limit=10)
        assert len(ids(found)) >= 10
        assert all(name.startswith("far") for name in ids(found))


async def test_a_rebuild_that_is_late_does_not_take_back_what_was_pruned(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 40)
    async with open_database(tmp_path / "catalog.db") as database:
        assert (await database.write(lambda db: adopt(db, 1, "newer", 30))).how == "done"
        assert (await database.write(lambda db: adopt(db, 1, "older", 20))).how == "late"
        assert (await database.write(lambda db: adopt(db, 9, "lost", 20))).how == "gone"
        [row] = await database.read(
            lambda db: select(db, "SELECT removed_floor, snapshot FROM collection")
        )
    assert row == (30, "newer")


class LateSnapshots(Snapshots):
    """Something else is committed while a snapshot is written."""

    def __init__(self, folder: Path, sql: str) -> None:
        super().__init__(folder / "index")
        self._catalog, self._sql = folder / "catalog.db", sql

    def save(self, collection: int, view: View) -> str:
        with closing(apsw.Connection(str(self._catalog))) as connection:
            connection.execute(self._sql)
        return super().save(collection, view)


@pytest.mark.parametrize(
    ("sql", "found"),
    [("UPDATE collection SET removed_floor = 1000", 40), ("DELETE FROM collection", 0)],
)
async def test_a_snapshot_that_comes_too_late_leaves_nothing_behind(
    tmp_path: Path, sql: str, found: int
) -> None:
    async with open_shelf(tmp_path) as shelf:
        store = shelf.store
        assert isinstance(store, SqliteStore)
        store._snapshots = LateSnapshots(tmp_path, sql)
        await fill(shelf, 40)
        assert list((tmp_path / "index").glob("*/*")) == []
        assert len(store._views) == (1 if found else 0)
        query = StoreQuery("vector", TermVector.of(""), unit(1), 60)
        assert len(ids(await store.search(SCOPE, query))) == found


async def test_a_dropped_index_is_made_again_from_the_rows(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 40)
        [first] = (tmp_path / "index").glob("*/*")
        await shelf.store.drop(SCOPE)
        assert list((tmp_path / "index").glob("*/*")) == []
        assert (await shelf.find(mode="vector", limit=3)).recall == "exact"
        await shelf.store.settle(SCOPE)
        [second] = (tmp_path / "index").glob("*/*")
        assert first != second
        assert (await shelf.find(mode="vector", limit=3)).recall == "ann"


async def test_names_that_a_snapshot_cannot_hold_are_read_from_the_rows(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(entry("a\0b", "odd"), *[entry(f"d{n}", f"word{n}") for n in range(40)])
        await shelf.store.settle(SCOPE)
    async with open_shelf(tmp_path) as shelf:
        assert ids(await shelf.find("word7", mode="keyword")) == {"d7#0"}
        assert ids(await shelf.find("odd", mode="keyword")) == {"a\0b#0"}


async def test_a_replaced_snapshot_is_deleted(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 40)
        [first] = (tmp_path / "index").glob("*/*")
        await shelf.put(*[entry(f"e{n}", "y", vectors=[unit(900 + n)]) for n in range(60)])
        await shelf.store.settle(SCOPE)
        [second] = (tmp_path / "index").glob("*/*")
        assert first != second


async def test_a_catalog_deleted_while_in_use_takes_no_more_writes(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(entry("a", "x"))
        delete_catalog(tmp_path)
        with pytest.raises(StorageError, match=r"catalog\.db was deleted or replaced"):
            await shelf.put(entry("b", "x"))
        with pytest.raises(StorageError, match=r"catalog\.db was deleted or replaced"):
            await shelf.store.search(SCOPE, StoreQuery("keyword", TermVector.of("x"), None, 5))
        assert not (tmp_path / "catalog.db").exists()


async def test_a_name_that_is_no_unicode_is_the_callers_mistake(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        with pytest.raises(InvalidInput, match="not valid Unicode"):
            await shelf.catalog.collections.get(Scope(TenantId("t"), "\ud800"))


async def test_a_filter_that_most_rows_near_the_query_fail_is_compared_exactly(
    tmp_path: Path,
) -> None:
    async with open_shelf(tmp_path) as shelf:
        near = [entry(f"n{n}", "x", vectors=[unit(1)], metadata={"far": 0}) for n in range(300)]
        far = [entry(f"f{n}", "x", vectors=[-unit(1)], metadata={"far": 1}) for n in range(300)]
        await shelf.put(*near, *far)
        await shelf.store.settle(SCOPE)
        found = await shelf.find(mode="vector", seed=1, limit=5, filter="far == 1")
        assert found.recall == "exact"
        assert len(ids(found)) >= 5
        assert all(name.startswith("f") for name in ids(found))


async def test_under_a_filter_the_graph_finds_what_an_exact_scan_finds(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        rows = [
            entry(f"d{n}", "x", vectors=[unit(n)], metadata={"n": n % 10}) for n in range(2_000)
        ]
        await shelf.put(*rows)
        await shelf.store.settle(SCOPE)
        matrix = np.stack([unit(n) for n in range(2_000)])
        kept = np.asarray([n % 10 < 5 for n in range(2_000)])
        hits = 0
        for seed in range(5_000, 5_050):
            scores = np.where(kept, matrix @ unit(seed), -2)
            best = {f"d{n}#0" for n in np.argsort(-scores)[:10]}
            found = await shelf.find(mode="vector", seed=seed, limit=10, filter="n < 5")
            assert found.recall == "ann"
            hits += len(best & ids(found))
        assert hits / 500 >= 0.98


async def test_rows_that_were_replaced_are_let_go_of(tmp_path: Path) -> None:
    async with open_shelf(tmp_path, exact_rows=40) as shelf:
        for _ in range(20):
            await shelf.put(*[entry(f"d{n}", "x") for n in range(10)])
            await shelf.find("x")
            await shelf.store.settle(SCOPE)
        async with open_database(tmp_path / "catalog.db") as database:
            removed = await database.read(lambda db: select(db, "SELECT count(*) FROM removed"))
        assert removed[0][0] <= 20
        assert len(ids(await shelf.find("x", limit=50))) == 10
    async with open_shelf(tmp_path, exact_rows=40) as shelf:
        assert len(ids(await shelf.find("x", limit=50))) == 10


async def test_of_more_ties_than_are_given_the_first_by_chunk_id_are(tmp_path: Path) -> None:
    async with open_shelf(tmp_path, exact_rows=1_000) as shelf:
        await shelf.put(*[entry(f"z{n:02}", "word") for n in range(50)])
        await shelf.put(*[entry(f"a{n:02}", "word") for n in range(50)])
        found = await shelf.find("word", mode="keyword", limit=5)
        assert ids(found) == {f"a{n:02}#0" for n in range(10)}


async def test_documents_that_are_being_replaced_are_not_lost_to_a_filter(tmp_path: Path) -> None:
    names = [f"d{n}" for n in range(5)]
    async with open_shelf(tmp_path) as reader, open_shelf(tmp_path) as writer:
        kept = [entry(name, "common", metadata={"n": 1}) for name in names]
        await writer.put(*kept)
        done = asyncio.Event()

        async def replace_again_and_again() -> None:
            for _ in range(150):
                await writer.catalog.documents.replace(SCOPE, kept)
            done.set()

        async def search() -> int:
            searches = 0
            while not done.is_set():
                found = await reader.find("common", filter="n == 1")
                assert ids(found) == {f"{name}#0" for name in names}
                searches += 1
            return searches

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(replace_again_and_again())
            searching = [tasks.create_task(search()) for _ in range(3)]
        assert sum(task.result() for task in searching) > 0


async def test_every_connection_has_the_settings_it_is_opened_with(tmp_path: Path) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}
    async with open_database(tmp_path / "catalog.db") as database:
        for run in (database.read, database.write):
            found = await run(lambda db: {name: db.pragma(name) for name in wanted})
            assert found == wanted
