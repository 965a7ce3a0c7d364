"""Business tables mean the same in every store, whether it reads them or is given documents."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from tests.contract.entries import entry, unit
from tests.contract.shelves import SHELVES, given
from tests.contract.test_stores import SCOPE, Shelf, ids
from tests.fixtures.postgres import catalog_database

from bedplate.domain.documents import MetadataValue
from bedplate.domain.filters import And, Comparison, Filter, Not, Or
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Scope
from bedplate.domain.tables import BusinessTable
from bedplate.errors import BadFilter
from bedplate.stores.joins import parse_join
from bedplate.stores.protocol import StoreQuery
from bedplate.terms import TermVector

ITEMS: Mapping[str, Mapping[str, MetadataValue]] = {
    "travel": {"sku": "0012", "price": 20},
    "golf": {"sku": "0013", "price": 45},
    "storm": {"sku": "A-7", "price": 90},
    "set": {"sku": ["0012", "H'1"], "price": 40},
    "12": {"sku": 12, "price": 10},
    "dated": {"sku": "2026-01-01", "price": 10},
    "none": {"price": 5},
}
ROWS = [
    ("0012", "Oslo", 3, "2026-02-01"),
    ("0012", "Rome", 0, "2025-01-01"),
    ("0013", "Oslo", 0, "2026-03-01"),
    ("0013", "Rome", 5, "2026-03-01"),
    ("A-7", "Oslo", 9, "2025-06-01"),
    ("H'1", None, None, None),
    ("12", "Bern", 1, "2026-01-01"),
]


def run(file: Path, script: str, table: str = "", rows: Sequence[tuple[Any, ...]] = ()) -> Path:
    db = apsw.Connection(str(file))
    db.execute(script)
    for row in rows:
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    db.close()
    return file


def make_stock(file: Path, rows: Sequence[tuple[Any, ...]] = ROWS) -> Path:
    script = "CREATE TABLE stock (sku TEXT, city TEXT, quantity INTEGER, added TEXT)"
    return run(file, script, "stock", rows)


def stock(file: Path) -> BusinessTable:
    return BusinessTable(
        "stock", "stock", "sku", "sku", ("city", "quantity", "added"), database=file
    )


async def find(
    shelf: Shelf,
    table: BusinessTable,
    condition: object,
    *,
    scope: Scope = SCOPE,
    wrap: Any = lambda related: related,
) -> set[str]:
    """The documents that pass, the same by the store in every mode and by the catalog's scan."""
    fields = (await shelf.catalog.collections.get(scope)).fields
    [related] = parse_join({table.name: condition}, {table.name: table}, fields)
    filter: Filter = wrap(related)
    scanned = await shelf.catalog.index.scan(scope, filter=filter, sort=None, limit=99)
    for mode in ("hybrid", "vector", "keyword"):
        vector = None if mode == "keyword" else unit(1)
        query = StoreQuery(mode, TermVector.of("thing"), vector, 99)  # type: ignore[arg-type]
        assert ids(await shelf.ask(query, filter, scope=scope)) == set(scanned)
    return {chunk.rpartition("#")[0] for chunk in scanned}


# Two that compile joins, and one that is given documents in their place, as all the others are.
STORES = [shelf for shelf in SHELVES if shelf.id in ("sqlite", "memory", "pgvector")]
IN_SQLITE = [shelf for shelf in STORES if shelf.catalog == "sqlite"]


def str_of(value: object) -> str:
    """The same in every process: a set's order is not."""
    return str(sorted(value) if isinstance(value, set) else value)[:40]


@contextmanager
def in_schema(address: str) -> Iterator[None]:
    """A schema `shop` in that PostgreSQL database, gone afterwards."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shop")
        try:
            yield
        finally:
            connection.execute("DROP SCHEMA shop CASCADE")


@dataclass(frozen=True)
class Shop:
    """A shelf, and business tables that its catalog can read: in a SQLite file, or a schema."""

    shelf: Shelf
    file: Path | None
    address: str = ""

    def run(self, script: str, table: str = "", rows: Sequence[tuple[Any, ...]] = ()) -> None:
        if self.file is not None:
            run(self.file, script, table, rows)
            return
        with psycopg.connect(self.address, autocommit=True) as db:
            db.execute("SET search_path = shop")
            db.execute(script.encode())
            for row in rows:
                db.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)  # type: ignore[arg-type]

    def stock(self) -> BusinessTable:
        script = "CREATE TABLE stock (sku TEXT, city TEXT, quantity INTEGER, added TEXT)"
        self.run(script, "stock", ROWS)
        return self.table("stock", "stock", "sku", "sku", ("city", "quantity", "added"))

    def table(self, name: str, table: str, *rest: Any) -> BusinessTable:
        place = table if self.file is not None else f"shop.{table}"
        return BusinessTable(name, place, *rest, database=self.file)


@pytest.fixture(params=IN_SQLITE, ids=lambda shelf: shelf.id)
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with request.param.open(tmp_path) as (catalog, store):
        yield await filled(Shelf(catalog, store))


@pytest.fixture(params=STORES, ids=lambda shelf: shelf.id)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    if request.param.catalog == "sqlite":
        async with request.param.open(tmp_path) as (catalog, store):
            file = tmp_path / "it's 100% a #1? shop.db"
            yield Shop(await filled(Shelf(catalog, store)), file)
        return
    with catalog_database() as address, in_schema(address):
        there = replace(request.param, serve=given({"database": address}))
        async with there.open(tmp_path) as (catalog, store):
            yield Shop(await filled(Shelf(catalog, store)), None, address)


async def filled(shelf: Shelf) -> Shelf:
    await shelf.put(*[entry(name, "thing", metadata=data) for name, data in ITEMS.items()])
    return shelf


CONDITIONS: list[tuple[object, set[str]]] = [
    ('city == "Oslo" and quantity > 0 and added >= 2026-01-01', {"travel", "set"}),
    ({"quantity": {"$gt": 0}}, {"travel", "set", "golf", "storm", "12"}),
    ("quantity > 0 and city == 'Rome'", {"golf"}),
    ("not city == 'Oslo'", {"travel", "set", "golf", "12"}),
    ("city != 'Oslo'", {"travel", "set", "golf", "12"}),
    ("city not in ('Oslo', 'Rome')", {"12"}),
    ("city exists", {"travel", "set", "golf", "storm", "12"}),
    ("city not exists", {"set"}),
    ("quantity == 0 or quantity == 1", {"travel", "set", "golf", "12"}),
    ("quantity == '3'", {"travel", "set"}),
    ("city == 'oslo'", set()),
    # Text as it is: no date is read into it.
    ("added == '2026-02-01'", {"travel", "set"}),
    ("added == '2026-02-01T00:00:00Z'", set()),
    ({"quantity": {"$in": [3, "9", 1]}}, {"travel", "set", "storm", "12"}),
    ({"city": {"$in": [f"c{n}" for n in range(999)] + ["Bern"]}}, {"12"}),
    ({"city": "x' OR '1'='1"}, set()),
    ({"city": '"; DROP TABLE stock; --'}, set()),
    ({"city": {"$in": ["Bern", "'); DELETE FROM stock; --", '"]}']}}, {"12"}),
]


# SQLite compares values of any two types; PostgreSQL refuses these.
BY_AFFINITY: list[tuple[object, set[str]]] = [
    ("quantity == false", {"travel", "set", "golf"}),
    ("quantity > 'a'", set()),
    ({"quantity": {"$in": [3, "9", True]}}, {"travel", "set", "storm", "12"}),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=str_of)
async def test_conditions_mean_what_they_mean_in_sql(
    shop: Shop, condition: object, expected: set[str]
) -> None:
    assert await find(shop.shelf, shop.stock(), condition) == expected


@pytest.mark.parametrize(("condition", "expected"), BY_AFFINITY, ids=str_of)
async def test_sqlite_compares_values_of_any_type(
    shelf: Shelf, tmp_path: Path, condition: object, expected: set[str]
) -> None:
    assert await find(shelf, stock(make_stock(tmp_path / "shop.db")), condition) == expected


async def test_a_table_of_the_catalogs_own_database_is_read_as_well(
    shelf: Shelf, tmp_path: Path
) -> None:
    table = BusinessTable("stock", "stock", "sku", "sku", ("quantity",))
    make_stock(tmp_path / "catalog.db")
    assert await find(shelf, table, "quantity > 3") == {"golf", "storm"}


async def test_joins_go_with_filters_and_with_one_another(shop: Shop) -> None:
    shelf, table = shop.shelf, shop.stock()
    rows = [("travel", 5), ("storm", 5), ("12", 1)]
    shop.run("CREATE TABLE note (doc TEXT, stars INTEGER)", "note", rows)
    shop.run("CREATE VIEW top AS SELECT * FROM note WHERE stars > 4")
    notes = shop.table("notes", "top", "doc", "document_id", ("stars",))
    assert await find(shelf, notes, "stars exists") == {"travel", "storm"}
    [other] = parse_join({"notes": "stars > 0"}, {"notes": notes}, {})
    cheap = Comparison("price", "lt", 50, "number")
    in_stock = "quantity > 0"
    assert await find(shelf, table, in_stock, wrap=lambda r: And([r, other])) == {"travel", "storm"}
    assert await find(shelf, table, in_stock, wrap=lambda r: And([r, other, cheap])) == {"travel"}
    assert await find(shelf, table, in_stock, wrap=Not) == {"dated", "none"}
    expected = {"golf", "travel", "storm"}
    assert await find(shelf, table, "city == 'Rome'", wrap=lambda r: Or([r, other])) >= expected


KEYS: list[tuple[str, object, set[str], set[str]]] = [
    # The key's declared type, a key, and the documents it belongs to: by sku, by id.
    ("INTEGER", 12, {"12"}, {"12"}),
    ("TEXT", "12", {"12"}, {"12"}),
    ("TEXT", 12, {"12"}, {"12"}),
    ("", 12, {"12"}, {"12"}),
    ("", "12", {"12"}, {"12"}),
    ("REAL", 12, {"12"}, set()),
    ("NUMERIC", "12", {"12"}, {"12"}),
    ("TEXT", "0012", {"travel", "set"}, set()),
    ("", "0012", {"travel", "set"}, set()),
    # The column itself has made 12 of it.
    ("INTEGER", "0012", {"12"}, {"12"}),
    ("TEXT COLLATE NOCASE", "a-7", set(), set()),
    ("TEXT COLLATE NOCASE", "A-7", {"storm"}, set()),
    ("TEXT COLLATE NOCASE", "TRAVEL", set(), set()),
    ("TEXT COLLATE RTRIM", "12 ", set(), set()),
    ("TEXT", " 12", set(), set()),
    ("TEXT", "12.0", set(), set()),
    ("TEXT", "1.2e1", set(), set()),
    ("", 12.5, set(), set()),
    ("TEXT", "H'1", {"set"}, set()),
    ("TEXT", "travel", set(), {"travel"}),
    ("TEXT", None, set(), set()),
    # A field that holds a date is not kept as it was written.
    ("TEXT", "2026-01-01", set(), set()),
]


async def test_a_key_is_the_same_text_or_the_same_number(shelf: Shelf, tmp_path: Path) -> None:
    for number, (type, key, by_sku, by_id) in enumerate(KEYS):
        file = run(tmp_path / f"{number}.db", f"CREATE TABLE t (k {type}, x)", "t", [(key, 1)])
        run(file, "CREATE INDEX i ON t (k)")
        for field, expected in (("sku", by_sku), ("document_id", by_id)):
            table = BusinessTable("t", "t", "k", field, ("x",), database=file)
            assert await find(shelf, table, "x == 1") == expected, (type, key, field)


@pytest.mark.parametrize("type", ["TEXT", "TEXT COLLATE NOCASE", "INTEGER", ""])
async def test_rows_of_other_tenants_are_never_seen(
    shelf: Shelf, tmp_path: Path, type: str
) -> None:
    rows = [
        ("0012", 1, "7"), ("0013", 2, "07"), ("A-7", 3, "acme"), ("H'1", 4, "ACME"),
        (12, 5, None), (12, 6, "' OR 1=1 --"),
    ]  # fmt: skip
    script = f"CREATE TABLE stock (sku, quantity INTEGER, tenant {type})"
    file = run(tmp_path / "shop.db", script, "stock", rows)
    table = BusinessTable(
        "stock", "stock", "sku", "sku", ("quantity", "tenant"), "tenant", database=file
    )
    expected = {
        "7": {"travel", "set"}, "07": {"golf"}, "acme": {"storm"}, "ACME": {"set"},
        "' OR 1=1 --": {"12"}, "other": set[str](),
    }  # fmt: skip
    if type == "INTEGER":
        # The column itself has made one of the two.
        expected |= {"7": {"travel", "set", "golf"}, "07": set()}
    for tenant, seen in expected.items():
        scope = Scope(TenantId(tenant), "notes")
        entries = [entry(name, "thing", metadata=data) for name, data in ITEMS.items()]
        await shelf.put(*entries, scope=scope)
        for condition in (
            "quantity > 0",
            "tenant exists or tenant not exists",
            "not (quantity > 99 and tenant == 'acme') or quantity < 99",
        ):
            assert await find(shelf, table, condition, scope=scope) == seen


async def test_rows_that_change_are_seen_at_once(shop: Shop) -> None:
    table = shop.stock()
    assert await find(shop.shelf, table, "city == 'Bergen'") == set()
    shop.run("UPDATE stock SET city = 'Bergen' WHERE sku = 'A-7'")
    assert await find(shop.shelf, table, "city == 'Bergen'") == {"storm"}


async def test_rows_that_change_and_files_that_are_replaced_are_seen_at_once(
    shelf: Shelf, tmp_path: Path
) -> None:
    file = make_stock(tmp_path / "shop.db")
    assert await find(shelf, stock(file), "city == 'Bergen'") == set()
    run(file, "UPDATE stock SET city = 'Bergen' WHERE sku = 'A-7'")
    assert await find(shelf, stock(file), "city == 'Bergen'") == {"storm"}
    make_stock(tmp_path / "new.db", [("0013", "Bergen", 1, "")]).replace(file)
    for _ in range(3):
        assert await find(shelf, stock(file), "city == 'Bergen'") == {"golf"}


async def test_a_store_is_not_given_more_documents_than_it_takes(
    shelf: Shelf, tmp_path: Path
) -> None:
    if shelf.store.abilities.tables or shelf.store.abilities.most_documents > 10_000:
        pytest.skip("takes any number")
    many = [entry(f"m{n}", "x", metadata={"sku": "0013"}) for n in range(10_000)]
    await shelf.catalog.documents.replace(SCOPE, many)
    table = stock(make_stock(tmp_path / "shop.db"))
    with pytest.raises(BadFilter, match=r"join: .* 'stock' .*more than the [\d,]+ documents") as e:
        await find(shelf, table, "quantity > 0")
    assert e.value.param == "join"
