"""The recall that the doctor measures."""

from collections.abc import Sequence
from pathlib import Path

from tests.contract.entries import entry, unit
from tests.contract.test_stores import SCOPE
from tests.integration.test_sqlite_store import fill, open_shelf

from bedplate.doctor.parts import judge_recall
from bedplate.domain.retrieval import Scope
from bedplate.ingest.recall import measure_recall
from bedplate.state.protocol import Entry
from bedplate.stores.memory import MemoryStore
from bedplate.stores.protocol import Candidates, StoreQuery


class LazyStore(MemoryStore):
    """Knows every second document, and says that it samples."""

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        await super().upsert(scope, entries[::2])

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        found = await super().search(scope, query)
        return Candidates(found.items, "ann", found.vectors)


async def test_a_graph_is_measured_against_every_vector(tmp_path: Path) -> None:
    async with open_shelf(tmp_path, exact_rows=8) as shelf:
        await fill(shelf, 600)
        collection = await shelf.catalog.collections.get(SCOPE)
        found = await measure_recall(shelf.catalog, shelf.store, collection)
        assert found.recall is not None
        assert found.recall >= 0.98
        assert (found.queries, found.compared) == (50, 600)
        assert judge_recall("r", collection, found).status == "ok"
        part = await measure_recall(shelf.catalog, shelf.store, collection, seconds=0)
        assert 0 < part.compared < 600
        assert "compared with 500 of 600" in judge_recall("r", collection, part).detail


async def test_an_index_that_misses_half_is_a_finding(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        entries = [entry(f"d{n:03}", "x", vectors=[unit(n)]) for n in range(200)]
        await shelf.put(*entries)
        lazy = LazyStore()
        collection = await shelf.catalog.collections.get(SCOPE)
        await lazy.upsert(collection.index, entries)
        found = await measure_recall(shelf.catalog, lazy, collection)
        assert found.recall is not None
        assert 0.3 < found.recall < 0.7
        finding = judge_recall("r", collection, found)
        assert finding.status == "warn"
        assert "bedplate reindex -c notes" in finding.remedy


async def test_passages_of_equal_text_count_as_found(tmp_path: Path) -> None:
    async with open_shelf(tmp_path) as shelf:
        await shelf.put(*[entry(f"d{n:03}", "x", vectors=[unit(n // 40)]) for n in range(200)])
        await shelf.store.settle(SCOPE)
        collection = await shelf.catalog.collections.get(SCOPE)
        found = await measure_recall(shelf.catalog, shelf.store, collection)
        assert found.recall == 1.0


async def test_a_small_collection_is_exact(tmp_path: Path) -> None:
    async with open_shelf(tmp_path, exact_rows=1000) as shelf:
        await fill(shelf, 5)
        collection = await shelf.catalog.collections.get(SCOPE)
        found = await measure_recall(shelf.catalog, shelf.store, collection)
        assert found.recall is None
        assert judge_recall("r", collection, found).detail.startswith("Every vector is compared")


async def test_a_store_that_lacks_the_collection_is_a_finding_though_it_compared_all_it_has(
    tmp_path: Path,
) -> None:
    async with open_shelf(tmp_path) as shelf:
        await fill(shelf, 5)
        collection = await shelf.catalog.collections.get(SCOPE)
        found = await measure_recall(shelf.catalog, MemoryStore(), collection)
        assert found.recall == 0
        assert judge_recall("r", collection, found).status == "warn"
