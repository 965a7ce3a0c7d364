"""SQL tools over real databases: what a model's query may do, and what a statement does once."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.fixtures.tools import shop_database, toolbox

from bedplate.errors import ConfigError, Unavailable
from bedplate.tools.protocol import ToolContext, ToolResult

TABLES = """
CREATE TABLE orders (id TEXT PRIMARY KEY, total NUMERIC, note TEXT);
CREATE TABLE secrets (word TEXT);
CREATE TABLE refunds (key TEXT PRIMARY KEY, id TEXT, amount NUMERIC CHECK (amount > 0));
CREATE VIEW open_orders AS SELECT id, total FROM orders;
INSERT INTO orders VALUES ('A-1', 12.5, 'late'), ('A-2', 40, NULL), ('A-3', 7, 'x');
INSERT INTO secrets VALUES ('swordfish');
"""
STATEMENTS = {
    "refund": {
        "sql": "INSERT INTO refunds VALUES (:idempotency_key, :id, :amount)",
        "description": "Refunds an order.",
        "parameters": {"id": {"type": "string"}, "amount": {"type": "number"}},
    },
    "find_refund": {
        "sql": "SELECT id, amount FROM refunds WHERE key = :key",
        "description": "Looks up a refund.",
        "parameters": {"key": {"type": "string"}},
    },
    "set_note": {
        "sql": "UPDATE orders SET note = :note WHERE id = :id",
        "description": "Notes something of an order.",
        "parameters": {"id": {"type": "string"}, "note": {"type": "string", "default": "none"}},
        "effect": "idempotent",
    },
}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        with closing(apsw.Connection(str(tmp_path / "shop.db"))) as db:
            db.execute(TABLES).fetchall()
        yield f"sqlite:///{tmp_path}/shop.db"
        return
    with shop_database(TABLES) as address:
        yield address


def shop(url: str, **settings: Any) -> dict[str, Any]:
    return {"shop": {"use": "sql", "url": url, "statements": STATEMENTS, **settings}}


async def query(url: str, sql: str, **settings: Any) -> ToolResult:
    async with toolbox(shop(url, **settings)) as tools:
        return await (await tools.find("shop_query")).call({"sql": sql}, ToolContext())


async def test_the_model_is_told_the_tables_and_reads_rows(url: str) -> None:
    async with toolbox(shop(url)) as tools:
        tool = await tools.find("shop_query")
        assert tool.policy.effect == "none"
        assert "orders(id " in tool.spec.description
        assert "open_orders(" in tool.spec.description
    result = await query(url, "SELECT count(*) AS n, sum(total) AS total FROM orders")
    (row,) = json.loads(result.text)["rows"]
    assert list(row.values() if isinstance(row, dict) else row) == [3, 59.5]


async def test_rows_are_bounded_and_that_there_are_more_is_told(url: str) -> None:
    result = await query(url, "SELECT id FROM orders ORDER BY id", rows=2)
    assert result.truncated
    assert "narrow the query down" in result.text
    assert ("A-2" in result.text, "A-3" in result.text) == (True, False)
    assert (await query(url, "SELECT id FROM orders WHERE id = 'no'")).missing


async def test_a_query_that_takes_too_long_is_stopped(url: str) -> None:
    numbers = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t"
    result = await query(url, numbers, statement_seconds=0.2)
    assert result.failed
    assert "longer than 0.2 s" in result.text


async def test_a_row_of_any_size_is_cut(url: str) -> None:
    grow = "||".join(["note"] * 2)
    sql = f"WITH RECURSIVE t(n, note) AS (SELECT 1, 'xxxxxxxxxx' UNION ALL SELECT n + 1, {grow} FROM t WHERE n < 19) SELECT note FROM t"
    result = await query(url, sql)
    assert len(result.text) < 21_000


async def test_a_mistake_is_told_in_the_database_s_words(url: str) -> None:
    result = await query(url, "SELECT totl FROM orders")
    assert (result.failed, result.unknown) == (True, False)
    assert "totl" in result.text


async def test_only_what_is_named_may_be_read_and_a_view_is_a_way_to_its_tables(url: str) -> None:
    allowed = ["open_orders"]
    assert not (await query(url, "SELECT * FROM open_orders", tables=allowed)).failed
    for sql in ("SELECT * FROM secrets", "SELECT word FROM secrets s", "SELECT * FROM orders"):
        refused = await query(url, sql, tables=allowed)
        assert refused.failed
        assert "swordfish" not in refused.text


async def test_the_database_itself_refuses_what_a_parser_let_through(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line: as if the check had been deceived."""
    monkeypatch.setattr("bedplate.tools.sql.check_query", lambda sql, _, **__: sql)
    writes = ["DELETE FROM orders", "DROP TABLE orders", "SELECT 1; DELETE FROM orders"]
    writes += ["SELECT 1) AS q; DELETE FROM orders; --", "INSERT INTO orders VALUES ('x', 1, '')"]
    for sql in writes:
        assert (await query(url, sql)).failed, sql
    assert (await query(url, "SELECT count(*) AS n FROM orders")).text.count("3") == 1
    if url.startswith("sqlite"):
        for sql in (
            "ATTACH ':memory:' AS x",
            "PRAGMA writable_schema = 1",
            "SELECT * FROM sqlite_master",
        ):
            assert (await query(url, sql)).failed, sql


async def test_a_statement_is_a_tool_whose_effect_can_be_asked_for(url: str) -> None:
    settings = shop(url, each={"refund": {"status": {"tool": "find_refund", "key": "key"}}})
    async with toolbox(settings) as tools:
        refund = await tools.find("refund")
        assert (refund.policy.effect, set(refund.spec.parameters["properties"])) == (
            "once", {"id", "amount"},
        )  # fmt: skip
        context = ToolContext(key="run-7/3")
        before = await refund.status({}, context)
        assert before is not None
        assert (before.failed, before.missing) == (True, True)
        done = await refund.call({"id": "A-1", "amount": 5}, context)
        assert json.loads(done.text) == {"changed": 1}
        after = await refund.status({}, context)
        assert after is not None
        assert not after.failed
        assert "A-1" in after.text
        twice = await refund.call({"id": "A-1", "amount": 5}, context)
        assert (twice.failed, twice.unknown) == (True, False)
        assert "Nothing was changed" in twice.text


async def test_what_breaks_a_rule_of_the_database_changes_nothing(url: str) -> None:
    async with toolbox(shop(url)) as tools:
        refund = await tools.find("refund")
        refused = await refund.call({"id": "A-1", "amount": -5}, ToolContext(key="k"))
        assert refused.failed
        found = await (await tools.find("find_refund")).call({"key": "k"}, ToolContext())
        assert found.missing


async def test_values_are_bound_and_never_read_as_sql(url: str) -> None:
    async with toolbox(shop(url)) as tools:
        set_note = await tools.find("set_note")
        note = "'; DROP TABLE orders; -- 100 % :id"
        assert json.loads(
            (await set_note.call({"id": "A-1", "note": note}, ToolContext())).text
        ) == {"changed": 1}
        assert (await set_note.call({"id": "nobody"}, ToolContext())).missing
    assert note in (await query(url, "SELECT note FROM orders WHERE id = 'A-1'")).text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "mysql://h/d"}, "tools.shop.url must begin with sqlite:// or postgresql://"),
        (
            {"statements": {"a": {"sql": "DROP TABLE x", "description": "d"}}},
            "tools.shop.statements.a.sql: it is DROP",
        ),
        (
            {"statements": {"a": {"sql": "SELECT :x", "description": "d"}}},
            "uses :x, which is not declared",
        ),
        (
            {"statements": {"a": {"sql": "SELECT 1", "description": "d", "parameters": {"x": {}}}}},
            "does not use the parameter 'x'",
        ),
    ],
)
async def test_settings_that_do_not_fit_end_the_start(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        async with toolbox({"shop": {"use": "sql", "url": "sqlite:///no.db", **settings}}):
            pass


@pytest.mark.parametrize(
    "url", ["sqlite:////no/such.db", "postgresql://ann:very-secret@127.0.0.1:9/d"]
)
async def test_a_database_that_is_away_is_named_without_its_password(url: str) -> None:
    async with toolbox(shop(url)) as tools:
        with pytest.raises(Unavailable) as raised:
            await tools.find("shop_query")
    assert "very-secret" not in raised.value.message
