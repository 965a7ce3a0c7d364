"""What the command line shows of a question that a model read."""

import json
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call

ROWS = [
    {"id": "coat", "text": "A trench coat for rain.", "price": 120, "kind": "rain"},
    {"id": "hat", "text": "A hat for the sun.", "price": 15, "kind": "sun"},
    {"id": "boots", "text": "Boots for rain and mud.", "price": 80, "kind": "rain"},
]
QUESTION = "rainproof things below a hundred"
FILTER = {"kind": "rain", "price": {"$lt": 100}}
UNREAD = "rain things under $100"
SETTINGS = f"""
[search]
reader = "small"
[models.small]
use = "scripted"
rules = [
  {{match = "hundred", reply = '{json.dumps({"filter": FILTER, "text": "things", "sort": None})}'}},
  {{match = "things", reply = "no JSON"}},
]
"""


@pytest.fixture
def shop(call: Call, tmp_path: Path) -> Call:
    (tmp_path / "bedplate.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    assert call("ingest", "rows.jsonl", "-c", "shop").code == 0
    return call


def test_a_search_names_the_model_that_read_it(shop: Call) -> None:
    told = " ".join(shop("search", "-c", "shop", QUESTION).out.split())
    assert f'Read by small as: filter {json.dumps(FILTER)}, text "things".' in told
    found = shop("search", "-c", "shop", QUESTION, "--json").json
    assert [hit["document_id"] for hit in found["hits"]] == ["boots"]
    assert (found["self_query"]["reader"], found["self_query"]["fallback"]) == ("small", None)


def test_a_search_says_why_the_rules_read_it(shop: Call) -> None:
    told = " ".join(shop("search", "-c", "shop", UNREAD).out.split())
    assert "Read by rules (The reply is not one JSON object: not JSON:" in told
    assert f"as: filter {json.dumps(FILTER)}" in told


def test_reading_is_switched_off_by_an_option(shop: Call) -> None:
    found = shop("search", "-c", "shop", QUESTION, "--no-self-query", "--json").json
    assert (found["self_query"], len(found["hits"])) == (None, 3)


def test_a_line_of_a_batch_says_who_read_it(shop: Call, tmp_path: Path) -> None:
    line = json.dumps({"id": "q", "text": QUESTION})
    (tmp_path / "queries.jsonl").write_text(line, encoding="utf-8")
    [out] = shop("search", "-c", "shop", "--queries", "queries.jsonl").lines
    assert out["self_query"]["reader"] == "small"


def test_an_answer_says_why_the_rules_read_the_question(shop: Call) -> None:
    why = "The reply is not one JSON object"
    answer = shop("ask", "-c", "shop", UNREAD, "--json").json
    assert answer["self_query"]["shop"]["fallback"].startswith(why)
    assert f"Read by rules: {why}" in " ".join(shop("ask", "-c", "shop", UNREAD).out.split())
