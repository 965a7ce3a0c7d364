"""Rows as items: keys, types, drift, and queries that are one."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bedplate.errors import ConfigError, MissingExtra, NotFound, Unavailable, Unreadable
from bedplate.sources.protocol import Fetched, Gap, Item, Source
from bedplate.sources.sql import open_sql
from bedplate.sources.sql_query import relation_of
from bedplate.sources.sql_reader import RowReader
from bedplate.sources.sql_rows import read_key, to_metadata, write_key
from bedplate.sources.sql_sqlite import connect_sqlite

_values = (
    st.integers(-(10**20), 10**20)
    | st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("%/'1-2Fx0a"), max_size=8)
    | st.binary(max_size=4)
)


@given(st.lists(_values, min_size=1, max_size=3))
def test_a_key_is_printable_and_leads_back_to_its_values(values: list[str | int | bytes]) -> None:
    key = write_key(values)
    assert key is not None
    assert key.isprintable()
    assert read_key(key, len(values)) == values


@given(st.lists(_values, min_size=2, max_size=2), st.lists(_values, min_size=2, max_size=2))
def test_different_rows_have_different_keys(one: list[Any], other: list[Any]) -> None:
    assert (write_key(one) == write_key(other)) == (one == other)


def test_keys_of_common_kinds_read_as_they_are() -> None:
    assert write_key([42]) == "42"
    assert write_key(["A-17"]) == "A-17"
    assert write_key(["42"]) == "'42"
    assert write_key([b"\x0a\xff"]) == "0x0aff"
    assert write_key(["0x0aff"]) == "'0x0aff"
    assert write_key(["a/b", 1]) == "a%2Fb/1"
    assert write_key(["a", None]) is None


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM a",
        "select a -- ; not the end\nfrom b;",
        "WITH x AS (SELECT ';' AS a) SELECT * FROM x",
        '/* ; */ SELECT a FROM "odd;name"',
        "SELECT $$;$$",
        "VALUES (1)",
    ],
)
def test_one_query_is_taken(query: str) -> None:
    assert relation_of(query, "s").startswith("(")


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM a",
        "SELECT 1; DELETE FROM a",
        "SELECT 1) AS q; DELETE FROM a; SELECT * FROM (SELECT 1",
        "SELECT (1",
        "SELECT ')' ) FROM (a",
        "SELECT E'\\'; DELETE FROM a; --'",
        "SELECT ?",
        "PRAGMA journal_mode = DELETE",
        "",
    ],
)
def test_what_is_not_one_query_is_refused(query: str) -> None:
    with pytest.raises(ConfigError, match="query of source 's'"):
        relation_of(query, "s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "shop.db"
    with closing(sqlite3.connect(found)) as db, db:
        db.execute(
            "CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, body TEXT, price REAL,"
            " stock INTEGER, shop TEXT, photo BLOB)"
        )
        db.executemany(
            "INSERT INTO product VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (1, "Coat", "Keeps the rain off.", 79.5, 3, "north", b"\x00"),
                (2, "Boot", "Warm.", 120, None, "north", None),
                (3, "Tent", "For two.", 200, 1, "south", None),
            ],
        )
    return found


def options(path: Path, **more: Any) -> dict[str, Any]:
    return {
        "database": f"sqlite:///{path}", "table": "product", "key": ["id"], "text": ["body"], **more,
    }  # fmt: skip


async def listed(source: Source) -> list[Item | Gap]:
    return [each async for each in source.list(None)]


async def fetched(source: Source, key: str) -> Fetched:
    found = await source.read(Item(key), known=None, max_bytes=10_000)
    assert found is not None
    return found


async def test_a_row_becomes_a_document_with_typed_metadata(path: Path) -> None:
    chosen = options(path, title="name", text=["name", "body"],
                     metadata=["price", "stock", "photo"])  # fmt: skip
    async with open_sql(chosen, name="shop") as source:
        found = await fetched(source, "1")
    assert json.loads(found.blob.content) == {
        "id": "shop/1", "title": "Coat", "text": "Coat\n\nKeeps the rain off.",
    }  # fmt: skip
    assert found.metadata == {"price": 79.5, "stock": 3, "photo": None}
    assert (found.blob.source, found.blob.media_type) == ("shop/1", "application/jsonl")


async def test_rows_of_others_are_neither_listed_nor_read(path: Path) -> None:
    async with open_sql(options(path, where={"shop": "north"}), name="shop") as source:
        assert [each.key for each in await listed(source) if isinstance(each, Item)] == ["1", "2"]
        with pytest.raises(NotFound):
            await fetched(source, "3")


async def test_a_query_stands_in_for_a_table(path: Path) -> None:
    query = "SELECT id AS code, upper(body) AS words FROM product WHERE price > 100 -- dear"
    chosen = {"database": f"sqlite:///{path}", "query": query, "key": ["code"], "text": ["words"]}
    async with open_sql(chosen, name="shop") as source:
        assert len(await listed(source)) == 2
        assert b"WARM." in (await fetched(source, "2")).blob.content


async def test_a_column_that_went_is_named(path: Path) -> None:
    async with open_sql(options(path, metadata=["price"]), name="shop") as source:
        assert len(await listed(source)) == 3
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("ALTER TABLE product RENAME COLUMN price TO cost")
        with pytest.raises(ConfigError, match=r"no column 'price', which metadata names.*cost"):
            await listed(source)
        with pytest.raises(ConfigError, match="price"):
            await fetched(source, "1")


async def test_keys_that_do_not_name_one_row_are_reported(path: Path) -> None:
    async with open_sql(options(path, key=["stock"]), name="shop") as source:
        found = await listed(source)
        assert [each.code for each in found if isinstance(each, Gap)] == ["null_key"]
    async with open_sql(options(path, key=["shop"]), name="shop") as source:
        with pytest.raises(Unreadable, match="Several rows"):
            await fetched(source, "north")


async def test_a_query_that_is_none_is_refused_when_it_is_opened(path: Path) -> None:
    chosen = {"database": f"sqlite:///{path}", "key": ["id"], "text": ["body"]}
    with pytest.raises(ConfigError, match="SELECT"):
        async with open_sql({**chosen, "query": "DROP TABLE product"}, name="shop"):
            pass


async def test_sqlite_writes_nothing_and_opens_nothing_else(path: Path, tmp_path: Path) -> None:
    with connect_sqlite(f"sqlite:///{path}", 5) as db:
        for sql in ("DELETE FROM product", f"ATTACH '{tmp_path}/other.db' AS other"):
            with pytest.raises((ConfigError, Unavailable)):
                db.rows(sql, (), 1)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM product").fetchone() == (3,)


async def test_a_query_that_never_ends_is_interrupted(path: Path) -> None:
    query = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
        " SELECT id, 'x' AS body FROM n WHERE id < 0"
    )
    chosen = {"database": f"sqlite:///{path}", "query": query, "key": ["id"], "text": ["body"],
              "statement_seconds": 0.2}  # fmt: skip
    async with open_sql(chosen, name="shop") as source:
        with pytest.raises(Unavailable, match="statement_seconds"):
            await listed(source)


async def test_a_listing_can_be_left_in_the_middle(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        rows = [(n, "body") for n in range(10, 5_000)]
        db.executemany("INSERT INTO product (id, body) VALUES (?, ?)", rows)
    async with open_sql(options(path), name="shop") as source:
        listing = source.list(None)
        first = await anext(listing)
        await listing.aclose()  # type: ignore[attr-defined]
        assert isinstance(first, Item)
        items = await listed(source)
        assert len(items) == 4_993
        await asyncio.gather(*(fetched(source, str(n)) for n in range(10, 30)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"database": "postgresql://me:word@db/shop"}, "holds a password"),
        ({"query": "SELECT 1"}, "either a table or a query"),
        ({"key": []}, "key"),
        ({"colour": 1}, "colour"),
    ],
)
async def test_options_that_cannot_be_are_refused(
    path: Path, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        async with open_sql(options(path, **more), name="shop"):
            pass


async def test_a_password_is_taken_as_a_secret(path: Path) -> None:
    secret = SecretStr("postgresql://me:word@127.0.0.1:1/shop")
    async with open_sql({**options(path), "database": secret}, name="shop") as source:
        with pytest.raises(Unavailable, match="'shop' at 127.0.0.1:1") as caught:
            await listed(source)
    assert "word" not in str(caught.value)


async def test_an_address_of_no_known_database_is_refused(path: Path) -> None:
    with pytest.raises((ConfigError, MissingExtra), match="oracle"):
        async with open_sql({**options(path), "database": "oracle://x/y"}, name="shop"):
            pass


def test_values_keep_their_kind_as_metadata() -> None:
    assert to_metadata(Decimal("12.50")) == 12.5
    assert to_metadata(Decimal("12.00")) == 12
    assert to_metadata(date(2026, 1, 2)) == "2026-01-02"
    assert to_metadata(datetime(2026, 1, 2, 3, tzinfo=UTC)) == "2026-01-02T03:00:00+00:00"
    assert to_metadata(timedelta(hours=25, seconds=1, microseconds=5)) == "25:00:01.000005"
    assert to_metadata(timedelta(minutes=-90)) == "-01:30:00"
    assert to_metadata(["a", "b"]) == ["a", "b"]
    assert to_metadata({"a": 1}) == '{"a": 1}'
    assert to_metadata(b"x") is None
    assert to_metadata(True) is True


async def test_a_read_that_was_given_up_disturbs_no_other(path: Path) -> None:
    """Its thread goes on with the connection that it has."""
    counted = "(WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    slow = counted.format("CASE id WHEN 1 THEN 5000000 ELSE 1 END") + "SELECT count(*) FROM n)"
    query = f"SELECT id, body || {slow} AS body FROM product"
    async with open_sql(options(path, table=None, query=query), name="s") as source:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await fetched(source, "1")
        assert b"Warm.1" in (await fetched(source, "2")).blob.content


async def test_a_connection_that_was_left_is_closed_when_its_thread_is_done() -> None:
    closed: list[threading.Event] = []
    done = threading.Event()

    @contextmanager
    def connect() -> Generator[Any]:
        own = threading.Event()
        closed.append(own)
        try:
            yield own
        finally:
            own.set()

    reader = RowReader(connect)
    first = await reader.run(lambda db: db)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.run(lambda _: done.wait(30))
    second = await reader.run(lambda db: db)
    assert [first, second] == closed
    assert not closed[0].is_set()
    done.set()
    assert await asyncio.to_thread(closed[0].wait, 30)
    assert not closed[1].is_set()
    await reader.close()
    assert closed[1].is_set()
