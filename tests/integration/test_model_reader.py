"""Questions read and rewritten by a model, through the HTTP API."""

import json
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.openai_wire import Wire, envelope, refuses, serve_openai_wire, stalls, streams
from tests.fixtures.serving import Served, serving
from tests.fixtures.serving import asked as sent_to

from bedplate.domain.documents import Blob
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Scope, SearchResult
from bedplate.errors import BadFilter
from bedplate.ingest.incoming import Upload
from bedplate.rag.asked import Asked
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import Retrieve, SearchRequest

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = [
    {"id": "coat", "text": "A trench coat for rain.", "metadata": {"price": 120, "kind": "rain"}},
    {"id": "hat", "text": "A hat for the sun.", "metadata": {"price": 15, "kind": "sun"}},
    {"id": "boots", "text": "Boots for rain and mud.", "metadata": {"price": 80, "kind": "rain"}},
]
QUESTION = "rainproof things below a hundred"
READ = {"filter": {"kind": "rain", "price": {"$lt": 100}}, "text": "things", "sort": None}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_openai_wire() as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncGenerator[Served]:
    async with shop(tmp_path_factory.mktemp("read"), wire) as served:
        yield served


@asynccontextmanager
async def shop(folder: Path, wire: Wire, **more: Any) -> AsyncGenerator[Served]:
    settings: dict[str, Any] = {
        "models__small": {"use": "openai", "base_url": wire.base_url, "model": "m"},
        "assistants__support": {"collections": ["shop"]},
        "search__reader": "small",
        "search__rewrite": "small",
        **more,
    }
    async with serving(folder, **settings) as served:
        assert (await served.post("/api/collections/shop/documents", ITEMS)).status == 200
        yield served


@pytest.fixture(autouse=True)
def fresh(wire: Wire) -> Iterator[None]:
    wire.seen.clear()
    yield
    wire.script()


def replies(*readings: Any) -> list[Any]:
    return [streams(json.dumps(reading)) for reading in readings]


async def search(served: Served, query: str = QUESTION, **more: Any) -> dict[str, Any]:
    body = {"collection": "shop", "query": query, **more}
    reply = await served.post("/api/search", body)
    assert reply.status == 200, reply.body
    return reply.json


def ids(found: dict[str, Any]) -> list[str]:
    return [hit["document_id"] for hit in found["hits"]]


async def test_a_models_reading_narrows_the_search_and_is_shown(served: Served, wire: Wire) -> None:
    wire.script(*replies(READ))
    found = await search(served)
    assert ids(found) == ["boots"]
    assert found["self_query"] == {
        **READ,
        "limit": None,
        "matched": [],
        "applied": True,
        "reader": "small",
        "fallback": None,
    }
    [call] = wire.seen
    assert [message["role"] for message in call.body["messages"]] == ["system", "user"]
    assert json.dumps(QUESTION) in call.body["messages"][1]["content"]
    assert call.body["max_tokens"] == 1_024


async def test_that_a_model_found_no_condition_is_shown(served: Served, wire: Wire) -> None:
    wire.script(*replies({"filter": None, "text": "hat", "sort": None}))
    read = (await search(served, "a hat"))["self_query"]
    assert (read["reader"], read["text"], read["filter"]) == ("small", "a hat", None)


async def test_an_order_that_the_model_read_is_applied(served: Served, wire: Wire) -> None:
    wire.script(*replies({"filter": None, "text": "", "sort": "-price"}))
    assert ids(await search(served, "what costs most")) == ["coat", "boots", "hat"]


async def test_a_reading_that_nothing_meets_is_not_applied(served: Served, wire: Wire) -> None:
    wire.script(*replies({**READ, "filter": {"price": {"$lt": 1}}}))
    found = await search(served)
    assert (found["self_query"]["applied"], len(found["hits"])) == (False, 3)


async def test_a_callers_filter_holds_whatever_the_model_says(served: Served, wire: Wire) -> None:
    wire.script(*replies({**READ, "filter": {"price": {"$exists": True}}}))
    assert ids(await search(served, filter="price < 20")) == ["hat"]


async def test_a_model_is_not_asked_when_the_caller_switches_reading_off(
    served: Served, wire: Wire
) -> None:
    found = await search(served, self_query=False)
    assert found["self_query"] is None
    assert not wire.seen


async def test_a_corrected_reply_is_used(served: Served, wire: Wire) -> None:
    wire.script(*replies({**READ, "filter": {"cost": 5}}, READ))
    assert ids(await search(served)) == ["boots"]
    assert len(wire.seen) == 2
    assert "no field 'cost'" in wire.seen[1].body["messages"][3]["content"]


@pytest.mark.parametrize(
    ("answers", "why", "calls"),
    [
        (replies({**READ, "filter": {"tenant": "other"}}), "no field 'tenant'", 2),
        (replies({**READ, "collections": ["secret"]}), "wrong at 'collections'", 2),
        ([streams("Here you are: rain")], "not one JSON object", 2),
        ([streams("x" * 5_000)], "more than 4,000 characters", 1),
        ([streams('{"filter"', finish="length")], "was cut off (length)", 1),
        ([refuses(500, envelope("out of memory"))], "out of memory", 1),
        ([refuses(429, envelope("slow down"))], "slow down", 1),
    ],
)
async def test_where_the_model_fails_the_rules_read_and_the_answer_says_why(
    served: Served,
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    answers: list[Any],
    why: str,
    calls: int,
) -> None:
    wire.script(*answers)
    found = await search(served, "rain things under $100")
    assert ids(found) == ["boots"]
    read = found["self_query"]
    assert (read["reader"], read["filter"]) == ("rules", {"kind": "rain", "price": {"$lt": 100}})
    assert why in read["fallback"]
    [line] = [r for r in caplog.records if r.name == "bedplate.rag.interpret"]
    assert (line.levelno, line.model, line.reason) == (  # type: ignore[attr-defined]
        logging.WARNING,
        "small",
        read["fallback"],
    )
    assert len(wire.seen) == calls


async def test_a_model_that_takes_too_long_is_not_waited_for(tmp_path: Path, wire: Wire) -> None:
    wire.script(stalls('{"filter"'))
    async with shop(tmp_path, wire, search__model_seconds=0.3) as served:
        found = await search(served, "rain things under $100")
    assert ids(found) == ["boots"]
    read = found["self_query"]
    assert (read["reader"], read["filter"]) == ("rules", {"kind": "rain", "price": {"$lt": 100}})
    why = read["fallback"]
    assert any(each in why for each in ("in time", "deadline", "did not finish"))


async def test_a_failure_shows_even_where_the_rules_read_nothing(
    served: Served, wire: Wire
) -> None:
    wire.script(refuses(500, envelope("out of memory")))
    read = (await search(served, "hat"))["self_query"]
    assert (read["reader"], read["filter"], read["text"]) == ("rules", None, "hat")
    assert "out of memory" in read["fallback"]


async def test_a_wrong_filter_of_the_callers_stays_an_error(served: Served, wire: Wire) -> None:
    wire.script(*replies(READ))
    body = {"collection": "shop", "query": QUESTION, "filter": "cost < 5"}
    reply = await served.post("/api/search", body)
    assert (reply.status, reply.error["code"]) == (400, "bad_filter")


async def test_a_model_sees_and_reaches_one_tenant_alone(served: Served, wire: Wire) -> None:
    app = served.app
    row = json.dumps({"id": "x", "text": "Rainproof things.", "kind": "rain", "owner": "Eve"})
    theirs = Scope(TenantId("other"), "shop")
    await app.ingest.run(theirs, [Upload(Blob(row.encode(), "rows.jsonl"))])
    wire.script(*replies({**READ, "filter": {"kind": {"$exists": True}}}))
    assert sorted(ids(await search(served))) == ["boots", "coat", "hat"]
    assert "Eve" not in json.dumps(wire.seen[0].body)
    wire.script(*replies({**READ, "filter": {"owner": "Eve"}}))
    assert "no field 'owner'" in (await search(served))["self_query"]["fallback"]


class Refusing:
    """A search over a store that can express no filter."""

    def __init__(self, retrieve: Retrieve) -> None:
        self._retrieve = retrieve

    def asked(self, text: str) -> Asked:
        return self._retrieve.asked(text)

    def check(self, request: SearchRequest) -> None:
        self._retrieve.check(request)

    async def search(
        self, scope: Scope, request: SearchRequest, asked: Asked | None = None
    ) -> SearchResult:
        if request.narrowed is not None and "kind" in request.narrowed:
            raise BadFilter("filter: this store compares no text")
        return await self._retrieve.search(scope, request, asked)


async def test_a_filter_that_the_store_refuses_is_not_the_callers_error(
    served: Served, wire: Wire
) -> None:
    wire.script(*replies(READ))
    app = served.app
    refusing: Any = Refusing(app.search._retrieve)
    interpret = Interpret(refusing, app.catalog, reader=app.search._reader)
    request = SearchRequest("things under $100", self_query=True)
    found = await interpret.search(app.scope("shop"), request)
    assert found.self_query is not None
    assert (found.self_query.reader, found.self_query.filter) == ("rules", {"price": {"$lt": 100}})
    assert found.self_query.fallback == "filter: this store compares no text"


async def test_ask_says_how_the_question_was_read(served: Served, wire: Wire) -> None:
    wire.script(*replies(READ))
    answer = (await served.post("/api/ask", {"collection": "shop", "question": QUESTION})).json
    assert answer["self_query"]["shop"]["filter"] == READ["filter"]
    assert answer["self_query"]["shop"]["reader"] == "small"
    [request] = sent_to(served.app)[-1:]
    assert {passage.hit.document_id for passage in request.passages} == {"boots"}


CONVERSATION = {
    "model": "support",
    "messages": [
        {"role": "user", "content": "Which coats are there?"},
        {"role": "assistant", "content": "The trench coat."},
        {"role": "user", "content": "And for the feet?"},
    ],
}


async def extension(served: Served, **more: Any) -> dict[str, Any]:
    reply = await served.post("/v1/chat/completions", {**CONVERSATION, **more})
    assert reply.status == 200, reply.body
    if more.get("stream"):
        chunks = [json.loads(event.removeprefix(b"data: ")) for event in reply.events[:-1]]
        return chunks[-1]["bedplate"]
    return reply.json["bedplate"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_follow_up_is_searched_for_as_the_model_rewrote_it(
    served: Served, wire: Wire, stream: bool
) -> None:
    nothing = {"filter": None, "text": "", "sort": None}
    wire.script(streams("Which boots ", "are there?"), *replies(nothing))
    found = await extension(served, stream=stream)
    assert found["rewritten"] == {
        "text": "Which boots are there?",
        "by": "small",
        "fallback": None,
    }
    assert found["self_query"]["shop"]["text"] == "Which boots are there?"
    rewriting, reading = wire.seen
    assert '{"user": "Which coats are there?"}' in rewriting.body["messages"][1]["content"]
    assert '"Which boots are there?"' in reading.body["messages"][1]["content"]
    [request] = sent_to(served.app)[-1:]
    assert request.question == "And for the feet?"
    assert request.passages[0].hit.document_id == "boots"


async def test_where_the_model_fails_the_rules_rewrite_and_the_answer_says_why(
    served: Served, wire: Wire
) -> None:
    wire.script(refuses(503, envelope("loading")))
    found = await extension(served)
    rewritten = found["rewritten"]
    assert rewritten["by"] == "rules"
    assert rewritten["text"].startswith("Which coats are there?\nAnd for the feet?")
    assert "loading" in rewritten["fallback"]
    assert "loading" in found["self_query"]["shop"]["fallback"]
