"""The milvus store over milvus-lite's gRPC server: strings that bite, and failures."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import ValidationError
from tests.contract.entries import entry, unit
from tests.fixtures.milvus import free_port, milvus, start_milvus

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import BedplateError, ConfigError, Conflict, InvalidInput, Unavailable
from bedplate.state.protocol import Entry
from bedplate.stores.milvus import open_milvus_store
from bedplate.stores.protocol import Candidates, Store, StoreQuery
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")
BITING = ['x" or 1 == 1', "'; --", "{a}", "a\\", '"]', "雨\u0000", "", "n" * 2000, "%_*"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with milvus(tmp_path) as options, open_milvus_store(options, path=tmp_path) as opened:
        yield opened


def vectors(filter: Filter | None = None, *, limit: int = 100) -> StoreQuery:
    return StoreQuery("vector", TermVector.of(""), unit(1), limit, filter)


def ids(found: Candidates) -> set[str]:
    return {candidate.chunk_id for candidate in found.items}


async def test_strings_that_bite_stay_what_they_are(store: Store) -> None:
    scopes = [Scope(TenantId(text), text) for text in BITING]
    for scope in scopes:
        await store.upsert(
            scope, [entry(f"d{text}", "x", metadata={text: text, "all": 1}) for text in BITING]
        )
    for scope in scopes[:2]:
        assert len(ids(await store.search(scope, vectors()))) == len(BITING)
        for text in BITING:
            own = {f"d{text}#0"}
            equal = Comparison(text, "eq", text, "string")
            assert ids(await store.search(scope, vectors(equal))) == own
            named = Documents((DocumentId(f"d{text}"),))
            assert ids(await store.search(scope, vectors(named))) == own
    await store.delete(scopes[0], [DocumentId(f"d{text}") for text in BITING])
    await store.drop(scopes[1])
    left = [len((await store.search(scope, vectors())).items) for scope in scopes]
    assert left == [0, 0, *[len(BITING)] * (len(BITING) - 2)]


async def test_a_filter_may_be_as_deep_and_as_wide_as_filters_get(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "x", metadata={"n": 1}), entry("b", "x")])
    deep: Filter = Comparison("n", "gte", 1, "number")
    for _ in range(32):
        deep = Not(Not(deep))
    wide = Or([And([Comparison("n", "gt", n, "number")]) for n in range(-100, 100)])
    assert ids(await store.search(SCOPE, vectors(deep))) == {"a#0"}
    assert ids(await store.search(SCOPE, vectors(wide))) == {"a#0"}
    many = Documents(tuple(DocumentId(f"no{n}" if n else "b") for n in range(10_000)))
    assert ids(await store.search(SCOPE, vectors(many))) == {"b#0"}


async def test_a_keyword_search_needs_no_vector_and_finds_every_dimension(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "rain", vectors=[unit(1)[:8]])])
    await store.upsert(SCOPE, [entry("b", "rain", "")])
    query = StoreQuery("keyword", TermVector.of("rain"), None, 10)
    assert ids(await store.search(SCOPE, query)) == {"a#0", "b#0"}
    await store.upsert(SCOPE, [entry("a", "rain", vectors=[unit(1)])])
    assert ids(await store.search(SCOPE, vectors())) == {"a#0", "b#0", "b#1"}


async def test_a_query_of_another_length_is_a_conflict(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "x")])
    query = StoreQuery("vector", TermVector.of(""), unit(1)[:4], 5)
    with pytest.raises(Conflict, match=r"have 16 numbers, the query's has 4"):
        await store.search(SCOPE, query)


async def test_a_document_with_too_much_metadata_is_refused_whole(store: Store) -> None:
    much = {"words": [f"w{n}" for n in range(5_000)]}
    with pytest.raises(InvalidInput, match=r"'b' has too much metadata .* 5,001"):
        await store.upsert(SCOPE, [entry("a", "x"), entry("b", "x", metadata=much)])
    assert ids(await store.search(SCOPE, vectors())) == set()


async def test_a_document_without_chunks_is_deleted(store: Store) -> None:
    await store.upsert(SCOPE, [entry("a", "x", "y"), entry("b", "x")])
    await store.upsert(SCOPE, [entry("a")])
    assert ids(await store.search(SCOPE, vectors())) == {"b#0"}


async def test_two_stores_see_each_others_writes(tmp_path: Path) -> None:
    async with (
        milvus(tmp_path) as options,
        open_milvus_store(options, path=tmp_path) as one,
        open_milvus_store(options, path=tmp_path) as other,
    ):
        assert ids(await other.search(SCOPE, vectors())) == set()
        await one.upsert(SCOPE, [entry("d0", "old")])
        async with asyncio.TaskGroup() as tasks:
            for n in range(6):
                each = (one, other)[n % 2]
                tasks.create_task(each.upsert(SCOPE, [entry(f"d{n}", "x")]))
        for each in (one, other):
            assert ids(await each.search(SCOPE, vectors())) == {f"d{n}#0" for n in range(6)}


async def test_an_unreachable_server_fails_at_start_up(tmp_path: Path) -> None:
    options = {"uri": f"http://127.0.0.1:{free_port()}", "seconds": 1}
    with pytest.raises(Unavailable, match=r"Milvus at http://127.0.0.1:\d+ cannot be reached"):
        async with open_milvus_store(options, path=tmp_path):
            pass


async def repeated_until_taken(store: Store, entries: list[Entry]) -> None:
    """gRPC waits longer between its tries to connect the longer the server was away."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await store.upsert(SCOPE, entries)
            except Unavailable:
                await asyncio.sleep(0.2)


async def test_a_write_that_the_server_does_not_survive_is_healed_by_its_repeat(
    tmp_path: Path,
) -> None:
    server = start_milvus(tmp_path / "data")
    options = {"uri": server.uri, "seconds": 5}
    many = [entry(f"d{n}", *["x"] * 20) for n in range(100)]

    async def kill_when_a_part_is_written(store: Store) -> None:
        while len(ids(await store.search(SCOPE, vectors(limit=5)))) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.kill)

    try:
        async with open_milvus_store(options, path=tmp_path) as store:
            await store.upsert(SCOPE, [entry("kept", "x")])
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(kill_when_a_part_is_written(store))
                with pytest.raises(Unavailable, match="cannot be reached"):
                    await store.upsert(SCOPE, many)
            server = start_milvus(server.folder, server.port)
            await repeated_until_taken(store, many)
            found = ids(await store.search(SCOPE, vectors(limit=2_500)))
        async with open_milvus_store(options, path=tmp_path) as store:
            await store.upsert(SCOPE, [entry("kept", "x", "y")])
            found |= ids(await store.search(SCOPE, vectors(limit=2_500)))
    finally:
        server.kill()
    assert found == {"kept#0", "kept#1", *(f"d{n}#{m}" for n in range(100) for m in range(20))}


@asynccontextmanager
async def refusing(code: grpc.StatusCode, *, seconds: float = 0) -> AsyncIterator[str]:
    """A gRPC server that answers every call with `code`, after a while."""

    class Refuse(grpc.GenericRpcHandler):
        def service(self, _: Any) -> Any:
            async def refuse(_: bytes, context: Any) -> bytes:
                await asyncio.sleep(seconds)
                await context.abort(code, "token s3cret is not welcome")
                return b""

            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.aio.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Refuse(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, ConfigError),
        (grpc.StatusCode.PERMISSION_DENIED, ConfigError),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
    ],
)
async def test_a_refusal_says_what_to_do_and_never_the_token(
    tmp_path: Path, code: grpc.StatusCode, kind: type[BedplateError]
) -> None:
    async with refusing(code) as uri:
        options = {"uri": uri, "token": "s3cret", "seconds": 1}
        with pytest.raises(kind) as raised:
            async with open_milvus_store(options, path=tmp_path):
                pass
    assert "s3cret" not in str(raised.value)
    assert uri in str(raised.value)


async def test_a_server_that_does_not_answer_is_left_in_time(tmp_path: Path) -> None:
    async with refusing(grpc.StatusCode.UNAVAILABLE, seconds=30) as uri, asyncio.timeout(20):
        with pytest.raises(Unavailable, match="longer than 1 s"):
            async with open_milvus_store({"uri": uri, "seconds": 1}, path=tmp_path):
                pass


@pytest.mark.parametrize(
    "options",
    [
        {"uri": "notes.db"},
        {"uri": "http://me:secret@host"},
        {"prefix": "1-a"},
        {"prefix": ""},
        {"index": "IVF_PQ"},
        {"seconds": 0},
        {"collection": "x"},
    ],
    ids=str,
)
async def test_options_that_cannot_work_are_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        async with open_milvus_store(options, path=tmp_path):
            pass
