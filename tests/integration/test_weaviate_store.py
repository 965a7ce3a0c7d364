"""The weaviate store by the official client, against a local server made from the specification."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.contract.entries import entry, unit
from tests.fixtures.weaviate_engine import Engine
from tests.fixtures.weaviate_server import WeaviateServer, serve_weaviate

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.filters import Comparison
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import BedplateError, ConfigError, Conflict, StorageError, Unavailable
from bedplate.ingest.incoming import Upload
from bedplate.rag.retrieve import SearchRequest
from bedplate.state.protocol import Entry
from bedplate.stores import STORES
from bedplate.stores.protocol import Candidates, Store, StoreQuery
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")


@asynccontextmanager
async def opened(server: WeaviateServer, **options: Any) -> AsyncGenerator[Store]:
    reach = {"url": server.url, "grpc_url": server.grpc_url, "connect_seconds": 10.0}
    async with STORES.load("weaviate")({**reach, **options}, path=Path("unused")) as store:
        yield store


async def search(store: Store, text: str = "x", limit: int = 10, **rest: Any) -> Candidates:
    terms = TermVector.of(text)
    idf = np.ones(len(terms.ids), dtype=np.float32)
    query = StoreQuery("hybrid", terms, unit(1), limit, idf=idf, **rest)
    return await store.search(SCOPE, query)


def ids(found: Candidates) -> set[str]:
    return {each.chunk_id for each in found.items}


async def refusal(server: WeaviateServer, **options: Any) -> BedplateError:
    with pytest.raises(BedplateError) as caught:
        async with opened(server, **options):
            pass
    return caught.value


# --- opening


@pytest.mark.parametrize("port", ["url", "grpc_url"])
async def test_a_server_that_is_not_there_fails_the_opening(port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
    async with serve_weaviate() as server:
        error = await refusal(server, connect_seconds=1.0, **{port: nobody})
    assert isinstance(error, Unavailable)
    assert (server.url if port == "grpc_url" else nobody) in error.message
    assert port == "url" or nobody in error.message


async def test_a_wrong_key_fails_the_opening_and_is_not_told() -> None:
    async with serve_weaviate(api_key="right") as server:
        for options in ({}, {"api_key": "wr0ng-key"}):
            error = await refusal(server, **options)
            assert isinstance(error, ConfigError)
            assert "api_key" in error.message
            assert "wr0ng-key" not in error.message
        async with opened(server, api_key="right") as store:
            await store.upsert(SCOPE, [entry("a", "x")])
            assert ids(await search(store)) == {"a#0"}


async def test_an_old_server_is_named_with_what_it_lacks() -> None:
    async with serve_weaviate(version="1.32.9") as server:
        error = await refusal(server)
    assert isinstance(error, ConfigError)
    assert "1.32.9" in error.message
    assert "1.33" in error.message


async def test_a_collection_made_for_something_else_is_left_alone() -> None:
    engine = Engine()
    theirs = {
        "class": "Bedplate",
        "properties": [{"name": "title", "dataType": ["text"]}],
        "multiTenancyConfig": {"enabled": True},
    }
    engine.create(theirs)
    async with serve_weaviate(engine) as server:
        error = await refusal(server)
        assert isinstance(error, ConfigError)
        assert "collection" in error.message
        async with opened(server, collection="Other"):
            assert set(engine.classes) == {"Bedplate", "Other"}


async def test_other_settings_than_the_collection_was_made_with_fail_the_opening() -> None:
    async with serve_weaviate() as server:
        async with opened(server, index="flat") as store:
            await store.upsert(SCOPE, [entry("a", "x")])
            assert (await search(store)).recall == "exact"
        for options in ({"index": "hnsw"}, {"index": "flat", "replicas": 3}):
            error = await refusal(server, **options)
            assert isinstance(error, ConfigError)
            assert "'flat' and 1 replicas" in error.message


async def test_two_processes_that_open_at_once_make_one_collection() -> None:
    async with serve_weaviate() as server, AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as tasks:
            first, second = (
                tasks.create_task(stack.enter_async_context(opened(server))) for _ in range(2)
            )
        assert [name for name, _ in server.seen].count("POST /v1/schema") == 2
        one, other = first.result(), second.result()
        await one.upsert(SCOPE, [entry("a", "x")])
        assert ids(await search(other)) == {"a#0"}


@pytest.mark.parametrize(
    "options",
    [
        {"url": "localhost:8080"},
        {"url": "http://user:pw@localhost"},
        {"url": "http://localhost/v1"},
        {"url": "http://localhost:99999"},
        {"url": "http://localhost", "collection": 'A"}'},
        {"url": "http://localhost", "collection": "lower"},
        {"url": "http://localhost", "nonsense": 1},
    ],
)
async def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        async with STORES.load("weaviate")(options, path=Path("unused")):
            pass


# --- writing


async def test_a_write_that_breaks_off_is_completed_by_the_same_write_again() -> None:
    entries = [entry(f"d{n}", "x", "y", "z") for n in range(20)]
    async with serve_weaviate() as server, opened(server, batch=10, seconds=5.0) as store:
        await store.upsert(SCOPE, [entry("d3", "old", "old", "old", "old", "old")])
        server.fail("BatchObjects", grpc.StatusCode.INTERNAL, "disk full", skip=3)
        with pytest.raises(StorageError, match="disk full") as caught:
            await store.upsert(SCOPE, entries)
        assert caught.value.retryable
        await store.upsert(SCOPE, entries)
        found = await search(store, "x y z", limit=100)
        assert ids(found) == {f"d{n}#{k}" for n in range(20) for k in range(3)}


async def test_a_document_that_shrinks_is_never_without_its_first_chunks() -> None:
    async with serve_weaviate() as server, opened(server, seconds=5.0) as store:
        await store.upsert(SCOPE, [entry("a", "x", "x", "x")])
        server.fail("BatchDelete", grpc.StatusCode.INTERNAL, "no")
        with pytest.raises(StorageError):
            await store.upsert(SCOPE, [entry("a", "x", "x")])
        assert ids(await search(store)) == {"a#0", "a#1", "a#2"}
        await store.upsert(SCOPE, [entry("a", "x", "x")])
        assert ids(await search(store)) == {"a#0", "a#1"}
        await store.upsert(SCOPE, [entry("a")])
        assert ids(await search(store)) == set()


async def test_objects_that_the_server_refuses_fail_the_write() -> None:
    engine = Engine()
    async with serve_weaviate(engine) as server, opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        kept = engine.classes["Bedplate"]["properties"]
        engine.classes["Bedplate"]["properties"] = [p for p in kept if p["name"] != "terms"]
        for entries in ([entry("b", "x")], [entry("b", "x"), entry("c", "x")]):
            with pytest.raises(StorageError, match="no such prop with name 'terms'"):
                await store.upsert(SCOPE, entries)


async def test_a_server_that_goes_away_is_unavailable_and_in_time() -> None:
    engine = Engine()
    async with serve_weaviate(engine) as server, opened(server, seconds=2.0) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        await server.stop_grpc()
        started = time.monotonic()
        calls = (
            search(store),
            store.upsert(SCOPE, [entry("b", "x")]),
            store.delete(SCOPE, [DocumentId("a")]),
        )
        for call in calls:
            with pytest.raises(Unavailable) as caught:
                await call
            assert server.url in caught.value.message
        assert time.monotonic() - started < 30
    async with serve_weaviate(engine) as server, opened(server) as store:
        assert ids(await search(store)) == {"a#0"}


async def test_rest_that_goes_away_is_unavailable() -> None:
    async with serve_weaviate() as server, opened(server, seconds=2.0) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        await server.stop_rest()
        for call in (store.drop(SCOPE), store.upsert(SCOPE, [entry("b", "x")])):
            with pytest.raises(Unavailable, match="no connection"):
                await call


async def test_vectors_of_another_length_are_a_conflict_and_change_nothing() -> None:
    longer = np.ones((1, 24), dtype=np.float32)
    async with serve_weaviate() as server, opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        with pytest.raises(Conflict, match="16 dimensions and was given 24"):
            await store.upsert(SCOPE, [entry("a", "y", vectors=list(longer))])
        mixed = [entry("a", "x"), entry("b", "y", vectors=list(longer))]
        with pytest.raises(Conflict, match="has no vectors yet and was given 16 and 24"):
            await store.upsert(Scope(TenantId("t1"), "mixed"), mixed)
        assert ids(await search(store, "x")) == {"a#0"}
        query = StoreQuery("vector", TermVector.of(""), longer[0], 5)
        with pytest.raises(Conflict, match="16 dimensions and was given 24"):
            await store.search(SCOPE, query)
        # Another collection may have another embedder.
        other = Scope(TenantId("t1"), "longer")
        await store.upsert(other, [entry("a", "y", vectors=list(longer))])


async def test_writes_go_in_bounded_batches_to_all_replicas() -> None:
    async with serve_weaviate() as server, opened(server, batch=7) as store:
        await store.upsert(SCOPE, [entry(f"d{n}", "x", "y") for n in range(10)])
        written = server.requests("BatchObjects")
        assert [len(request.objects) for request in written] == [7, 7, 6]
        assert {request.consistency_level for request in written} == {3}
        many = {"tags": [f"tag {n}" for n in range(10_000)]}
        await store.upsert(SCOPE, [entry(f"e{n}", "x", metadata=many) for n in range(24)])
        assert max(r.ByteSize() for r in server.requests("BatchObjects")) < 5 * 1024 * 1024


async def test_a_delete_goes_on_until_nothing_is_left() -> None:
    engine = Engine(most_results=10)
    async with serve_weaviate(engine) as server, opened(server) as store:
        await store.upsert(SCOPE, [entry("a", *["x"] * 35), entry("b", "x")])
        await store.delete(SCOPE, [DocumentId("a")])
        assert ids(await search(store, limit=5)) == {"b#0"}
        await store.delete(SCOPE, [DocumentId(f"gone{n}") for n in range(1200)])


async def test_a_write_waits_until_its_vectors_can_be_found() -> None:
    engine = Engine(polls_to_index=3)
    async with serve_weaviate(engine) as server, opened(server, seconds=5.0) as store:
        await store.upsert(SCOPE, [entry("a", "x", vectors=[unit(1)])])
        query = StoreQuery("vector", TermVector.of(""), unit(1), 5)
        assert ids(await store.search(SCOPE, query)) == {"a#0"}
        engine.polls_to_index = 10**9
    async with serve_weaviate(engine) as server, opened(server, seconds=1.0) as store:
        with pytest.raises(Unavailable, match="indexing took longer than 1 s"):
            await store.upsert(SCOPE, [entry("b", "x")])


# --- searching


async def test_a_scope_never_written_has_nothing_and_loses_nothing() -> None:
    async with serve_weaviate() as server, opened(server) as store:
        assert await search(store) == Candidates((), "exact")
        await store.delete(SCOPE, [DocumentId("a")])
        await store.upsert(SCOPE, [entry("a")])
        await store.drop(SCOPE)
        await store.settle(SCOPE)


async def test_terms_that_the_collection_lacks_are_not_asked_for() -> None:
    terms = TermVector.of("boots boots rain unknown")
    idf = np.where(terms.ids == TermVector.of("unknown").ids[0], 0.0, 1.0).astype(np.float32)
    query = StoreQuery("keyword", terms, None, 5, idf=idf)
    async with serve_weaviate() as server, opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "boots in rain"), entry("b", "unknown")])
        found = await store.search(SCOPE, query)
        assert ids(found) == {"a#0"}
        assert found.recall == "exact"
        (request,) = [r for r in server.requests("Search") if r.HasField("bm25_search")]
        boot, rain = (f"{TermVector.of(word).ids[0]:08x}" for word in ("boots", "rain"))
        assert sorted(request.bm25_search.query.split()) == sorted([boot, boot, rain])
        assert list(request.bm25_search.properties) == ["terms"]
        server.seen.clear()
        nothing = StoreQuery("keyword", terms, None, 5, idf=np.zeros_like(idf))
        assert (await store.search(SCOPE, nothing)).items == ()
        assert server.seen == []


async def test_both_legs_have_the_same_filter_and_ask_for_ties() -> None:
    where = Comparison("k", "gte", 5, "number")
    async with serve_weaviate() as server, opened(server) as store:
        await store.upsert(SCOPE, [entry(f"d{n}", "x", metadata={"k": n}) for n in range(9)])
        server.seen.clear()
        assert ids(await search(store, limit=3, filter=where)) == {f"d{n}#0" for n in range(5, 9)}
        one, other = server.requests("Search")
        assert one.filters == other.filters
        assert one.limit == other.limit == 6
        assert one.tenant == other.tenant


NASTY = (
    'a"} OR 1==1 {"', "a' OR '1'='1", "../../schema", "{{x}}", "a\x00b", "\u202e雨\U0001f327", " a ",
    "$where", "x" * 900,
)  # fmt: skip


@pytest.mark.parametrize("said", NASTY, ids=range(len(NASTY)))
async def test_what_callers_write_is_data_everywhere(said: str) -> None:
    """As tenant, collection, document, field, and value."""
    scope = Scope(TenantId(said), said)
    document = entry(said, "x", metadata={said: said, "n": 1})
    async with serve_weaviate() as server, opened(server) as store:
        await store.upsert(scope, [document, entry(said.strip() + "!", "x", metadata={said: "no"})])
        await store.upsert(SCOPE, [entry("a", "x", metadata={said: said})])
        for value, expected in ((said, {f"{said}#0"}), (said + " ", set[str]())):
            query = StoreQuery(
                "vector", TermVector.of(""), unit(1), 5, Comparison(said, "eq", value, "string")
            )
            assert ids(await store.search(scope, query)) == expected
        await store.delete(scope, [DocumentId(said)])
        left = await store.search(scope, StoreQuery("vector", TermVector.of(""), unit(1), 5))
        assert ids(left) == {said.strip() + "!#0"}
        assert ids(await search(store)) == {"a#0"}
        assert set(server.engine.classes) == {"Bedplate"}
        for request in server.requests("Search"):
            assert said.encode() not in request.SerializeToString()


FILTERS = (
    None,
    "price < 50 and not (kind == 'tent')",
    "added >= 2026-01-05",
    "name > 'item 15'",
    {"$or": [{"stock": {"$gt": 2**53}}, {"kind": {"$nin": ["tent", "boot"]}}]},
)


async def test_the_whole_server_finds_the_same_as_with_sqlite(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"p{n}", "text": f"A {kind} for rain number {n} " + "wide " * (n % 5),
            "name": f"item {n:02}",
            "kind": kind, "price": n * 3.5, "added": f"2026-01-{n % 9 + 1:02}",
            "stock": 2**53 + n if n % 4 else n,
        }
        for n, kind in enumerate(["tent", "boot", "hat", "stove"] * 8)
    ]  # fmt: skip
    lines = "\n".join(json.dumps(row) for row in rows)
    answers: list[list[dict[str, float]]] = []
    async with serve_weaviate() as server:
        reach = {"store.url": server.url, "store.grpc_url": server.grpc_url}
        for store in ({"store.use": "sqlite"}, {"store.use": "weaviate", **reach}):
            folder = tmp_path / store["store.use"]
            settings = {"data.dir": str(folder), "embedder.use": "hashing", **store}
            config = load_config(environment={}, arguments=settings).config
            async with open_app(config) as app:
                await app.check()
                upload = Upload(Blob(lines.encode(), "rows.jsonl"))
                report = await app.ingest.run(app.scope("shop"), [upload])
                assert not report.failures
                found = [
                    await app.search.search(
                        app.scope("shop"), SearchRequest("rain boot", filter=each, limit=50)
                    )
                    for each in FILTERS
                ]
            answers.append([{hit.chunk_id: hit.score for hit in each.hits} for each in found])
    sqlite, weaviate = answers
    for one, other in zip(sqlite, weaviate, strict=True):
        assert one
        assert other == pytest.approx(one, abs=1e-3)


async def test_searches_and_writes_may_run_side_by_side() -> None:
    async with serve_weaviate() as server, opened(server) as store:

        async def write(entries: Sequence[Entry]) -> None:
            await store.upsert(SCOPE, entries)

        async with asyncio.TaskGroup() as tasks:
            for n in range(10):
                tasks.create_task(write([entry(f"d{n}", "x")]))
                tasks.create_task(search(store))
        assert len((await search(store, limit=50)).items) == 10
