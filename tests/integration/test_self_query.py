"""Searches whose sentence holds conditions, through ingest, search and ask."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.retrieval import SearchResult, Sort
from bedplate.ingest.incoming import Upload
from bedplate.rag.interpret import Interpret, in_order
from bedplate.rag.retrieve import SearchRequest

ROWS = [
    {"id": "skua", "title": "Skua umbrella", "text": "A folding umbrella against rain.",
     "price": 29, "category": "umbrellas", "in_stock": True, "added": "2026-02-01"},
    {"id": "gannet", "title": "Gannet umbrella", "text": "A long umbrella against rain.",
     "price": 54, "category": "umbrellas", "in_stock": False, "added": "2025-11-01"},
    {"id": "lofoten", "title": "Lofoten tent", "text": "A tent for two that keeps rain out.",
     "price": 449, "category": "tents", "in_stock": True, "added": "2026-01-15"},
    {"id": "machair", "title": "Machair tent", "text": "A family tent that keeps rain out.",
     "price": 389, "category": "tents", "in_stock": True, "added": "2024-05-01"},
    {"id": "drift", "title": "Drift jacket", "text": "A jacket that packs small.",
     "price": 79, "category": "jackets", "in_stock": True, "added": "2026-03-01"},
]  # fmt: skip


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    arguments = {"data.dir": str(tmp_path), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=arguments).config) as opened:
        lines = "\n".join(json.dumps(row) for row in ROWS).encode()
        await opened.ingest.run(opened.scope("shop"), [Upload(Blob(lines, "rows.jsonl"))])
        yield opened


async def ask(app: App, text: str, **more: object) -> SearchResult:
    request = SearchRequest(text, self_query=True, **more)  # type: ignore[arg-type]
    return await app.search.search(app.scope("shop"), request)


def ids(found: SearchResult) -> list[str]:
    return [hit.document_id for hit in found.hits]


async def test_a_condition_in_the_sentence_becomes_a_filter_that_is_shown(app: App) -> None:
    found = await ask(app, "umbrellas under $50")
    assert ids(found) == ["skua"]
    assert found.self_query is not None
    assert found.self_query.filter == {"category": "umbrellas", "price": {"$lt": 50}}
    assert (found.self_query.text, found.self_query.applied) == ("", True)


async def test_an_order_in_the_sentence_sorts_all_that_pass(app: App) -> None:
    found = await ask(app, "the cheapest tent")
    assert ids(found) == ["machair"]
    assert found.self_query is not None
    assert found.self_query.sort == Sort("price")


async def test_how_many_the_caller_says_counts_before_the_sentence(app: App) -> None:
    one = await ask(app, "the cheapest tent", limit=10)
    both = await ask(app, "the cheapest tent", limit=10, limit_given=True)
    assert (ids(one), ids(both)) == (["machair"], ["machair", "lofoten"])
    assert one.self_query is not None
    assert both.self_query is not None
    assert (one.self_query.limit, both.self_query.limit) == (1, None)
    first = await ask(app, "the two cheapest jackets and tents", limit=1, limit_given=True)
    assert len(first.hits) == 1


async def test_what_is_left_of_the_sentence_is_searched_for(app: App) -> None:
    found = await ask(app, "tents for a family under $400")
    assert ids(found)[0] == "machair"
    assert found.self_query is not None
    assert "family" in found.self_query.text
    assert {hit.metadata["category"] for hit in found.hits} == {"tents"}


async def test_an_order_with_words_holds_for_the_documents_that_have_them_all(app: App) -> None:
    hits = (await ask(app, "rain", limit=5)).hits
    ordered = in_order(hits, "rain", Sort("added", descending=True))
    assert [hit.document_id for hit in ordered] == ["skua", "lofoten", "gannet", "machair"]


async def test_a_filter_of_the_callers_holds_as_well(app: App) -> None:
    assert ids(await ask(app, "umbrellas under $100", filter="in_stock == false")) == ["gannet"]


async def test_conditions_that_nothing_meets_together_are_not_applied(app: App) -> None:
    found = await ask(app, "jackets under $40")
    assert found.self_query is not None
    assert not found.self_query.applied
    assert ids(found)[0] == "drift"


async def test_a_plain_question_is_left_alone(app: App) -> None:
    found = await ask(app, "what keeps rain out?")
    assert found.self_query is None
    assert len(found.hits) == 5


async def test_it_is_off_unless_asked_for(app: App) -> None:
    request = SearchRequest("umbrellas under $50")
    found = await app.search.search(app.scope("shop"), request)
    assert (found.self_query, len(found.hits)) == (None, 5)


async def test_values_that_came_later_are_known_after_a_while(app: App) -> None:
    assert (await ask(app, "hats under $50")).self_query is not None
    row = json.dumps({"id": "cap", "text": "A cap.", "category": "hats", "price": 9}).encode()
    await app.ingest.run(app.scope("shop"), [Upload(Blob(row, "more.jsonl"))])
    fresh = Interpret(app.search._retrieve, app.catalog, today=lambda: date(2026, 3, 1))
    request = SearchRequest("hats under $50", self_query=True)
    assert ids(await fresh.search(app.scope("shop"), request)) == ["cap"]


async def test_ask_reads_conditions_too_and_still_ranks_by_the_question(app: App) -> None:
    answer = await app.ask.answer(app.question("shop", "umbrellas in stock under $50"))
    assert {citation.document_id for citation in answer.citations} <= {"skua"}


GUIDE = b"# Umbrellas\n\nThe Puffin umbrella folds, keeps off heavy rain and costs $29."


async def mixed(app: App) -> None:
    """A collection of goods with prices, none of them an umbrella, and of a text without one."""
    goods = "\n".join(json.dumps(row) for row in ROWS if row["category"] != "umbrellas")
    uploads = [Upload(Blob(goods.encode(), "rows.jsonl")), Upload(Blob(GUIDE, "guide.md"))]
    await app.ingest.run(app.scope("mixed"), uploads)


async def test_a_condition_does_not_hide_what_fits_but_lacks_the_field(app: App) -> None:
    await mixed(app)
    request = SearchRequest("umbrellas under $90", self_query=True)
    found = await app.search.search(app.scope("mixed"), request)
    assert ids(found)[0] == "guide.md"
    assert found.self_query is not None
    assert found.self_query.filter == {"price": {"$lt": 90}}
    assert not found.self_query.applied


async def test_every_page_of_a_question_is_read_alike(app: App) -> None:
    await mixed(app)
    whole = SearchRequest("umbrellas under $90", self_query=True)
    wanted = ids(await app.search.search(app.scope("mixed"), whole))
    pages = [
        await app.search.search(app.scope("mixed"), replace(whole, limit=1, offset=offset))
        for offset in range(len(wanted))
    ]
    assert [each for page in pages for each in ids(page)] == wanted
    assert {page.self_query.applied for page in pages if page.self_query} == {False}


async def test_what_has_the_field_and_fails_the_condition_stays_out(app: App) -> None:
    await mixed(app)
    request = SearchRequest("tents for a family under $400", self_query=True)
    found = await app.search.search(app.scope("mixed"), request)
    assert ids(found) == ["machair"]
    assert found.self_query is not None
    assert found.self_query.applied
