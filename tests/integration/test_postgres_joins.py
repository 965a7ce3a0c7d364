"""Business tables in PostgreSQL: its own types, what may be declared, and what is refused."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.contract.entries import entry
from tests.contract.shelves import OpenShelf, given
from tests.contract.test_joins import ITEMS, find, in_schema, str_of
from tests.contract.test_stores import SCOPE, Shelf
from tests.fixtures.postgres import catalog_database

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.filters import And, Comparison, Not, Or, Related
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Scope
from bedplate.domain.tables import BusinessTable
from bedplate.errors import BadFilter, ConfigError, StorageError
from bedplate.postgres.database import open_database, select
from bedplate.postgres.related import reading

STOCK = """
CREATE TYPE shop.size AS ENUM ('small', 'large');
CREATE TABLE shop.stock (sku text, city varchar(20), quantity integer, price numeric(10, 2),
  weight real, fresh boolean, added date, seen timestamptz, size shop.size, note json);
INSERT INTO shop.stock VALUES
  ('0012', 'Oslo', 3, 49.90, 0.5, true, '2026-02-01', '2026-02-01 12:00+02', 'small', '{}'),
  ('0013', 'Rome', 0, 5.00, 1.5, false, '2025-01-01', '2025-01-01 00:00+00', 'large', NULL),
  ('A-7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""
COLUMNS = (
    "city", "quantity", "price", "weight", "fresh", "added", "seen", "size", "note",
)  # fmt: skip
TRAVEL = {"travel", "set"}


@pytest.fixture
def address() -> Iterator[str]:
    with catalog_database() as made, in_schema(made):
        yield made


@pytest.fixture
async def shelf(address: str, tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = OpenShelf("pgvector", "pgvector", given({"database": address}), catalog="postgres")
    async with shelf.open(tmp_path) as (catalog, store):
        opened = Shelf(catalog, store)
        await opened.put(*[entry(name, "thing", metadata=data) for name, data in ITEMS.items()])
        yield opened


def run(address: str, script: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(script.encode())


def stock(**changes: Any) -> BusinessTable:
    return BusinessTable(
        **{"name": "stock", "table": "shop.stock", "key": "sku", "field": "sku",
           "columns": COLUMNS, **changes}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("quantity == '3' and price < 50", TRAVEL),
        ("price == 49.9", TRAVEL),
        ("quantity > 2.5", TRAVEL),
        ("quantity < 99999999999999999999", {*TRAVEL, "golf"}),
        ("weight == 0.5", TRAVEL),
        ("fresh == true", TRAVEL),
        ("fresh == 'yes'", TRAVEL),
        ("added >= 2026-01-01", TRAVEL),
        ("seen == '2026-02-01T10:00:00Z'", TRAVEL),
        ("seen >= 2026-02-01 and seen < 2026-02-02", TRAVEL),
        # An enum is ordered as it was declared.
        ("size < 'large'", TRAVEL),
        ("note exists", TRAVEL),
        ({"price": {"$in": [5, "49.90"]}}, {*TRAVEL, "golf"}),
        ({"price": {"$nin": [5, 7.5]}}, TRAVEL),
        ({"added": {"$in": ["2026-02-01", "2024-01-01"]}}, TRAVEL),
        ("city not exists", {"storm"}),
    ],
    ids=str_of,
)
async def test_a_value_is_read_as_the_columns_own_type(
    shelf: Shelf, address: str, condition: object, expected: set[str]
) -> None:
    run(address, STOCK)
    assert await find(shelf, stock(), condition) == expected


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("city == 'Oslo' and quantity > 'a'", "stock: the column 'quantity' .* 'a': .*integer"),
        ("city == 3", "'city' does not compare with '3'"),
        ("quantity == false", "'quantity' does not compare with 'False'"),
        ("fresh == 1", "'fresh' does not compare with '1'"),
        ("added > 'soon' or quantity > 0", "'added' does not compare with 'soon'"),
        ("size == 'huge'", "'size' does not compare with 'huge'"),
        ("note == '{}'", "'note' does not compare"),
        ({"quantity": {"$in": [3, "x"]}}, "'quantity' does not compare"),
        ({"quantity": {"$gt": "9" * 30}}, "'quantity' does not compare"),
        ({"city": "a\0b"}, "'city' does not compare"),
    ],
    ids=str_of,
)
async def test_a_value_that_does_not_compare_names_its_column(
    shelf: Shelf, address: str, condition: object, says: str
) -> None:
    run(address, STOCK)
    for wrap in (lambda related: related, Not, lambda r: And([Or([r])])):
        with pytest.raises(BadFilter, match=rf"(?s)^join: .*{says}") as caught:
            await find(shelf, stock(), condition, wrap=wrap)
        assert caught.value.param == "join"
    # The connection serves the next search.
    assert await find(shelf, stock(), "quantity == 3") == TRAVEL


KEYS: list[tuple[str, str, set[str], set[str]]] = [
    # The key's type, a key, and the documents it belongs to: by sku, by id.
    ("integer", "12", {"12"}, {"12"}),
    ("bigint", "12", {"12"}, {"12"}),
    # Its text is 12, unlike SQLite's 12.0.
    ("double precision", "12", {"12"}, {"12"}),
    ("double precision", "'NaN'", set(), set()),
    ("double precision", "'-Infinity'", set(), set()),
    ("real", "12", {"12"}, {"12"}),
    ("numeric(10, 2)", "12", {"12"}, set()),
    ("numeric", "1e300", set(), set()),
    ("text", "'12'", {"12"}, {"12"}),
    ("text", "'0012'", TRAVEL, set()),
    ("text", "'12.0'", set(), set()),
    ("text", "'1.2e1'", set(), set()),
    ("text", "' 12'", set(), set()),
    ("text", "repeat('9', 5000)", set(), set()),
    ("text", "'1e999999999'", set(), set()),
    ("text", "NULL", set(), set()),
    ("text", "'2026-01-01'", set(), set()),
    ("varchar(9)", "'H''1'", {"set"}, set()),
    ("char(9)", "'A-7'", {"storm"}, set()),
    ("text", "'a-7'", set(), set()),
    ('text COLLATE "POSIX"', "'A-7'", {"storm"}, set()),
    ("uuid", "gen_random_uuid()", set(), set()),
    ("date", "'2026-01-01'", set(), set()),
]


async def test_a_key_is_the_same_text_or_the_same_number(shelf: Shelf, address: str) -> None:
    for number, (type, key, by_sku, by_id) in enumerate(KEYS):
        run(address, f"CREATE TABLE shop.t{number} AS SELECT CAST({key} AS text) k, 1 x LIMIT 0")
        run(address, f"ALTER TABLE shop.t{number} ALTER k TYPE {type} USING NULL")
        run(address, f"INSERT INTO shop.t{number} VALUES ({key}, 1)")
        for field, expected in (("sku", by_sku), ("document_id", by_id)):
            table = stock(table=f"shop.t{number}", key="k", field=field, columns=("x",))
            assert await find(shelf, table, "x == 1") == expected, (type, key, field)


@pytest.mark.parametrize("type", ["text", "varchar(20)", "char(20)"])
async def test_rows_of_other_tenants_are_never_seen(shelf: Shelf, address: str, type: str) -> None:
    run(
        address,
        f"CREATE TABLE shop.stock (sku text, quantity int, tenant {type});"
        "INSERT INTO shop.stock VALUES ('0012', 1, '7'), ('0013', 2, '07'), ('A-7', 3, 'acme'),"
        " ('H''1', 4, 'ACME'), ('12', 5, NULL)",
    )
    table = stock(columns=("quantity", "tenant"), tenant_column="tenant")
    seen = {"7": TRAVEL, "07": {"golf"}, "acme": {"storm"}, "ACME": {"set"}, "other": set[str]()}
    for tenant, expected in seen.items():
        scope = Scope(TenantId(tenant), "notes")
        await shelf.put(
            *[entry(name, "thing", metadata=data) for name, data in ITEMS.items()], scope=scope
        )
        for condition in ("quantity > 0", "not (quantity > 99 and tenant == 'acme')"):
            assert await find(shelf, table, condition, scope=scope) == expected


async def test_odd_names_are_quoted_and_names_alone_are_in_public(
    shelf: Shelf, address: str
) -> None:
    odd = '1 "100%s" {x}; --'
    name = odd.replace('"', '""')
    run(address, f'CREATE TABLE public."{name}" ("{name}" text, "Qu%" int, "{{0}}" text)')
    try:
        run(address, f"INSERT INTO public.\"{name}\" VALUES ('A-7', 5, 't1')")
        table = stock(table=odd, key=odd, columns=("Qu%",), tenant_column="{0}")
        await shelf.catalog.tables.check([table])
        assert await find(shelf, table, {"Qu%": 5}) == {"storm"}
        with pytest.raises(BadFilter, match="'Qu%' does not compare"):
            await find(shelf, table, {"Qu%": "five"})
    finally:
        run(address, f'DROP TABLE public."{name}"')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"table": "shop.stok"}, r"\.table: there is no table or view 'shop\.stok'.*'shop\.stock'"),
        ({"table": "stock"}, r"\.table: there is no table or view 'stock'"),
        ({"table": "document"}, r"\.table: there is no table or view 'document'"),
        ({"table": "Shop.stock"}, r"no table or view 'Shop\.stock'"),
        ({"table": "bedplate.document"}, "'bedplate.document' is one of the database's own"),
        ({"table": "bedplate.stock"}, "one of the database's own tables"),
        ({"table": "pg_catalog.pg_authid"}, "one of the database's own tables"),
        ({"table": "information_schema.tables"}, "one of the database's own tables"),
        ({"key": "skuu"}, r"\.key: there is no column of 'shop\.stock' 'skuu'.*'sku'"),
        ({"columns": ("City",)}, r"\.columns: there is no column .*'City'.*'city'"),
        ({"columns": ("ctid",)}, r"\.columns: there is no column .*'ctid'"),
        ({"tenant_column": "x"}, r"\.tenant_column: there is no column"),
        ({"database": Path("shop.db")}, r"\.database: 'shop\.db' is a SQLite file"),
    ],
)
async def test_a_wrong_declaration_is_named(
    shelf: Shelf, address: str, change: dict[str, Any], says: str
) -> None:
    run(address, STOCK)
    await shelf.catalog.tables.check([stock()])
    with pytest.raises(ConfigError, match=f"(?s)tables.stock{says}|tables.stock.*{says}"):
        await shelf.catalog.tables.check([stock(**change)])


async def test_a_table_that_this_user_may_not_read_stops_the_start(
    shelf: Shelf, address: str, tmp_path: Path
) -> None:
    run(address, STOCK)
    # Once as the owner, who makes all tables: nobody after it needs a right to.
    owner = {"data": {"dir": str(tmp_path), "database": address}, "store.use": "pgvector"}
    owner |= {"embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=owner).config):
        pass
    reader = f"reader_{address.rpartition('/')[2]}"
    run(
        address,
        f"CREATE ROLE {reader} LOGIN; GRANT USAGE ON SCHEMA bedplate, shop TO {reader};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA bedplate TO {reader}",
    )
    try:
        arguments = {
            "data": {"dir": str(tmp_path), "database": address.replace("postgres@", f"{reader}@")},
            "store.use": "pgvector", "embedder.use": "hashing",
            "tables": {"stock": {"table": "shop.stock", "key": "sku", "field": "sku",
                                 "columns": ["city"]}},
        }  # fmt: skip
        with pytest.raises(ConfigError, match=r"tables\.stock: .*permission denied"):
            async with open_app(load_config(environment={}, arguments=arguments).config):
                pass
        run(address, f"GRANT SELECT ON shop.stock TO {reader}")
        async with open_app(load_config(environment={}, arguments=arguments).config):
            pass
    finally:
        run(address, f"DROP OWNED BY {reader}; DROP ROLE {reader}")


async def test_a_search_with_a_join_cannot_write(shelf: Shelf, address: str) -> None:
    run(
        address,
        "CREATE TABLE shop.log (n int);"
        "CREATE FUNCTION shop.noted() RETURNS text LANGUAGE sql VOLATILE"
        " AS $$ INSERT INTO shop.log VALUES (1) RETURNING '0012' $$;"
        "CREATE VIEW shop.stock AS SELECT shop.noted() AS sku, 1 AS x",
    )
    table = stock(columns=("x",))
    with pytest.raises(StorageError, match="read-only transaction"):
        await find(shelf, table, "x == 1")
    async with open_database(address) as database:
        related = Related(table, Comparison("x", "exists", value=True, kind="string"))

        def state(db: Any) -> list[Any]:
            with reading(db, related):
                inside = select(db, "SHOW transaction_read_only")
            return [*inside, *select(db, "SHOW transaction_read_only")]

        assert await database.read(state) == [("on",), ("off",)]
        assert await database.read(lambda db: select(db, "SELECT count(*) FROM shop.log")) == [(0,)]


async def test_a_view_that_fails_by_itself_is_no_bad_filter(shelf: Shelf, address: str) -> None:
    run(
        address,
        "CREATE TABLE shop.n (n int); INSERT INTO shop.n VALUES (0);"
        "CREATE VIEW shop.stock AS SELECT '0012' AS sku, 1 / n AS x FROM shop.n",
    )
    with pytest.raises(StorageError, match="'stock' cannot be read: division by zero"):
        await find(shelf, stock(columns=("x",)), "x > 0")


async def test_a_table_that_is_dropped_is_missed_by_its_name(shelf: Shelf, address: str) -> None:
    run(address, STOCK)
    run(address, "DROP TABLE shop.stock")
    with pytest.raises(StorageError, match=r"shop\.stock"):
        await find(shelf, stock(), "quantity > 0")
    assert await shelf.catalog.collections.generation(SCOPE) == 1
