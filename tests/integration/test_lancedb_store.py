"""What only the lancedb store promises: tables on disk, commits, indexes that `settle` makes."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest
from pydantic import ValidationError
from tests.contract.entries import entry, unit

from bedplate.domain.documents import MetadataValue
from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, kind_of
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, StorageError
from bedplate.stores.keys import scope_key
from bedplate.stores.lancedb import open_lancedb_store
from bedplate.stores.lancedb_table import schema
from bedplate.stores.memory import passes
from bedplate.stores.protocol import Candidates, Store, StoreQuery
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")
BITING = ["x' OR 1=1", "'; --", "{a}", "a\\", "'])", "雨\u0000", "", "n" * 2000, "%_*", "../up"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_lancedb_store({"exact_rows": 8}, path=tmp_path / "catalog.db") as opened:
        yield opened


def vectors(filter: Filter | None = None, *, seed: int = 1, limit: int = 100) -> StoreQuery:
    return StoreQuery("vector", TermVector.of(""), unit(seed), limit, filter)


def words(text: str, filter: Filter | None = None) -> StoreQuery:
    return StoreQuery("keyword", TermVector.of(text), None, 100, filter)


def ids(found: Candidates) -> set[str]:
    return {candidate.chunk_id for candidate in found.items}


async def test_strings_that_bite_stay_what_they_are(store: Store, tmp_path: Path) -> None:
    scopes = [Scope(TenantId(text), text) for text in BITING]
    for scope in scopes[:3]:
        await store.upsert(
            scope, [entry(f"d{text}", "x", metadata={text: text, "all": 1}) for text in BITING]
        )
    for text in BITING:
        own = {f"d{text}#0"}
        equal = Comparison(text, "eq", text, "string")
        assert ids(await store.search(scopes[0], vectors(equal))) == own
        named = Documents((DocumentId(f"d{text}"),))
        assert ids(await store.search(scopes[0], words("x", named))) == own
    await store.delete(scopes[0], [DocumentId(f"d{text}") for text in BITING])
    await store.drop(scopes[1])
    left = [len((await store.search(scope, vectors())).items) for scope in scopes]
    assert left == [0, 0, len(BITING), *[0] * (len(BITING) - 3)]
    assert {path.name for path in (tmp_path / "lancedb").iterdir()} == {
        f"c_{scope_key(scope)}.lance" for scope in (scopes[0], scopes[2])
    }


VALUES: list[Any] = [
    None,
    0,
    5,
    5.5,
    -3,
    2**53,
    2**53 + 1,
    True,
    "a",
    "b",
    "2026-01-05",
    [],
    [5, "a"],
]


def leaf(chance: random.Random) -> Filter:
    value = chance.choice([v for v in VALUES if v is not None and not isinstance(v, list)])
    kind = kind_of(value)
    if kind == "date":
        value = "2026-01-05T00:00:00.000000+00:00"
    ordered = ["gt", "gte", "lt", "lte"] if kind in ("number", "date") else []
    operator: Any = chance.choice(["eq", "ne", "exists", *ordered])
    if operator == "exists":
        return Comparison(chance.choice("fgh"), "exists", chance.random() < 0.5, "string")
    return Comparison(chance.choice("fgh"), operator, value, kind)


def tree(chance: random.Random, depth: int) -> Filter:
    if depth == 0 or chance.random() < 0.3:
        return leaf(chance)
    parts = [tree(chance, depth - 1) for _ in range(chance.randint(1, 3))]
    return chance.choice([And(parts), Or(parts), Not(parts[0])])


async def test_filters_mean_the_same_with_indexes_without_and_half_way(store: Store) -> None:
    chance = random.Random(5)
    held: dict[str, Mapping[str, MetadataValue]] = {}

    async def put(names: list[str]) -> None:
        for name in names:
            held[name] = {field: chance.choice(VALUES) for field in "fg"}
        await store.upsert(SCOPE, [entry(n, "x", metadata=held[n]) for n in names])

    filters = [tree(chance, 3) for _ in range(40)]
    for step in range(3):
        await put([f"d{n}" for n in range(step * 30, step * 30 + 45)])
        for filter in filters[step * 10 :]:
            wanted = {f"{n}#0" for n, data in held.items() if passes(DocumentId(n), data, filter)}
            assert ids(await store.search(SCOPE, vectors(filter, limit=200))) == wanted
            assert ids(await store.search(SCOPE, words("x", filter))) == wanted
        await store.settle(SCOPE)


async def test_a_filter_may_be_as_deep_and_as_wide_as_filters_get(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "x", metadata={"n": 1}), entry("b", "x")])
    least = Comparison("n", "gte", 1, "number")
    deep: Filter = least
    for level in range(32):
        deep = Not((And, Or)[level % 2]([deep, Not(least)]))
    wanted = {
        f"{n}#0" for n, data in (("a", {"n": 1}), ("b", {})) if passes(DocumentId(n), data, deep)
    }
    assert ids(await store.search(SCOPE, vectors(deep))) == wanted
    wide = Or([And([Comparison("n", "gt", n, "number")]) for n in range(-100, 100)])
    assert ids(await store.search(SCOPE, vectors(wide))) == {"a#0"}
    many = Documents(tuple(DocumentId(f"no{n}" if n else "b") for n in range(10_000)))
    assert ids(await store.search(SCOPE, vectors(many))) == {"b#0"}


async def test_the_graph_finds_nearly_all_that_an_exact_scan_finds(tmp_path: Path) -> None:
    options = {"exact_rows": 1_000}
    async with open_lancedb_store(options, path=tmp_path / "catalog.db") as store:
        rows = [unit(n) for n in range(2_000)]
        entries = [
            entry(f"d{n}", "x", vectors=[row], metadata={"n": n}) for n, row in enumerate(rows)
        ]
        await store.upsert(SCOPE, entries)
        assert (await store.search(SCOPE, vectors(limit=10))).recall == "exact"
        await store.settle(SCOPE)
        found = total = 0
        for seed in range(3_000, 3_020):
            for filter in (None, Comparison("n", "lt", 40, "number")):
                answer = await store.search(SCOPE, vectors(filter, seed=seed, limit=10))
                assert answer.recall == "ann"
                scores = np.stack(rows[: 40 if filter else None]) @ unit(seed)
                best = {f"d{n}#0" for n in np.argsort(-scores)[:10]}
                found += len(best & ids(answer))
                total += 10
        assert found / total >= 0.99


async def test_a_long_question_asks_for_the_terms_that_say_most(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "rare"), entry("b", "common")])
    terms = TermVector.of("rare common " + " ".join(f"word{n}" for n in range(3_000)))
    idf = np.full(len(terms.ids), 0.5, dtype=np.float32)
    idf[terms.ids == TermVector.of("rare").ids[0]] = 9.0
    idf[terms.ids == TermVector.of("common").ids[0]] = 0.1
    query = StoreQuery("keyword", terms, None, 10, None, idf)
    assert ids(await store.search(SCOPE, query)) == {"a#0"}


async def test_stores_write_and_settle_at_once_without_losing_anything(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with (
        open_lancedb_store({"exact_rows": 8}, path=path) as one,
        open_lancedb_store({"exact_rows": 8}, path=path) as other,
    ):
        await one.upsert(SCOPE, [entry("d0", "old", "older")])

        async def write(store: Store, numbers: range) -> None:
            for n in numbers:
                await store.upsert(SCOPE, [entry(f"d{n}", "x")])

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write(one, range(0, 24, 2)))
            tasks.create_task(write(other, range(1, 24, 2)))
            for _ in range(3):
                tasks.create_task(one.settle(SCOPE))
        for store in (one, other):
            await store.settle(SCOPE)
            assert ids(await store.search(SCOPE, vectors())) == {f"d{n}#0" for n in range(24)}


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.contract.entries import entry
from tests.integration.test_lancedb_store import SCOPE
from bedplate.stores.lancedb import open_lancedb_store

async def main():
    async with open_lancedb_store({}, path=Path(sys.argv[1])) as store:
        for n in range(10_000):
            await store.upsert(SCOPE, [entry(f"d{n}", "x", "y")])
            print(n, flush=True)

asyncio.run(main())
"""


async def test_what_a_killed_process_wrote_is_there_and_documents_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with open_lancedb_store({}, path=path) as reader:
        assert ids(await reader.search(SCOPE, vectors())) == set()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        while (await process.stdout.readline()).strip() != b"12":
            assert process.returncode is None
        process.kill()
        rest = await process.stdout.read()
        await process.wait()
        last = 12 + rest.count(b"\n")
        found = ids(await reader.search(SCOPE, vectors()))
        whole = {f"d{n}#{m}" for n in range(last + 1) for m in (0, 1)}
        assert found in (whole, whole | {f"d{last + 1}#0", f"d{last + 1}#1"})


async def test_another_length_of_vector_is_a_conflict(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "x")])
    short = StoreQuery("vector", TermVector.of(""), unit(1)[:4], 5)
    with pytest.raises(Conflict, match=r"have 16 numbers, these have 4"):
        await store.search(SCOPE, short)
    with pytest.raises(Conflict, match=r"have 16 numbers, these have 4"):
        await store.upsert(SCOPE, [entry("b", "x", vectors=[unit(1)[:4]])])
    await store.drop(SCOPE)
    await store.upsert(SCOPE, [entry("b", "x", vectors=[unit(1)[:4]])])
    assert ids(await store.search(SCOPE, short)) == {"b#0"}


async def test_a_table_that_was_left_without_indexes_is_searched_and_completed(
    store: Store, tmp_path: Path
) -> None:
    database = await lancedb.connect_async(str(tmp_path / "lancedb"))
    await database.create_table(f"c_{scope_key(SCOPE)}", schema=schema(16))
    assert ids(await store.search(SCOPE, words("x"))) == set()
    await store.upsert(SCOPE, [entry("a", "x")])
    assert ids(await store.search(SCOPE, words("x"))) == {"a#0"}


async def test_a_document_without_chunks_is_deleted(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a"), entry("none")])
    await store.upsert(SCOPE, [entry("a", "x", "y"), entry("b", "x")])
    await store.upsert(SCOPE, [entry("a")])
    assert ids(await store.search(SCOPE, vectors())) == {"b#0"}
    await store.upsert(SCOPE, [entry("b"), entry("c", "x")])
    assert ids(await store.search(SCOPE, vectors())) == {"c#0"}


async def test_damaged_files_and_a_file_in_place_of_the_folder_are_storage_errors(
    store: Store, tmp_path: Path
) -> None:
    await store.upsert(SCOPE, [entry("a", "x")])
    for data in (tmp_path / "lancedb").rglob("data/*.lance"):
        data.unlink()
    async with open_lancedb_store({}, path=tmp_path / "catalog.db") as fresh:
        with pytest.raises(StorageError, match="cannot be read or written"):
            await fresh.search(SCOPE, vectors())
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        async with open_lancedb_store({"folder": tmp_path / "file"}, path=tmp_path):
            pass


@pytest.mark.parametrize("options", [{"exact_rows": 0}, {"keep_seconds": 1}, {"uri": "x"}], ids=str)
async def test_options_that_cannot_work_are_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        async with open_lancedb_store(options, path=tmp_path / "catalog.db"):
            pass
