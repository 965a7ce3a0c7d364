"""What the http reranker sends, and how it reads what comes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fixtures.openai_wire import Exchange, Wire
from tests.fixtures.rerank_wire import answers, cohere, serve_rerank_wire, tei

from bedplate.errors import UpstreamTimeout
from bedplate.rerankers.http import open_http_reranker
from bedplate.rerankers.http_wire import BadAnswer, HttpOptions, decode_scores
from bedplate.rerankers.protocol import Reranker

KEY = "sk-very-secret-key"


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[Reranker, Wire]]:
    if options.get("wire") != "tei":
        options = {"model": "m", **options}
    async with (
        serve_rerank_wire() as wire,
        open_http_reranker({"base_url": wire.base_url, **options}) as reranker,
    ):
        yield reranker, wire


async def test_the_cohere_wire_asks_for_a_score_of_every_document() -> None:
    async with opened(api_key=KEY) as (reranker, wire):
        scores = await reranker.score("rain", ["cake", "rain"], deadline=None)

    assert scores == [0.0, 1.0]
    [seen] = wire.seen
    assert seen.path == "/v1/rerank"
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.body == {"model": "m", "query": "rain", "documents": ["cake", "rain"], "top_n": 2}


async def test_the_tei_wire_asks_for_raw_scores_and_lets_the_server_cut() -> None:
    async with opened(wire="tei") as (reranker, wire):
        scores = await reranker.score("rain", ["cake", "rain"], deadline=None)

    assert scores == [0.0, 1.0]
    [seen] = wire.seen
    assert "Authorization" not in seen.headers
    assert seen.body == {
        "query": "rain",
        "texts": ["cake", "rain"],
        "raw_scores": True,
        "truncate": True,
    }


async def test_further_fields_of_an_answer_are_left_alone() -> None:
    results = [
        {"index": 1, "relevance_score": 0.2, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 1, "document": "a"},
    ]
    async with opened() as (reranker, wire):
        wire.script(answers({"id": "x", "results": results, "meta": {"tokens": {}}, "usage": 3}))
        assert await reranker.score("q", ["a", "b"], deadline=None) == [1.0, 0.2]


async def test_documents_go_in_batches_whose_scores_keep_their_places() -> None:
    async with opened(batch=2) as (reranker, wire):
        wire.script(cohere(0.1, 0.2), cohere(0.3, 0.4), cohere(0.5))
        scores = await reranker.score("q", ["a", "b", "c", "d", "e"], deadline=None)

    assert scores == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert [seen.body["documents"] for seen in wire.seen] == [["a", "b"], ["c", "d"], ["e"]]
    assert [seen.body["top_n"] for seen in wire.seen] == [2, 2, 1]


@pytest.mark.parametrize(("wire_name", "size"), [("cohere", 100), ("tei", 32)])
async def test_a_batch_is_what_the_wire_s_servers_take(wire_name: str, size: int) -> None:
    async with opened(wire=wire_name) as (reranker, wire):
        await reranker.score("q", ["a"] * (size + 1), deadline=None)

    field = "documents" if wire_name == "cohere" else "texts"
    assert [len(seen.body[field]) for seen in wire.seen] == [size, 1]


async def test_long_documents_and_queries_are_cut() -> None:
    async with opened(max_characters=3) as (reranker, wire):
        await reranker.score("query", ["äöüß", "ab"], deadline=None)

    assert wire.seen[0].body["documents"] == ["äöü", "ab"]
    assert wire.seen[0].body["query"] == "que"


async def test_half_a_surrogate_pair_is_sent_as_a_question_mark() -> None:
    async with opened() as (reranker, wire):
        await reranker.score("q \ud800", ["a \udc00"], deadline=None)

    assert (wire.seen[0].body["query"], wire.seen[0].body["documents"]) == ("q ?", ["a ?"])


async def test_connections_are_kept_and_never_more_than_allowed() -> None:
    async with opened(max_connections=1) as (reranker, wire), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(reranker.score("q", ["a"], deadline=None))

    assert wire.most_active == 1
    assert len({seen.peer for seen in wire.seen}) == 1


async def test_a_caller_that_goes_away_closes_the_request() -> None:
    arrived = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with opened() as (reranker, wire):
        wire.script(silent)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reranker.score("q", ["a"], deadline=None))
            await arrived.wait()
            task.cancel()
        await asyncio.wait_for(wire.disconnected.wait(), 5)


async def test_a_deadline_in_the_past_sends_nothing() -> None:
    async with opened() as (reranker, wire):
        with pytest.raises(UpstreamTimeout):
            await reranker.score("q", ["a"], deadline=asyncio.get_running_loop().time() - 1)

    assert wire.seen == []


async def test_no_documents_send_nothing() -> None:
    async with opened() as (reranker, wire):
        assert await reranker.score("q", [], deadline=None) == []

    assert wire.seen == []


async def test_tei_answers_are_read_by_index() -> None:
    async with opened(wire="tei") as (reranker, wire):
        wire.script(answers([{"index": 1, "score": -4.5}, {"index": 0, "score": 2}]))
        assert await reranker.score("q", ["a", "b"], deadline=None) == [2.0, -4.5]
        wire.script(tei(1.5, 2.5))
        assert await reranker.score("q", ["a", "b"], deadline=None) == [1.5, 2.5]


@given(st.permutations(range(6)), st.integers(0, 6))
def test_every_document_has_its_score_or_the_answer_is_refused(
    order: Sequence[int], given: int
) -> None:
    rows = ",".join(f'{{"index":{i},"score":{i}.5}}' for i in order[:given])
    body = f"[{rows}]".encode()
    if given == 6:
        assert decode_scores(body, "tei", 6) == [i + 0.5 for i in range(6)]
    else:
        with pytest.raises(BadAnswer, match=f"{6 - given} of 6 documents have no score"):
            decode_scores(body, "tei", 6)


@given(st.binary(max_size=200))
def test_any_bytes_are_scores_or_a_bad_answer(body: bytes) -> None:
    for wire in ("cohere", "tei"):
        with pytest.raises(BadAnswer):
            decode_scores(body, wire, 3)


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [
        ("https://api.cohere.com/v2", "https://api.cohere.com/v2/rerank"),
        ("http://h:1/", "http://h:1/rerank"),
        ("http://h:1", "http://h:1/rerank"),
        ("https://h/a?v=1", "https://h/a/rerank?v=1"),
    ],
)
def test_the_endpoint_stands_below_the_base_url(base_url: str, endpoint: str) -> None:
    assert HttpOptions(base_url=base_url, model="m").endpoint == endpoint


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"base_url": "127.0.0.1:80"}, "http or https URL"),
        ({"base_url": "http://my host"}, "http or https URL"),
        ({"base_url": "http://h:99999"}, "base_url"),
        ({"base_url": f"http://user:{KEY}@h"}, "must not hold credentials"),
        ({"model": None}, "model is needed"),
        ({"wire": "tei"}, "leave it out"),
        ({"wire": "jina"}, "wire"),
        ({"api_key": ""}, "not empty"),
        ({"api_key": f"{KEY}\n"}, "printable ASCII"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"batch": 0}, "batch"),
        ({"retries": 11}, "retries"),
        ({"apikey": KEY}, "apikey"),
    ],
)
def test_bad_options_are_refused_without_showing_the_key(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        HttpOptions.model_validate({"base_url": "http://h", "model": "m", **wrong})

    assert KEY not in str(caught.value)


def test_the_key_does_not_show_in_the_options() -> None:
    options = HttpOptions.model_validate({"base_url": "http://h", "model": "m", "api_key": KEY})

    assert KEY not in repr(options)
