"""What only the pinecone store promises: its index, its limits, and how it meets failures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.contract.entries import DIMENSIONS, entry, unit
from tests.contract.test_stores import OTHER_COLLECTION, OTHER_TENANT, SCOPE
from tests.fixtures.pinecone_server import PineconeServer, serve_pinecone

from bedplate.domain.filters import Comparison
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Mode, Scope
from bedplate.errors import ConfigError, Conflict, StorageError, TooLarge, Unavailable
from bedplate.stores import STORES
from bedplate.stores.protocol import Store, StoreQuery
from bedplate.terms import TermVector

NOWHERE = Path("catalog.db")


@pytest.fixture
async def server() -> AsyncIterator[PineconeServer]:
    async with serve_pinecone() as serving:
        yield serving


@asynccontextmanager
async def opened(server: PineconeServer, **options: Any) -> AsyncIterator[Store]:
    given = {"api_key": server.key, "base_url": server.url, "seconds": 5.0, **options}
    async with STORES.load("pinecone")(given, path=NOWHERE) as store:
        yield store


async def find(store: Store, text: str, *, scope: Scope = SCOPE, **query: Any) -> set[str]:
    terms = TermVector.of(text)
    mode: Mode = query.pop("mode", "keyword")
    asked = StoreQuery(mode, terms, unit(1), query.pop("limit", 50), **query)
    return {each.chunk_id for each in (await store.search(scope, asked)).items}


def calls(server: PineconeServer, name: str) -> list[Any]:
    return [body for path, body in server.seen if path.endswith(name)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"api_key": ""},
        {"api_key": "two words"},
        {"api_key": "k", "index": "Bad_Name"},
        {"api_key": "k", "base_url": "ftp://x"},
        {"api_key": "k", "base_url": "https://user:pass@x"},
        {"api_key": "k", "seconds": 0},
        {"api_key": "k", "metric": "cosine"},
    ],
)
async def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        async with STORES.load("pinecone")(options, path=NOWHERE):
            pass
    assert "two words" not in str(caught.value)


async def test_a_wrong_key_fails_at_start_and_is_not_told(server: PineconeServer) -> None:
    with pytest.raises(ConfigError, match="refused the API key") as caught:
        async with opened(server, api_key="pcsk-secret"):
            pass
    assert "pcsk-secret" not in str(caught.value)


async def test_a_server_that_is_not_there_fails_at_start(server: PineconeServer) -> None:
    with pytest.raises(Unavailable, match=r"Pinecone .*http://127\.0\.0\.1:9.*try again"):
        async with opened(server, base_url="http://127.0.0.1:9", seconds=0.3):
            pass


async def test_the_index_is_made_at_the_first_write(server: PineconeServer) -> None:
    async with opened(server, index="mine", region="us-west-2") as store:
        assert await find(store, "word") == set()
        await store.delete(SCOPE, [DocumentId("a")])
        await store.drop(SCOPE)
        await store.upsert(SCOPE, [entry("empty")])
        assert server.indexes == {}
        await store.upsert(SCOPE, [entry("a", "word")])
        assert await find(store, "word") == {"a#0"}
    assert calls(server, "POST /indexes") == [
        {
            "name": "mine",
            "schema": {
                "fields": {
                    "dense": {
                        "type": "dense_vector",
                        "dimension": DIMENSIONS,
                        "metric": "dotproduct",
                    },
                    "sparse": {"type": "sparse_vector"},
                }
            },
            "deployment": {
                "deployment_type": "managed",
                "cloud": "aws",
                "region": "us-west-2",
            },
        }
    ]


async def test_an_index_that_another_process_makes_is_found(server: PineconeServer) -> None:
    async with opened(server) as reader, opened(server) as writer:
        assert await find(reader, "word") == set()
        await writer.upsert(SCOPE, [entry("a", "word")])
        assert await find(reader, "word") == {"a#0"}


async def test_first_writes_at_once_make_one_index(server: PineconeServer) -> None:
    async with opened(server) as one, opened(server) as two, asyncio.TaskGroup() as tasks:
        for number, store in enumerate((one, one, two)):
            tasks.create_task(store.upsert(SCOPE, [entry(f"d{number}", "word")]))
    async with opened(server) as store:
        assert await find(store, "word") == {"d0#0", "d1#0", "d2#0"}


async def test_an_index_is_waited_for_until_it_is_ready(server: PineconeServer) -> None:
    server.ready_after = 1
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        assert await find(store, "word") == {"a#0"}


async def test_an_index_of_another_make_is_refused(server: PineconeServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
    server.indexes["bedplate"].schema["fields"]["dense"]["metric"] = "euclidean"
    with pytest.raises(ConfigError, match="'bedplate' was not made by Bedplate"):
        async with opened(server):
            pass


async def test_an_unknown_region_is_named(server: PineconeServer) -> None:
    async with opened(server, region="us-west-1") as store:
        with pytest.raises(ConfigError, match="no region 'us-west-1' of 'aws'"):
            await store.upsert(SCOPE, [entry("a", "word")])


async def test_vectors_of_other_dimensions_are_a_conflict(server: PineconeServer) -> None:
    short = np.ones(8, dtype=np.float32) / np.sqrt(8)
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        with pytest.raises(Conflict, match=f"{DIMENSIONS} dimensions, not 8"):
            await store.upsert(SCOPE, [entry("b", "word", vectors=[short])])
        with pytest.raises(Conflict, match=f"{DIMENSIONS} dimensions, not 8"):
            await store.search(SCOPE, StoreQuery("vector", TermVector.of(""), short, 5))
        assert await find(store, "word") == {"a#0"}


@pytest.mark.parametrize("spared", [0, 1], ids=["before the records", "before the deletion"])
async def test_a_write_that_fails_halfway_is_healed_by_the_same_write(
    server: PineconeServer, spared: int
) -> None:
    async with opened(server, seconds=2) as store:
        await store.upsert(SCOPE, [entry("a", "old one", "old two", "old three")])
        server.spared, server.broken = spared, [503] * 20
        with pytest.raises(Unavailable):
            await store.upsert(SCOPE, [entry("a", "new one")])
        assert "a#2" in await find(store, "old")
        server.broken = []
        await store.upsert(SCOPE, [entry("a", "new one")])
        assert await find(store, "old") == set()
        assert await find(store, "new") == {"a#0"}


async def test_a_server_that_dies_is_unavailable_to_every_call(server: PineconeServer) -> None:
    async with opened(server, seconds=1) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        await server.stop()
        with pytest.raises(Unavailable):
            await store.upsert(SCOPE, [entry("b", "word")])
        with pytest.raises(Unavailable):
            await store.delete(SCOPE, [DocumentId("a")])
        with pytest.raises(Unavailable):
            await find(store, "word", mode="hybrid")


async def test_a_refused_write_says_why(server: PineconeServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        server.broken = [400]
        with pytest.raises(StorageError, match="told to fail"):
            await store.upsert(SCOPE, [entry("b", "word")])


@pytest.mark.parametrize(("status", "error"), [(403, ConfigError), (402, ConfigError)])
async def test_the_limits_of_a_plan_are_told(
    server: PineconeServer, status: int, error: type[Exception]
) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        server.broken = [status]
        with pytest.raises(error, match="told to fail.*limits of the plan"):
            await store.upsert(SCOPE, [entry("b", "word")])


async def test_too_many_requests_are_told_when_repeats_do_not_help(
    server: PineconeServer,
) -> None:
    async with opened(server, seconds=20.0) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        server.broken, server.retry_after = [429] * 20, "0"
        with pytest.raises(Unavailable, match="no more requests"):
            await store.upsert(SCOPE, [entry("b", "word")])


async def test_a_write_returns_when_searches_see_it() -> None:
    async with serve_pinecone(lag=3) as server, opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word", "more word")])
        assert await find(store, "word") == {"a#0", "a#1"}
        await store.delete(SCOPE, [DocumentId("a")])
        assert await find(store, "word") == set()


async def test_a_write_that_stays_unseen_is_unavailable() -> None:
    async with serve_pinecone(lag=1000) as server, opened(server, visible_seconds=0.1) as store:
        with pytest.raises(Unavailable, match="did not see it within 0.1 s"):
            await store.upsert(SCOPE, [entry("a", "word")])


async def test_without_waiting_a_write_asks_nothing() -> None:
    async with serve_pinecone(lag=1000) as server, opened(server, visible_seconds=0) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        assert calls(server, "/search") == []


async def test_a_write_without_a_position_cannot_be_waited_for(server: PineconeServer) -> None:
    server.positions = False
    async with opened(server) as store:
        with pytest.raises(StorageError, match="without its position in the log"):
            await store.upsert(SCOPE, [entry("a", "word")])


async def test_records_are_written_before_those_beyond_them_are_deleted(
    server: PineconeServer,
) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "one", "two"), entry("b", "three")])
        paths = [path.rpartition("/")[2] for path, _ in server.seen]
        assert paths[-3:] == ["upsert", "delete", "search"]
        (deletion,) = calls(server, "/delete")
        counts = [part["$and"][1]["ordinal"]["$gte"] for part in deletion["filter"]["$or"]]
        assert counts == [2, 1]


async def test_large_writes_go_in_requests_that_are_taken(server: PineconeServer) -> None:
    wide = {f"tag{n}": [f"value {n} {m} {'x' * 80}" for m in range(20)] for n in range(15)}
    entries = [entry(f"d{n}", "word", metadata=wide) for n in range(90)]
    entries += [entry(f"e{n}", "word") for n in range(600)]
    async with opened(server) as store:
        await store.upsert(SCOPE, entries)
    sizes = [len(body["documents"]) for body in calls(server, "/upsert")]
    assert sum(sizes) == 690
    assert len(sizes) > 2
    assert max(sizes) <= 500


async def test_metadata_over_the_limit_is_refused_before_anything_is_written(
    server: PineconeServer,
) -> None:
    large = {"tags": [f"{n:05} {'x' * 60}" for n in range(1000)]}
    async with opened(server) as store:
        with pytest.raises(TooLarge, match="document 'big' takes .* bytes"):
            await store.upsert(SCOPE, [entry("a", "word"), entry("big", "word", metadata=large)])
    assert calls(server, "/upsert") == []


async def test_a_vector_of_zeros_and_a_passage_of_very_many_terms_are_kept(
    server: PineconeServer,
) -> None:
    zeros = np.zeros(DIMENSIONS, dtype=np.float32)
    many = " ".join(f"w{n}" for n in range(3000)) + " often often often"
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("z", "word", vectors=[zeros]), entry("m", many)])
        assert await find(store, "often") == {"m#0"}
        asked = StoreQuery("vector", TermVector.of(""), zeros, 5)
        assert len((await store.search(SCOPE, asked)).items) == 2
    (written,) = calls(server, "/upsert")
    assert len(written["documents"][1]["sparse"]["indices"]) == 2048


async def test_terms_that_no_passage_holds_are_not_asked_for(server: PineconeServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "word")])
        before = len(server.seen)
        nothing = np.zeros(1, dtype=np.float32)
        assert await find(store, "missing", idf=nothing) == set()
        assert len(server.seen) == before


ODD = ['"}, {"$gt": 1', "../../x", "a'b", "雨 \U0001f327", "$where", "_id", "x" * 900, "a\nb\x00"]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:20])
async def test_no_name_or_value_breaks_out(server: PineconeServer, odd: str) -> None:
    mine, other = Scope(TenantId(odd), odd), Scope(TenantId("t"), odd)
    async with opened(server) as store:
        for scope in (mine, other, SCOPE):
            await store.upsert(
                scope,
                [
                    entry(odd, "word", metadata={odd: odd, "k": [odd, "other"]}),
                    entry("plain", "word", metadata={odd: "plain"}),
                ],
            )
        wanted = {f"{odd}#0"}
        for field, value in ((odd, odd), ("k", odd)):
            same = Comparison(field, "eq", value, "string")
            assert await find(store, "word", scope=mine, filter=same) == wanted
        await store.delete(mine, [DocumentId(odd)])
        assert await find(store, "word", scope=mine) == {"plain#0"}
        await store.drop(mine)
        assert await find(store, "word", scope=mine) == set()
        assert len(await find(store, "word", scope=other)) == 2
        assert len(await find(store, "word", scope=SCOPE)) == 2
    for path, _ in server.seen:
        assert path.isascii()
        assert path.isprintable()


async def test_each_collection_of_a_tenant_is_a_namespace(server: PineconeServer) -> None:
    async with opened(server) as store:
        for scope in (SCOPE, OTHER_COLLECTION, OTHER_TENANT):
            await store.upsert(scope, [entry("a", "word")])
        await store.drop(SCOPE)
    held = [len(each.records) for each in server.indexes["bedplate"].namespaces.values()]
    assert held == [0, 1, 1]
