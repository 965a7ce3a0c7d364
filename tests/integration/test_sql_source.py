"""A PostgreSQL table as a source: its types, and that nothing of it can be written."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.fixtures.postgres import empty_database

from bedplate.errors import ConfigError, Unavailable
from bedplate.sources.protocol import Item
from bedplate.sources.sql import open_sql
from bedplate.sources.sql_postgres import connect_postgres


@pytest.fixture
def address() -> Iterator[str]:
    with empty_database() as found:
        with psycopg.connect(found, autocommit=True) as db:
            db.execute(
                "CREATE TABLE item (id uuid PRIMARY KEY, day date, body text, price numeric(9, 2),"
                " tags text[], facts jsonb, changed timestamptz)"
            )
            db.execute(
                "INSERT INTO item VALUES ('0195f3f0-0000-7000-8000-000000000001', '2026-01-02',"
                " '100% rain-proof?', 12.50, '{a,b}', '{\"x\": 1}', '2026-01-02T03:00:00+01')"
            )
        yield found


async def test_values_of_postgres_keep_their_kinds(address: str) -> None:
    options = {
        "database": address, "table": "item", "key": ["id"], "text": ["body"],
        "metadata": ["day", "price", "tags", "facts", "changed"], "where": {"body": "100% rain-proof?"},
        "incremental": "changed",
    }  # fmt: skip
    async with open_sql(options, name="s") as source:
        (item,) = [each async for each in source.list(None) if isinstance(each, Item)]
        assert item.key == "0195f3f0-0000-7000-8000-000000000001"
        assert item.cursor == "2026-01-02T02:00:00+00:00"
        again = [each async for each in source.list(item.cursor)]
        assert again == [item]
        found = await source.read(Item(item.key), known=None, max_bytes=10_000)
    assert found is not None
    assert found.metadata == {
        "day": "2026-01-02", "price": 12.5, "tags": ["a", "b"], "facts": '{"x": 1}',
        "changed": "2026-01-02T02:00:00+00:00",
    }  # fmt: skip


def test_postgres_writes_nothing(address: str) -> None:
    with connect_postgres(address, 5) as db:
        for sql in ("DELETE FROM item", "CREATE TABLE x (a int)"):
            with pytest.raises(ConfigError, match="read-only"):
                db.rows(sql, (), 1)


def test_postgres_statements_end_in_time(address: str) -> None:
    with (
        connect_postgres(address, 0.2) as db,
        pytest.raises(Unavailable, match="statement_seconds"),
    ):
        db.rows("SELECT pg_sleep(20)", (), 1)
