"""Tables of a real MariaDB server as a source: their types, and what happens when they change."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.mariadb import MariadbServer, empty_mariadb

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.sources import SourceSpec, Sync
from bedplate.errors import ConfigError, Unavailable
from bedplate.ingest.sync import SyncRequest
from bedplate.rag.retrieve import SearchRequest
from bedplate.sources.protocol import Item
from bedplate.sources.sql import open_sql
from bedplate.sources.sql_mysql import connect_mysql

Database = tuple[MariadbServer, str]


@pytest.fixture
def database() -> Iterator[Database]:
    with empty_mariadb() as found:
        yield found


def fill(database: Database, *statements: str) -> None:
    server, name = database
    for statement in statements:
        server.run(statement, name=name)


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[App]:
    arguments = {
        "data.dir": str(folder / "data"), "embedder.use": "hashing", "embedder.dimensions": 64,
    }  # fmt: skip
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with opened(tmp_path) as found:
        yield found


async def sync(app: App, **asked: Any) -> Sync:
    return await app.sources.sync(SyncRequest(DEFAULT_TENANT, "shop", **asked))


async def kept(app: App) -> list[str]:
    found = app.catalog.documents.list(app.scope("c"), after=None, limit=100)
    return [document.id async for document in found]


PRODUCTS = (
    "CREATE TABLE product (id int PRIMARY KEY, name varchar(40), price decimal(9, 2),"
    " changed timestamp(6) NOT NULL)",
    "INSERT INTO product VALUES (1, 'Umbrella rain7x', 20.50, '2026-01-01 10:00:00'),"
    " (2, 'Tent', 300, '2026-01-02 10:00:00'), (3, 'Stove', 45, '2026-01-03 10:00:00')",
)


def product_options(database: Database, **more: Any) -> dict[str, Any]:
    server, name = database
    return {
        "database": server.address(name), "table": "product", "key": ["id"], "text": ["name"],
        "metadata": ["price"], **more,
    }  # fmt: skip


async def test_values_of_mysql_keep_their_kinds(database: Database) -> None:
    server, name = database
    fill(
        database,
        "CREATE TABLE item (id binary(4) PRIMARY KEY, day date, moment datetime(3), hour time,"
        " price decimal(9, 2), large bigint unsigned, ratio double, flag bit(1), size enum('s', 'm'),"
        " tags set('a', 'b'), facts json, photo blob, none_ int, zero date,"
        " body text CHARACTER SET latin1, more text CHARACTER SET utf8mb4, changed timestamp(6))",
    )
    server.run(
        "INSERT INTO item VALUES (x'0a00ff27', '2026-01-02', '2026-01-02 03:04:05.678', '25:00:01',"
        " 12.50, 18446744073709551615, 0.25, b'1', 'm', 'a,b', %s, x'00ff', NULL, NULL,"
        " 'Größe 100%% `?`', 'Schirm ☂🌂', '2026-01-02 02:00:00')",
        json.dumps({"x": [1, "ä"]}, ensure_ascii=False),
        name=name,
    )
    options = {
        "database": server.address(name), "table": "item", "key": ["id"], "text": ["body", "more"],
        "metadata": ["day", "moment", "hour", "price", "large", "ratio", "flag", "size", "tags",
                     "facts", "photo", "none_", "zero", "changed"],
        "incremental": "changed", "where": {"size": "m", "flag": True},
    }  # fmt: skip
    async with open_sql(options, name="shop") as source:
        (item,) = [each async for each in source.list(None) if isinstance(each, Item)]
        assert (item.key, item.cursor) == ("0x0a00ff27", "2026-01-02T02:00:00")
        assert [each async for each in source.list(item.cursor)] == [item]
        found = await source.read(Item(item.key), known=None, max_bytes=10_000)
    assert found is not None
    assert json.loads(found.blob.content)["text"] == "Größe 100% `?`\n\nSchirm ☂🌂"
    assert found.metadata == {
        "day": "2026-01-02", "moment": "2026-01-02T03:04:05.678000", "hour": "25:00:01",
        "price": 12.5, "large": 18446744073709551615, "ratio": 0.25, "flag": 1, "size": "m",
        "tags": "a,b", "facts": '{"x": [1, "ä"]}', "photo": None, "none_": None, "zero": None,
        "changed": "2026-01-02T02:00:00",
    }  # fmt: skip


async def test_a_table_is_kept_in_step_by_its_incremental_column(
    app: App, database: Database
) -> None:
    fill(database, *PRODUCTS)
    await app.sources.add(
        SourceSpec(
            DEFAULT_TENANT, "shop", "c", "sql", product_options(database, incremental="changed")
        )
    )
    assert (await sync(app)).counts.added == 3
    fill(
        database,
        "UPDATE product SET name = 'Umbrella hail8x', changed = '2026-02-01 10:00:00' WHERE id = 1",
        "INSERT INTO product VALUES (4, 'Lamp', 15, '2026-02-02 10:00:00')",
        "DELETE FROM product WHERE id = 2",
    )
    second = await sync(app)
    assert (second.counts.added, second.counts.updated, second.counts.deleted) == (1, 1, 0)
    # What lay before the highest value seen was not even listed.
    assert second.counts.listed == 3
    hits = await app.search.search(app.scope("c"), SearchRequest("hail8x"))
    assert hits.hits[0].document_id == "shop/1"
    whole = await sync(app, complete=True)
    assert whole.counts.deleted == 1
    assert await kept(app) == ["shop/1", "shop/3", "shop/4"]


async def test_drift_of_the_schema_and_lost_rights_end_the_sync_by_name_and_delete_nothing(
    app: App, database: Database
) -> None:
    server, name = database
    fill(database, *PRODUCTS, f"CREATE USER IF NOT EXISTS {name}@'%'",
         f"GRANT SELECT ON {name}.* TO {name}@'%'")  # fmt: skip
    await app.sources.add(
        SourceSpec(
            DEFAULT_TENANT, "shop", "c", "sql",
            {**product_options(database), "database": server.address(name, name)},
        )
    )  # fmt: skip
    assert (await sync(app)).counts.added == 3
    changes = (
        ("ALTER TABLE product RENAME COLUMN price TO cost", "has no column 'price'", ConfigError),
        ("ALTER TABLE product RENAME COLUMN cost TO price", None, None),
        ("RENAME TABLE product TO goods", "doesn't exist", ConfigError),
        ("RENAME TABLE goods TO product", None, None),
        (f"REVOKE SELECT ON {name}.* FROM {name}@'%'", "password or rights", ConfigError),
        (f"DROP USER {name}@'%'", "password or rights", ConfigError),
    )
    for statement, said, error in changes:
        fill(database, statement)
        if error is None:
            assert (await sync(app)).counts.unchanged == 3
            continue
        with pytest.raises(error, match=said):
            await sync(app)
        assert await kept(app) == ["shop/1", "shop/2", "shop/3"]


async def test_a_number_that_is_too_large_for_a_filter_stops_nothing(
    app: App, database: Database
) -> None:
    fill(
        database,
        "CREATE TABLE product (id int PRIMARY KEY, name text, price bigint unsigned)",
        "INSERT INTO product VALUES (1, 'Umbrella', 18446744073709551615), (2, 'Tent', 5)",
    )
    await app.sources.add(SourceSpec(DEFAULT_TENANT, "shop", "c", "sql", product_options(database)))
    found = await sync(app)
    assert (found.status, found.counts.added, found.counts.failed) == ("done", 2, 0)


async def test_mysql_writes_nothing(database: Database) -> None:
    server, name = database
    fill(database, *PRODUCTS)
    with connect_mysql(server.address(name), 5) as db:
        for sql in (
            "DELETE FROM product",
            "INSERT INTO product SELECT id + 9, name, 1, now() FROM product",
        ):
            with pytest.raises(ConfigError, match="READ ONLY"):
                db.rows(sql, (), 1)
    # MariaDB lets DDL through such a transaction; as a query it does not get so far.
    for query in (
        "SELECT id, name, price FROM product INTO OUTFILE '/tmp/x'",
        "TABLE product; DROP TABLE product",
    ):
        options = product_options(database, query=query)
        del options["table"]
        with pytest.raises(ConfigError):
            async with open_sql(options, name="shop") as source:
                _ = [each async for each in source.list(None)]
    assert server.run("SELECT count(*) FROM product", name=name) == ((3,),)


def test_mysql_statements_end_in_time(database: Database) -> None:
    server, name = database
    with (
        connect_mysql(server.address(name), 0.2) as db,
        pytest.raises(Unavailable, match="statement_seconds"),
    ):
        db.rows("SELECT sleep(20)", (), 1)
