"""A source table that changes under a sync: columns, types, rights and the table itself."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from tests.fixtures.mariadb import empty_mariadb
from tests.fixtures.postgres import empty_database

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.sources import SourceSpec, Sync
from bedplate.errors import ConfigError
from bedplate.ingest.sync import SyncRequest
from bedplate.rag.retrieve import SearchRequest

PRODUCTS = (
    "CREATE TABLE product (id integer PRIMARY KEY, name text, price integer, changed integer)",
    "INSERT INTO product VALUES (1, 'Umbrella rain7x', 20, 10), (2, 'Tent', 300, 20)",
)


@dataclass(frozen=True)
class Table:
    """Where the products are: `run` changes them, as somebody else would."""

    address: str
    do: Callable[[str], object]

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.do(statement)

    def joined(self, *parts: str) -> str:
        """Values as one text, in the database's words."""
        mysql = self.address.startswith("mysql")
        return f"concat({', '.join(parts)})" if mysql else " || ".join(parts)


@contextmanager
def postgres() -> Iterator[Table]:
    with empty_database() as address, psycopg.connect(address, autocommit=True) as db:
        yield Table(address, lambda statement: db.execute(statement.encode()))


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    match request.param:
        case "sqlite":
            file = tmp_path / "shop.db"
            yield Table(f"sqlite:///{file}", lambda statement: changed(file, statement))
        case "postgres":
            with postgres() as found:
                yield found
        case _:
            with empty_mariadb() as (server, name):
                yield Table(
                    server.address(name), lambda statement: server.run(statement, name=name)
                )


def changed(file: Path, statement: str) -> None:
    db = apsw.Connection(str(file))
    db.execute(statement)
    db.close()


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    arguments = {"data.dir": str(tmp_path / "data"), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=arguments).config) as found:
        yield found


async def add(app: App, table: Table, **more: Any) -> None:
    table.run(*PRODUCTS)
    options = {
        "database": table.address, "table": "product", "key": ["id"], "text": ["name"],
        "metadata": ["price"], **more,
    }  # fmt: skip
    await app.sources.add(SourceSpec(DEFAULT_TENANT, "shop", "c", "sql", options))


async def sync(app: App, **asked: Any) -> Sync:
    return await app.sources.sync(SyncRequest(DEFAULT_TENANT, "shop", **asked))


async def kept(app: App) -> list[str]:
    found = app.catalog.documents.list(app.scope("c"), after=None, limit=100)
    return [document.id async for document in found]


async def found(app: App, query: str, filter: str | None = None) -> Sequence[str]:
    request = SearchRequest(query, mode="keyword", filter=filter)
    hits = (await app.search.search(app.scope("c"), request)).hits
    return [hit.document_id for hit in hits]


async def test_a_column_or_a_table_that_went_is_named_and_deletes_nothing(
    app: App, table: Table
) -> None:
    await add(app, table)
    assert (await sync(app)).counts.added == 2
    table.run("ALTER TABLE product RENAME COLUMN price TO cost")
    with pytest.raises(ConfigError, match="has no column 'price', which metadata names.*cost"):
        await sync(app)
    table.run("ALTER TABLE product RENAME COLUMN cost TO price")
    table.run("ALTER TABLE product RENAME TO goods")
    with pytest.raises(ConfigError, match="product"):
        await sync(app)
    assert await kept(app) == ["shop/1", "shop/2"]
    table.run("ALTER TABLE goods RENAME TO product")
    assert (await sync(app)).counts.unchanged == 2


async def test_a_column_that_nobody_asked_for_changes_nothing(app: App, table: Table) -> None:
    await add(app, table)
    await sync(app)
    table.run("ALTER TABLE product ADD COLUMN colour text DEFAULT 'red'")
    again = await sync(app)
    assert (again.counts.unchanged, again.counts.changed) == (2, 0)


async def test_a_column_of_another_type_is_read_as_what_it_is_now(app: App, table: Table) -> None:
    await add(app, table)
    await sync(app)
    assert await found(app, "umbrella", "price < 100") == ["shop/1"]
    retyped(table, "price", table.joined("price", "' EUR'"))
    assert (await sync(app)).counts.updated == 2
    assert await found(app, "umbrella", 'price == "20 EUR"') == ["shop/1"]


@pytest.mark.parametrize("first", ["number", "text"])
async def test_an_incremental_column_of_another_type_loses_no_row(
    app: App, table: Table, first: str
) -> None:
    to_text, to_number = table.joined("'v'", "changed"), "length(changed)"
    await add(app, table, incremental="changed")
    if first == "text":
        retyped(table, "changed", to_text)
    assert (await sync(app)).counts.added == 2
    retyped(table, "changed", to_text if first == "number" else to_number)
    table.run("UPDATE product SET name = 'Umbrella hail8x' WHERE id = 1")
    again = await sync(app)
    assert (again.counts.listed, again.counts.updated) == (2, 1)
    assert await found(app, "hail8x") == ["shop/1"]
    assert (await sync(app)).counts.listed <= 2


async def test_rights_that_are_taken_away_end_the_sync_and_delete_nothing(app: App) -> None:
    with postgres() as table:
        address = table.address
        table.run(*PRODUCTS, "CREATE ROLE reader_of_drift LOGIN")
        try:
            table.run("GRANT SELECT ON product TO reader_of_drift")
            options = {
                "database": f"{address}{'&' if '?' in address else '?'}options=-crole%3Dreader_of_drift",
                "table": "product", "key": ["id"], "text": ["name"],
            }  # fmt: skip
            await app.sources.add(SourceSpec(DEFAULT_TENANT, "shop", "c", "sql", options))
            assert (await sync(app)).counts.added == 2
            table.run("REVOKE SELECT ON product FROM reader_of_drift")
            with pytest.raises(ConfigError, match="permission denied for table product"):
                await sync(app)
            assert await kept(app) == ["shop/1", "shop/2"]
        finally:
            table.run("DROP OWNED BY reader_of_drift", "DROP ROLE reader_of_drift")


def retyped(table: Table, column: str, expression: str) -> None:
    """The column in place of itself, made anew of what it held, and so of the type of that."""
    kind = "integer" if "length" in expression else "text"
    table.run(
        f"ALTER TABLE product RENAME COLUMN {column} TO former",
        f"ALTER TABLE product ADD COLUMN {column} {kind}",
        f"UPDATE product SET {column} = {expression.replace(column, 'former')}",
        "ALTER TABLE product DROP COLUMN former",
    )
