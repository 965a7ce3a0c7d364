"""What only the pgvector store promises: its indexes, and candidates that are the best ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from tests.contract.entries import DIMENSIONS, entry, unit
from tests.contract.test_stores import SCOPE, Shelf, ids
from tests.fixtures.postgres import catalog_database, empty_database, free_port
from tests.integration.test_postgres_catalog import ODD

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import ConfigError, InvalidInput, Unavailable
from bedplate.postgres.terms import USUAL_TERMS
from bedplate.rag.retrieve import SearchRequest
from bedplate.state import CATALOGS
from bedplate.stores import STORES
from bedplate.stores.pgvector import FEW_DOCUMENTS
from bedplate.stores.pgvector_terms import FEW_CHUNKS
from bedplate.stores.protocol import StoreQuery
from bedplate.terms import TermVector, bm25

INDEXES = """
SELECT relname, indisvalid FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
WHERE relname LIKE 'vector_hnsw%' ORDER BY 1
"""


@asynccontextmanager
async def open_shelf(address: str, **options: Any) -> AsyncIterator[Shelf]:
    given = {"database": address, "exact_rows": 8, **options}
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(CATALOGS.load("postgres")(address))
        store = await stack.enter_async_context(STORES.load("pgvector")(given, path=Path()))
        yield Shelf(catalog, store)


@pytest.fixture
def address() -> Iterator[str]:
    with catalog_database() as made:
        yield made


@pytest.fixture
async def shelf(address: str) -> AsyncIterator[Shelf]:
    async with open_shelf(address) as opened:
        yield opened


def asked(address: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


async def test_an_index_is_sampled_and_says_so_and_few_rows_are_compared_exactly(
    shelf: Shelf,
) -> None:
    await shelf.put(*[entry(f"d{n}", "x", metadata={"n": n}) for n in range(60)])
    assert (await shelf.find(mode="vector", limit=3)).recall == "exact"
    await shelf.store.settle(SCOPE)
    assert (await shelf.find(mode="vector", limit=3)).recall == "ann"
    assert (await shelf.find(mode="vector", limit=3, filter="n < 5")).recall == "exact"
    assert (await shelf.find(mode="vector", limit=3, filter="n < 50")).recall == "ann"
    assert (await shelf.find(mode="vector", limit=60)).recall == "ann"
    assert (await shelf.find("x", mode="keyword", limit=3)).recall == "exact"


async def test_the_index_finds_what_an_exact_comparison_finds(shelf: Shelf) -> None:
    vectors = [unit(n) for n in range(2_000)]
    await shelf.put(
        *[entry(f"d{n}", "x", vectors=[v], metadata={"half": n % 2}) for n, v in enumerate(vectors)]
    )
    await shelf.store.settle(SCOPE)
    matrix = np.stack(vectors)
    for filter, members in ((None, np.arange(2_000)), ("half == 1", np.arange(1, 2_000, 2))):
        hits = 0
        for seed in range(5_000, 5_030):
            order = members[np.argsort(-(matrix[members] @ unit(seed)))[:10]]
            found = await shelf.find(mode="vector", seed=seed, limit=10, filter=filter)
            assert found.recall == "ann"
            hits += len({f"d{n}#0" for n in order} & ids(found))
        assert hits / 300 >= 0.98


async def test_a_scan_that_gives_up_early_is_made_good_by_an_exact_comparison(
    address: str,
) -> None:
    async with open_shelf(address, iterative_scan="off", hnsw_ef_search=5) as shelf:
        near = [entry(f"n{n}", "x", vectors=[unit(n)], metadata={"k": 0}) for n in range(2_000)]
        far = [entry(f"f{n}", "x", vectors=[-unit(1)], metadata={"k": 1}) for n in range(20)]
        await shelf.put(*near, *far)
        await shelf.store.settle(SCOPE)
        found = await shelf.find(mode="vector", limit=20, filter={"k": {"$ne": 0}})
        assert (found.recall, ids(found)) == ("exact", {f"f{n}#0" for n in range(20)})


async def test_settling_again_or_twice_at_once_leaves_one_index(shelf: Shelf, address: str) -> None:
    await shelf.put(*[entry(f"d{n}", "x") for n in range(30)])
    async with open_shelf(address) as other:
        await asyncio.gather(shelf.store.settle(SCOPE), other.store.settle(SCOPE))
    await shelf.store.settle(SCOPE)
    assert [valid for _, valid in asked(address, INDEXES)] == [True]


async def test_an_index_that_was_left_half_built_is_not_used_and_built_anew(
    shelf: Shelf, address: str
) -> None:
    await shelf.put(*[entry(f"d{n}", "x") for n in range(30)])
    await shelf.store.settle(SCOPE)
    asked(
        address,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = ("
        "SELECT oid FROM pg_class WHERE relname LIKE 'vector_hnsw%')",
    )
    assert (await shelf.find(mode="vector", limit=3)).recall == "exact"
    await shelf.store.settle(SCOPE)
    assert (await shelf.find(mode="vector", limit=3)).recall == "ann"
    assert [valid for _, valid in asked(address, INDEXES)] == [True]


async def test_an_index_goes_with_its_collection_and_no_other(shelf: Shelf, address: str) -> None:
    other = Scope(TenantId("t2"), "notes")
    for scope in (SCOPE, other):
        await shelf.put(*[entry(f"d{n}", "x") for n in range(30)], scope=scope)
        await shelf.store.settle(scope)
    assert len(asked(address, INDEXES)) == 2
    await shelf.catalog.collections.drop(SCOPE)
    await shelf.store.drop(SCOPE)
    assert len(asked(address, INDEXES)) == 1
    assert (await shelf.find(mode="vector", limit=3, scope=other)).recall == "ann"
    assert (
        await shelf.store.search(SCOPE, StoreQuery("keyword", TermVector.of("x"), None, 9))
    ).items == ()


async def test_an_index_is_built_anew_beside_the_one_that_serves(
    shelf: Shelf, address: str
) -> None:
    options = "SELECT reloptions::text FROM pg_class WHERE relname LIKE 'vector_hnsw%'"
    await shelf.put(*[entry(f"d{n}", "x") for n in range(60)])
    await shelf.store.settle(SCOPE)
    assert "m=16" in asked(address, options)[0][0]
    async with open_shelf(address, m=8) as other:
        for _ in range(2):
            await other.store.drop(SCOPE)
            assert (await shelf.find(mode="vector", limit=3)).recall == "ann"
        [(former, valid)] = asked(address, INDEXES)
        assert (former.endswith("_former"), valid) == (True, True)
        await other.store.settle(SCOPE)
    assert asked(address, INDEXES) == [(former.removesuffix("_former"), True)]
    assert "m=8" in asked(address, options)[0][0]
    found = await shelf.find(mode="vector", limit=60)
    assert (found.recall, len(found.items)) == ("ann", 60)
    async with open_shelf(address, exact_rows=60) as other:
        await other.store.drop(SCOPE)
        await other.store.settle(SCOPE)
    assert asked(address, INDEXES) == []


async def until_building(address: str, build: "asyncio.Future[None]") -> None:
    waiting = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'"
    while not asked(address, waiting):
        assert not build.done(), build.exception()
        await asyncio.wait([build], timeout=0.02)


async def test_closing_interrupts_a_build_and_dropping_does_not_wait_for_one(address: str) -> None:
    async with open_shelf(address) as shelf:
        await shelf.put(*[entry(f"d{n}", "x") for n in range(30)])
        await shelf.store.settle(SCOPE)
        await shelf.catalog.collections.drop(SCOPE)
        await shelf.put(*[entry(f"d{n}", "x") for n in range(30)])
    async with AsyncExitStack() as stack:
        shelf = await stack.enter_async_context(open_shelf(address))
        with psycopg.connect(address) as other:
            other.execute("LOCK TABLE bedplate.vector IN SHARE UPDATE EXCLUSIVE MODE")
            await shelf.store.drop(SCOPE)
            build = asyncio.ensure_future(shelf.store.settle(SCOPE))
            await until_building(address, build)
            await stack.aclose()
            with pytest.raises(Unavailable, match="interrupted"):
                await build
    async with open_shelf(address) as shelf:
        await shelf.store.drop(SCOPE)
        await shelf.store.settle(SCOPE)
        assert [valid for _, valid in asked(address, INDEXES)] == [True]


async def test_collections_of_any_length_stand_side_by_side(shelf: Shelf, address: str) -> None:
    await shelf.put(*[entry(f"d{n}", "x") for n in range(30)])
    short = Scope(SCOPE.tenant, "short")
    await shelf.catalog.collections.create(short, embedder="e", dimensions=2)
    vectors = [np.asarray([np.cos(n), np.sin(n)], dtype=np.float32) for n in range(30)]
    rows = [entry(f"s{n}", "x", vectors=[v]) for n, v in enumerate(vectors)]
    await shelf.catalog.documents.replace(short, rows)
    for scope in (SCOPE, short):
        await shelf.store.settle(scope)
    query = StoreQuery("vector", TermVector.of(""), vectors[7], 1)
    found = await shelf.store.search(short, query)
    assert (found.recall, ids(found)) == ("ann", {"s7#0"})
    with pytest.raises(InvalidInput, match="dimensions"):
        await shelf.store.search(SCOPE, query)


async def test_a_vector_of_zeros_is_found_too(shelf: Shelf) -> None:
    zero = np.zeros(DIMENSIONS, dtype=np.float32)
    await shelf.put(*[entry(f"d{n}", "x", vectors=[-unit(1)]) for n in range(20)])
    await shelf.put(entry("zero", "x", vectors=[zero]))
    await shelf.store.settle(SCOPE)
    found = await shelf.find(mode="vector", seed=1, limit=1)
    assert (found.recall, ids(found)) == ("ann", {"zero#0"})


async def test_leaving_out_common_terms_changes_no_candidate(shelf: Shelf) -> None:
    """More chunks than are looked at whatever their terms, so that the rare ones come first."""
    random = np.random.default_rng(3)
    words = [f"w{n}" for n in range(200)]
    weights = 1 / np.arange(1, 201)
    count = 2 * FEW_CHUNKS
    texts = [
        " ".join(random.choice(words, random.integers(3, 12), p=weights / weights.sum()))
        for _ in range(count)
    ]
    vector = [unit(1)]
    rows = [entry(f"d{n}", text, vectors=vector) for n, text in enumerate(texts)]
    await shelf.put(*rows)
    kept = [TermVector.of(text) for text in texts]
    for text in ("w0 w1 w2", "w0 w150 w199", "w0 w5 w60 w61", "w0 w0 w3 w180", "w3"):
        terms = TermVector.of(text)
        statistics = await shelf.catalog.index.statistics(SCOPE, terms)
        idf = statistics.idf()
        scores = np.asarray([bm25(terms, idf, row, USUAL_TERMS) for row in kept])
        query = StoreQuery("keyword", terms, None, 20, None, idf)
        found = await shelf.store.search(SCOPE, query)
        bound = np.sort(scores)[-20] - 1e-5
        best = {f"d{n}#0" for n in np.flatnonzero(scores >= bound)}
        assert len(found.items) >= 20
        assert ids(found) <= best
        assert {f"d{n}#0" for n in np.flatnonzero(scores > bound + 2e-5)} <= ids(found)


async def test_a_query_without_idf_weighs_its_terms_alike(shelf: Shelf) -> None:
    await shelf.put(entry("a", "red boots"), entry("b", "red"))
    query = StoreQuery("keyword", TermVector.of("red boots"), None, 1)
    assert ids(await shelf.store.search(SCOPE, query)) == {"a#0"}
    none = replace(query, idf=np.zeros(2, dtype=np.float32))
    assert (await shelf.store.search(SCOPE, none)).items == ()


@pytest.mark.parametrize("text", ODD)
async def test_no_string_breaks_out_of_a_search(address: str, text: str) -> None:
    scope, key = Scope(TenantId(text), text), f"k{text}"
    async with open_shelf(address) as shelf:
        rows = [entry(f"d{n}", "x", metadata={key: f"{text}{n % 2}"}) for n in range(30)]
        await shelf.put(entry(text, f"x {text}", metadata={key: text}), *rows, scope=scope)
        await shelf.store.settle(scope)
        for passing, wanted in (({key: text}, {f"{text}#0"}), ({key: {"$ne": f"{text}1"}}, None)):
            found = await shelf.find("x", limit=40, filter=passing, scope=scope)
            assert ids(found) == (wanted or {f"{text}#0"} | {f"d{n}#0" for n in range(0, 30, 2)})
        await shelf.catalog.collections.drop(scope)
        await shelf.store.drop(scope)


async def test_few_and_many_passing_documents_give_the_same_keyword_candidates(
    shelf: Shelf,
) -> None:
    """More documents than are looked at one by one."""
    count = FEW_DOCUMENTS + 100
    rows = [
        entry(f"d{n}", f"word{n % 7} common", vectors=[unit(1)], metadata={"n": n, "all": 1})
        for n in range(count)
    ]
    await shelf.put(*rows)
    wanted = {f"d{n}#0" for n in range(20) if n % 7 == 3}
    few = await shelf.find("word3", mode="keyword", limit=50, filter="n < 20")
    assert ids(few) == wanted
    many = await shelf.find("word3", mode="keyword", limit=50, filter="all == 1 and not n >= 20")
    assert ids(many) == wanted
    every = await shelf.find("word3", mode="keyword", limit=count, filter="all == 1")
    assert len(every.items) == sum(n % 7 == 3 for n in range(count))


async def test_a_server_that_is_not_there_is_told_at_the_start() -> None:
    there = f"postgresql://u:pw-1@127.0.0.1:{free_port()}/x"
    with pytest.raises(Unavailable, match="Is it running") as caught:
        async with STORES.load("pgvector")({"database": there}, path=Path()):
            pass
    assert "pw-1" not in str(caught.value)


async def test_a_database_without_the_catalog_is_refused() -> None:
    with empty_database() as address, pytest.raises(ConfigError, match="does not hold the"):
        async with STORES.load("pgvector")({"database": address}, path=Path()):
            pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"store.use": "pgvector"}, "data.database is not set: set store.use = 'sqlite'"),
        (
            {"data.database": "postgresql://u:pw-1@h/x"},
            "'sqlite'.*PostgreSQL database: set store.use = 'pgvector'",
        ),
    ],
)
async def test_a_store_that_does_not_fit_the_catalog_is_told_at_the_start(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    given = {"data.dir": str(tmp_path), "embedder.use": "hashing", **arguments}
    with pytest.raises(ConfigError, match=message) as caught:
        async with open_app(load_config(environment={}, arguments=given).config):
            pass
    assert "pw-1" not in str(caught.value)


async def test_the_store_without_an_address_says_where_it_comes_from() -> None:
    with pytest.raises(ConfigError, match="set data.database"):
        async with STORES.load("pgvector")({}, path=Path()):
            pass


@pytest.mark.parametrize("store", ["pgvector", "memory"])
async def test_an_app_keeps_and_finds_in_postgres(tmp_path: Path, address: str, store: str) -> None:
    given = {"data.dir": str(tmp_path / "data"), "embedder.use": "hashing", "store.use": store}
    loaded = load_config(environment={"BEDPLATE_DATA__DATABASE": address}, arguments={**given})
    async with open_app(loaded.config) as app:
        await app.check()
        scope = app.scope("docs")
        collection = await app.catalog.collections.create(
            scope, embedder=app.embedder.fingerprint, dimensions=app.embedder.dimensions
        )
        texts = ["Boots keep feet dry.", "A tent for two."]
        vectors = await app.embedder.embed(texts)
        rows = [entry(f"d{n}", t, vectors=[vectors[n]]) for n, t in enumerate(texts)]
        await app.catalog.documents.replace(scope, rows)
        await app.store.upsert(collection.index, rows)
        found = await app.search.search(scope, SearchRequest("dry boots"))
        assert found.hits[0].text == texts[0]
    assert not (tmp_path / "data" / "catalog.db").exists()
