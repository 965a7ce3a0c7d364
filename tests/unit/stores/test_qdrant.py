"""The qdrant store on the wire, and when its server fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from pydantic import ValidationError
from qdrant_client import models
from tests.contract.entries import DIMENSIONS, entry, unit
from tests.fixtures.qdrant_server import QdrantServer, serve_qdrant

from bedplate.domain.filters import Comparison
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import ConfigError, Conflict, StorageError, TooLarge, Unavailable
from bedplate.stores.protocol import Store, StoreQuery
from bedplate.stores.qdrant import QdrantOptions, open_qdrant_store
from bedplate.stores.qdrant_filter import range_key
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")
ALL = StoreQuery("hybrid", TermVector.of("x"), unit(1), 100)


@pytest.fixture
async def server() -> AsyncIterator[QdrantServer]:
    async with serve_qdrant() as server:
        yield server


def opened(server: QdrantServer, **options: Any) -> AbstractAsyncContextManager[Store]:
    return open_qdrant_store({"url": server.url, **options}, path=Path("catalog.db"))


async def found(store: Store, scope: Scope = SCOPE, query: StoreQuery = ALL) -> set[str]:
    return {item.chunk_id for item in (await store.search(scope, query)).items}


async def test_a_server_that_is_not_there_fails_the_start(server: QdrantServer) -> None:
    server.url = "http://127.0.0.1:9"
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        async with opened(server):
            pass


async def test_a_wrong_key_fails_the_start_and_is_not_shown(server: QdrantServer) -> None:
    server.api_key = "right-key"
    with pytest.raises(ConfigError, match="refused the key"):
        async with opened(server):
            pass
    with pytest.raises(ConfigError, match="set api_key") as caught:
        async with opened(server, api_key="wrong-key"):
            pass
    assert "wrong-key" not in str(caught.value)
    async with opened(server, api_key="right-key") as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        assert await found(store) == {"a#0"}


async def test_an_old_server_fails_the_start(server: QdrantServer) -> None:
    server.version = "1.9.7"
    with pytest.raises(ConfigError, match=r"version 1\.9\.7; Bedplate needs 1\.11 or newer"):
        async with opened(server):
            pass


async def test_something_that_is_not_qdrant_fails_the_start(server: QdrantServer) -> None:
    async def page() -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    server.fail_next("GET", "/", page)
    with pytest.raises(StorageError, match="not Qdrant's; check the url"):
        async with opened(server):
            pass


async def test_a_collection_of_another_form_fails_the_start(server: QdrantServer) -> None:
    params = models.VectorParams(size=4, distance=models.Distance.DOT)
    await server.client.create_collection("taken", vectors_config=params)
    server.indexes["taken"] = {}
    with pytest.raises(ConfigError, match="'taken' that is not Bedplate's"):
        async with opened(server, collection="taken"):
            pass


@pytest.mark.parametrize(
    "options",
    [
        {"url": "127.0.0.1:6333"},
        {"url": "http://user:secret@host"},
        {"collection": "../other"},
        {"collection": "a\n"},
        {"api_key": "kéy"},
        {"path": "/tmp/local"},
        {"seconds": 0},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        QdrantOptions.model_validate(options)
    assert "secret" not in str(caught.value)


async def test_the_first_write_makes_the_collection_and_indexes_before_any_point(
    server: QdrantServer,
) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x y", metadata={"price": 5, "day": "2026-01-02"})])
    made = [(seen.method, seen.path.rpartition("bedplate")[2]) for seen in server.seen]
    indexes = [seen.body for seen in server.requests("PUT", "/index")]
    assert made.index(("PUT", "/points")) > max(
        place for place, seen in enumerate(made) if seen == ("PUT", "/index")
    )
    assert {index["field_name"]: index["field_schema"] for index in indexes} == {
        "tenant": {"type": "keyword", "is_tenant": True},
        "collection": "keyword",
        "document": "keyword",
        "fields": "keyword",
        range_key("price", "number"): "float",
        range_key("day", "date"): "datetime",
    }
    written = server.requests("PUT", "/points")[0]
    assert written.query == {"wait": "true", "ordering": "medium"}
    point = written.body["points"][0]
    assert point["vector"]["dense"] == unit_of("a#0")
    assert len(point["vector"]["terms"]["indices"]) == 2
    assert point["payload"]["chunk"] == "a#0"
    assert "x y" not in str(point["payload"])


def unit_of(chunk: str) -> list[float]:
    name, _, _ = chunk.partition("#")
    return entry(name, "x").vectors[0].tolist()


async def test_both_legs_are_one_request_and_the_terms_carry_idf(server: QdrantServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "rare common"), entry("b", "common")])
        terms = TermVector.of("rare common unknown")
        idf = np.where(terms.ids == TermVector.of("rare").ids[0], 2.0, 0.5).astype(np.float32)
        idf[terms.ids == TermVector.of("unknown").ids[0]] = 0
        for _ in range(2):
            await store.search(SCOPE, StoreQuery("hybrid", terms, unit(1), 7, idf=idf))
    # The first also counted the collection.
    assert len(server.requests("POST", "/count")) == 1
    asked = server.requests("POST", "/query/batch")
    assert len(asked) == 2
    dense, sparse = asked[1].body["searches"]
    assert (dense["using"], sparse["using"]) == ("dense", "terms")
    assert dense["params"] == {"exact": True}
    assert dense["limit"] == sparse["limit"] == 14
    assert dense["filter"] == sparse["filter"]
    weights = sparse["query"]["nearest"]
    assert sorted(weights["values"]) == [0.5, 2.0]
    assert len(weights["indices"]) == 2


async def test_recall_is_exact_only_where_the_request_said_so(server: QdrantServer) -> None:
    async with opened(server, exact_points=3) as store:
        entries = [entry(f"d{n}", "x", metadata={"k": n % 2}) for n in range(8)]
        await store.upsert(SCOPE, [*entries, entry("rare", "x", metadata={"k": 2})])
        for filter, recall in [
            (None, "ann"),
            (Comparison("k", "eq", 1, "number"), "ann"),
            (Comparison("k", "eq", 2, "number"), "exact"),
        ]:
            query = StoreQuery("vector", TermVector.of(""), unit(1), 5, filter)
            assert (await store.search(SCOPE, query)).recall == recall
            asked = server.requests("POST", "/query/batch")[-1].body["searches"][0]
            assert ("params" in asked) == (recall == "exact")
        keyword = StoreQuery("keyword", TermVector.of("x"), None, 5)
        assert (await store.search(SCOPE, keyword)).recall == "exact"


async def test_a_scope_or_a_collection_never_written_gives_nothing(server: QdrantServer) -> None:
    async with opened(server) as store:
        assert (await store.search(SCOPE, ALL)).items == ()
        await store.delete(SCOPE, [DocumentId("a")])
        await store.drop(SCOPE)
        await store.upsert(SCOPE, [entry("a")])
        assert server.requests("PUT", "") == []
        await store.upsert(SCOPE, [entry("a", "x")])
        answer = await store.search(Scope(TenantId("t2"), "notes"), ALL)
        assert (answer.items, answer.recall) == ((), "exact")


async def test_a_chunk_without_terms_is_found_by_its_vector_alone(server: QdrantServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        await store.upsert(SCOPE, [entry("a", "the")])
        assert list(server.requests("PUT", "/points")[-1].body["points"][0]["vector"]) == ["dense"]
        (candidate,) = (await store.search(SCOPE, ALL)).items
        assert candidate.cosine is not None
        assert candidate.bm25 is None


async def test_ranges_beyond_the_limit_have_no_index_and_are_left_to_the_catalog(
    server: QdrantServer,
) -> None:
    async with opened(server, range_fields=1) as store:
        await store.upsert(SCOPE, [entry("a", "x", metadata={"price": 5})])
        await store.upsert(SCOPE, [entry("b", "x", metadata={"stock": 5, "price": 7})])
        assert len(server.indexes["bedplate"]) == 5

        def compares(field: str, operator: Any, value: Any, kind: Any = "number") -> bool:
            return store.abilities.compares(Comparison(field, operator, value, kind))

        assert compares("price", "lt", 6)
        assert not compares("stock", "lt", 6)
        assert compares("stock", "eq", 5)
        assert not compares("price", "lt", 2**53)
        assert not compares("name", "gt", "m", "string")
    # Its values were kept all the same: an index made later finds them.
    async with opened(server, range_fields=2) as store:
        await store.upsert(SCOPE, [entry("c", "x", metadata={"stock": 9})])
        query = StoreQuery(
            "vector", TermVector.of(""), unit(1), 9, Comparison("stock", "lt", 6, "number")
        )
        assert await found(store, query=query) == {"b#0"}


async def test_vectors_of_another_length_are_a_conflict_before_anything_is_written(
    server: QdrantServer,
) -> None:
    other = np.ones((1, DIMENSIONS + 1), dtype=np.float32)
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        writes = len(server.seen)
        with pytest.raises(Conflict, match="16 dimensions.*not 17"):
            await store.upsert(SCOPE, [entry("b", "x", vectors=list(other))])
        with pytest.raises(Conflict, match="not 17"):
            await store.search(SCOPE, StoreQuery("vector", TermVector.of(""), other[0], 3))
        assert [seen for seen in server.seen[writes:] if seen.method != "GET"] == []


async def test_a_process_that_starts_the_collection_at_the_same_time_is_no_error(
    server: QdrantServer,
) -> None:
    async with opened(server) as one, opened(server) as two, asyncio.TaskGroup() as group:
        group.create_task(one.upsert(SCOPE, [entry("a", "x")]))
        group.create_task(two.upsert(SCOPE, [entry("b", "x")]))
    async with opened(server) as store:
        assert await found(store) == {"a#0", "b#0"}


async def test_a_write_cut_off_in_the_middle_fails_and_the_same_write_heals_it(
    server: QdrantServer,
) -> None:
    longer = entry("a", *[f"new{n}" for n in range(6)])
    async with opened(server, batch_points=2) as store:
        await store.upsert(SCOPE, [entry("a", "old x", "x"), entry("b", "x")])
        await store.upsert(SCOPE, [entry("c", "x", "x", "x")])
        server.fail_next("PUT", "/points", 0)
        with pytest.raises(Unavailable, match=server.url):
            await store.upsert(SCOPE, [longer])
        assert {"a#0", "b#0", "c#0", "c#1", "c#2"} <= await found(store)
        server.fail_next("POST", "/points/delete", 503)
        with pytest.raises(Unavailable, match="HTTP 503"):
            await store.upsert(SCOPE, [entry("c", "x")])
        await store.upsert(SCOPE, [longer])
        await store.upsert(SCOPE, [entry("c", "x")])
        assert await found(store) == {*(f"a#{n}" for n in range(6)), "b#0", "c#0"}


async def test_a_write_that_the_server_has_not_applied_is_an_error(server: QdrantServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        server.status = "wait_timeout"
        with pytest.raises(StorageError, match=r"did not apply it in time \(wait_timeout\)"):
            await store.upsert(SCOPE, [entry("a", "y")])
        with pytest.raises(StorageError, match="repeat it"):
            await store.delete(SCOPE, [DocumentId("a")])


async def test_a_collection_that_disappears_is_an_error_once_and_then_made_again(
    server: QdrantServer,
) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        await server.client.delete_collection("bedplate")
        with pytest.raises(StorageError, match="lost its collection 'bedplate'"):
            await store.upsert(SCOPE, [entry("a", "x")])
        await store.upsert(SCOPE, [entry("a", "x")])
        assert await found(store) == {"a#0"}
        await server.client.delete_collection("bedplate")
        assert await found(store) == set()


async def test_a_server_that_never_answers_is_given_up(server: QdrantServer) -> None:
    async def never() -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with opened(server, seconds=2) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        server.fail_next("POST", "/query/batch", never)
        with pytest.raises(Unavailable, match=r"longer than 2 s"):
            await store.search(SCOPE, ALL)
        assert await found(store) == {"a#0"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, StorageError),
        (401, ConfigError),
        (413, TooLarge),
        (429, Unavailable),
        (500, StorageError),
        (502, Unavailable),
    ],
)
async def test_refusals_become_errors_that_name_the_server(
    server: QdrantServer, status: int, error: type[Exception]
) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        server.fail_next("POST", "/query/batch", status)
        with pytest.raises(error, match=f"{server.url}.*told to fail"):
            await store.search(SCOPE, ALL)


async def test_a_server_that_asks_to_wait_is_busy(server: QdrantServer) -> None:
    async def busy() -> web.Response:
        body = {"status": {"error": "read rate limit exceeded"}}
        return web.json_response(body, status=429, headers={"Retry-After": "3"})

    async with opened(server) as store:
        await store.upsert(SCOPE, [entry("a", "x")])
        server.fail_next("POST", "/query/batch", busy)
        with pytest.raises(Unavailable, match="too much to do: read rate limit exceeded"):
            await store.search(SCOPE, ALL)


async def test_a_write_of_more_documents_than_one_request_names(server: QdrantServer) -> None:
    async with opened(server) as store:
        await store.upsert(SCOPE, [entry(f"d{n}", "x") for n in range(40)])
        await store.upsert(SCOPE, [entry(f"d{n}") for n in range(2100) if n != 7])
        assert await found(store) == {"d7#0"}
        await store.delete(SCOPE, [DocumentId(f"d{n}") for n in range(2100)])
        assert await found(store) == set()
    sizes = [
        len(condition["match"]["any"])
        for seen in server.requests("POST", "/points/delete")
        for condition in seen.body["filter"]["must"]
        if "any" in condition["match"]
    ]
    assert max(sizes) == 1000


NASTY = [
    'x" OR 1=1',
    "'; DROP TABLE t; --",
    '{"$ne": null}',
    "a.b[0].c",
    "a[]",
    "*",
    "%00\0",
    "../../etc",
    "雨 \U0001f327",
    "tenant",
    "n" * 5000,
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_names_and_values_are_data_whatever_they_hold(
    server: QdrantServer, text: str
) -> None:
    scopes = [Scope(TenantId(text), "c"), Scope(TenantId("c"), text), Scope(TenantId("c"), "c")]
    async with opened(server) as store:
        for number, scope in enumerate(scopes):
            data = {text: [text, number, "2026-01-02"], "other": text + "!"}
            await store.upsert(scope, [entry(text, "x", metadata=data), entry("plain", "x")])
        for number, scope in enumerate(scopes):
            for comparison in (
                Comparison(text, "eq", text, "string"),
                Comparison(text, "lte", number, "number"),
                Comparison(text, "in", (text, text + "?"), "string"),
                Comparison("other", "exists", True, "string"),
            ):
                query = StoreQuery("hybrid", TermVector.of("x"), unit(1), 9, comparison)
                assert await found(store, scope, query) == {f"{text}#0"}
            missing = StoreQuery(
                "vector", TermVector.of(""), unit(1), 9, Comparison(text, "lt", number, "number")
            )
            assert await found(store, scope, missing) == set()
        await store.delete(scopes[0], [DocumentId(text)])
        await store.drop(scopes[1])
        assert await found(store, scopes[0]) == {"plain#0"}
        assert await found(store, scopes[1]) == set()
        assert await found(store, scopes[2]) == {f"{text}#0", "plain#0"}
    assert {seen.path.split("/")[2] for seen in server.seen if seen.path != "/"} == {"bedplate"}
