import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = [
    {"id": "coat", "text": "A trench coat for rain.", "metadata": {"price": 120, "kind": "rain"}},
    {"id": "hat", "text": "A hat for the sun.", "metadata": {"price": 15, "kind": "sun"}},
    {"id": "boots", "text": "Boots for rain and mud.", "metadata": {"price": 80, "kind": "rain"}},
    {"id": "refund", "text": "Refunds take 30 days.", "metadata": {"kind": "policy"}},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    async with serving(tmp_path_factory.mktemp("search")) as served:
        assert (await served.post("/api/collections/shop/documents", ITEMS)).status == 200
        yield served


async def found(served: Served, **search: Any) -> list[str]:
    reply = await served.post("/api/search", {"collection": "shop", **search})
    assert reply.status == 200, reply.body
    return [hit["document_id"] for hit in reply.json["hits"]]


async def test_a_search_gives_hits_with_their_facts(served: Served):
    reply = await served.post("/api/search", {"collection": "shop", "query": "trench coat"})

    best = reply.json["hits"][0]
    assert (best["document_id"], best["chunk_id"]) == ("coat", "coat#0")
    assert (best["text"], best["collection"]) == ("A trench coat for rain.", "shop")
    assert best["metadata"] == {"price": 120, "kind": "rain"}
    assert {"score", "title", "source", "page", "heading"} <= best.keys()
    assert (reply.json["mode"], reply.json["recall"]) == ("hybrid", "exact")
    assert reply.json["took_ms"] >= 0


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_every_mode_finds_the_word(served: Served, mode: str):
    assert (await found(served, query="mud", mode=mode))[0] == "boots"


@pytest.mark.parametrize(
    "filter",
    ['price < 100 and kind == "rain"', {"price": {"$lt": 100}, "kind": "rain"}],
)
async def test_a_filter_is_an_expression_or_json(served: Served, filter: Any):
    assert await found(served, filter=filter) == ["boots"]
    assert await found(served, query="rain", filter=filter) == ["boots"]


async def test_sort_orders_by_a_field_both_ways(served: Served):
    assert (await found(served, sort="price"))[:3] == ["hat", "boots", "coat"]
    assert (await found(served, sort="-price", limit=2)) == ["coat", "boots"]


@pytest.mark.parametrize("search", [{"query": "mud", "self_query": False}, {"sort": "-price"}])
async def test_an_offset_passes_over_the_first_hits(served: Served, search: dict[str, Any]):
    whole = await found(served, **search)
    assert len(whole) == 4
    assert await found(served, **search, limit=2) == whole[:2]
    assert await found(served, **search, limit=2, offset=2) == whole[2:]
    assert await found(served, **search, offset=4) == []


async def test_a_search_may_ask_for_diversity(served: Served):
    plain = await found(served, query="rain", limit=4)
    varied = await found(served, query="rain", limit=4, diversity=0.9)
    assert set(plain) == set(varied)
    assert plain[0] == varied[0]


@pytest.mark.parametrize(
    ("search", "status", "param", "says"),
    [
        ({"query": "x", "collection": "shpo"}, 404, "collection", "Did you mean 'shop'?"),
        ({"query": "x", "filter": "price <"}, 400, "filter", "position"),
        ({"query": "x", "filter": "colour == 1"}, 400, "filter", "colour"),
        ({"query": "x", "filter": {"price": {"$near": 1}}}, 400, "filter", "$near"),
        ({"query": "x", "limit": 0}, 400, "limit", "1 to"),
        ({"query": "x", "diversity": 1}, 400, "diversity", "below 1"),
        ({"query": "x", "offset": -1}, 400, "offset", "0 or more"),
        ({"query": "x", "offset": 991}, 400, "offset", "at most 1000"),
        ({"query": "x", "offset": 10**30}, 400, "offset", "at most 1000"),
        ({"query": "x", "limit": "many"}, 400, "limit", "integer"),
        ({"query": "x", "mode": "magic"}, 400, "mode", "hybrid"),
        ({"query": "x", "sort": "price"}, 400, "sort", "relevance"),
        ({"sort": "colour"}, 400, "sort", "colour"),
        ({}, 400, "query", "query, a filter or a sort"),
        ({"query": "\ud800"}, 400, "query", "surrogate"),
        ({"query": "x", "limt": 3}, 400, "limt", "not permitted"),
    ],
)
async def test_a_wrong_search_is_refused_by_its_field(
    served: Served, search: dict[str, Any], status: int, param: str, says: str
):
    reply = await served.post("/api/search", {"collection": "shop", **search})

    assert (reply.status, reply.error["param"]) == (status, param)
    assert reply.error["type"] == "invalid_request_error"
    assert says in reply.error["message"]


async def test_a_question_is_answered_and_cited(served: Served):
    question = {"collection": "shop", "question": "How long does a refund take?"}

    reply = await served.post("/api/ask", question)

    answer = reply.json
    assert answer["answer"] == "Refunds take 30 days [1]."
    assert answer["citations"][0]["document_id"] == "refund"
    assert set(answer) == {
        *("answer", "citations", "grounded", "refused", "model", "usage"),
        *("ttft_ms", "trace_id", "finish_reason", "self_query"),
        *("sufficiency", "conflicts", "checked"),
    }
    assert set(answer["grounded"]) == {"score", "verdict", "claims", "reason", "unread"}
    assert answer["usage"]["input_tokens"] == 5
    assert answer["trace_id"] == reply.headers["x-request-id"]


async def test_a_streamed_answer_is_deltas_and_then_the_whole(served: Served):
    question = {"collection": "shop", "question": "How long does a refund take?", "stream": True}

    reply = await served.post("/api/ask", question)

    *deltas, last = reply.events
    assert deltas[0].startswith(b'event: delta\ndata: {"text":"')
    text = "".join(json.loads(delta.split(b"data: ")[1])["text"] for delta in deltas)
    assert last.startswith(b"event: answer\ndata: {")
    answer = json.loads(last.split(b"data: ")[1])
    assert answer["answer"] == text == "Refunds take 30 days [1]."


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"question": " "}, 400, "question"),
        ({"collection": "none"}, 404, "collection"),
        ({"model": "none"}, 404, "model"),
        ({"filter": "price ="}, 400, "filter"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_wrong_question_is_an_http_error_streamed_or_not(
    served: Served, fields: dict[str, Any], status: int, param: str, stream: bool
):
    question = {"collection": "shop", "question": "Why?", **fields, "stream": stream}

    reply = await served.post("/api/ask", question)

    assert (reply.status, reply.error["param"]) == (status, param)
