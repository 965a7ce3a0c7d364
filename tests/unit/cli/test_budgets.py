"""`bedplate budgets` and `bedplate usage`."""

import csv
import io
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call

DECLARED = """
[embedder]
use = "hashing"
[budgets.tenants.default]
usd_month = 50.5
[budgets.runs."*"]
tokens_total = 1000
[models.default]
use = "scripted"
replies = ["Boots are warm [1]."]
usage = { input_tokens = 5, output_tokens = 3 }
"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    path = tmp_path / "bedplate.toml"
    path.write_text(DECLARED)
    return path


def test_budgets_are_set_shown_changed_and_removed(call: Call) -> None:
    first = call(
        "budgets", "set", "key", "k", "--usd-month", "20.25", "--tokens-day", "9", "--json"
    )
    assert first.code == 0
    assert {each["measure"]: each["limit"] for each in first.json["budgets"]} == {
        "usd_month": 20.25,
        "tokens_day": 9,
    }
    assert first.json["budgets"][0]["tenant"] is None
    assert call("budgets", "set", "key", "k", "--tokens-day", "none").code == 0
    (shown,) = call("budgets", "show", "key", "k", "--json").json["budgets"]
    assert (shown["spent"], shown["reserved"], shown["left"]) == (0, 0, 20.25)
    assert shown["renews_at"].endswith("-01T00:00:00+00:00")
    listed = call("budgets", "list").out
    assert "key 'k'" in listed
    assert "20.25 USD" in listed
    assert call("budgets", "remove", "key", "k", "--json").json == {"removed": 1}
    assert "There are no budgets" in call("budgets", "list").out


def test_a_tenant_s_own_limit_on_a_model_is_apart(call: Call) -> None:
    assert call("budgets", "set", "model", "quote", "--usd-day", "1").code == 0
    assert call("budgets", "set", "model", "quote", "--usd-day", "2", "--tenant", "t").code == 0
    listed = call("budgets", "list", "--json").json["budgets"]
    assert [(each["tenant"], each["limit"]) for each in listed] == [(None, 1.0), ("t", 2.0)]
    mine = call("budgets", "list", "--tenant", "t", "--json").json["budgets"]
    assert [each["limit"] for each in mine] == [2.0]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["tenant", "t", "--usd-day", "-1"], "usd_day is -1 USD; it must be between 0 USD"),
        (["tenant", "t", "--usd-day", "1e30"], "--usd-day is '1e30'; give a number"),
        (["tenant", "t", "--usd-day", "nan"], "--usd-day is 'nan'; give a number"),
        (["tenant", "t", "--usd-day", "much"], "--usd-day is 'much'; give a number"),
        (["tenant", "t", "--usd-day", "0.0000001"], "a millionth of a dollar is the least"),
        (["tenant", "t", "--tokens-day", "1.5"], "tokens are whole"),
        (["tenant", "t", "--requests-minute", "0"], "requests_minute is 0 requests"),
        (["tenant", "t"], "Say what is limited: --usd-day, --usd-month"),
        (["tenant", "t", "--usd-day", "1", "--tenant", "x"], "leave --tenant out"),
        (["tenant", "two words", "--usd-day", "1"], "is no name of a tenant"),
        (["planet", "t", "--usd-day", "1"], "planet"),
        (["model", "quot", "--usd-day", "1"], "no model 'quot'. Did you mean 'quote'?"),
    ],
)
def test_bad_budgets_are_refused_with_a_reason(call: Call, arguments: list[str], why: str) -> None:
    ran = call("budgets", "set", *arguments)
    assert ran.code == 2
    assert why in ran.err
    assert call("budgets", "list", "--json").json == {"budgets": []}


def test_there_is_nothing_to_remove(call: Call) -> None:
    ran = call("budgets", "remove", "key", "k")
    assert ran.code == 2
    assert "There is no budget of key 'k'" in ran.err


@pytest.mark.usefixtures("declared")
def test_declared_budgets_are_listed_and_stay_as_they_are(call: Call) -> None:
    listed = call("budgets", "list", "--json").json["budgets"]
    assert [(each["name"], each["limit"], each["declared"]) for each in listed] == [
        ("*", 1000, True),
        ("default", 50.5, True),
    ]
    refused = call("budgets", "set", "tenant", "default", "--usd-month", "99")
    assert refused.code == 2
    assert "The configuration declares usd_month of tenant 'default'" in refused.err
    assert call("budgets", "set", "tenant", "default", "--usd-day", "9").code == 0


@pytest.mark.parametrize(
    ("budgets", "why"),
    [
        ("[budgets.tenants.t]\nusd_day = -1", "budgets.tenants.t.usd_day"),
        ("[budgets.models.nobody]\nusd_day = 1", "there is no model 'nobody'"),
        ("[budgets.assistants.nobody]\nusd_day = 1", "there is no assistant 'nobody'"),
        ('[budgets.keys."a b"]\nusd_day = 1', "is no name of a key"),
        ("[budgets.keys.k]\nusd_year = 1", "budgets.keys.k.usd_year"),
        ("[budgets]\nunknown_price = 'maybe'", "budgets.unknown_price"),
    ],
)
def test_absurd_declarations_are_refused(
    call: Call, tmp_path: Path, budgets: str, why: str
) -> None:
    (tmp_path / "bedplate.toml").write_text(budgets)
    ran = call("budgets", "list")
    assert ran.code == 2
    assert why in ran.err


@pytest.mark.usefixtures("declared")
def test_usage_is_what_answers_used_and_a_spent_budget_ends_with_3(
    call: Call, tmp_path: Path
) -> None:
    assert "No model was called" in call("usage").out
    (tmp_path / "boots.txt").write_text("Boots are warm.")
    assert call("ingest", "boots.txt", "-c", "c").code == 0
    assert call("ask", "-c", "c", "Are boots warm?", "--json").json["usage"]["cost_usd"] == 0
    found = call("usage", "--by", "model", "--json").json
    assert found["by"] == "model"
    assert found["usage"] == [
        {"group": "default", "requests": 1, "input_tokens": 5, "output_tokens": 3,
         "cost_usd": 0.0, "unpriced": 0}
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(call("usage", "--csv").out)))
    assert [(row["requests"], row["input_tokens"]) for row in rows] == [("1", "5")]
    assert "default" in call("usage", "--by", "model").out
    (line,) = call("usage", "--lines", "--json").json["lines"]
    assert (line["tenant"], line["model"], line["input_tokens"]) == ("default", "default", 5)
    (row,) = csv.DictReader(io.StringIO(call("usage", "--lines", "--csv").out))
    assert (row["day"], row["key"], row["output_tokens"]) == (line["day"], "", "3")
    assert "default" in call("usage", "--lines").out
    bill = tmp_path / "bill.csv"
    bill.write_text(f"day,model,input_tokens,output_tokens\n{line['day']},default,5,3\n")
    assert call("usage", "--bill", "bill.csv", "--json").json["within"] is True
    bill.write_text(f"day,model,input_tokens\n{line['day']},default,10\n")
    over = call("usage", "--bill", "bill.csv", "--json")
    assert (over.code, over.json["lines"][0]["input_share"]) == (4, -0.5)
    shown = call("usage", "--bill", "bill.csv")
    assert (shown.code, "-50.0% / - / -  over" in shown.out) == (4, True)
    assert call("usage", "--bill", "bill.csv", "--tolerance", "0.5").code == 0
    assert call("usage", "--bill", "nothing.csv").code == 2
    assert call("usage", "--bill", "bill.csv", "--csv").code == 2
    assert call("budgets", "set", "tenant", "default", "--tokens-day", "10").code == 0
    refused = call("ask", "-c", "c", "Are boots warm?", "--json")
    assert refused.code == 3
    assert refused.json["error"]["code"] == "budget_exceeded"
    assert "2 tokens is left" in refused.json["error"]["message"]
