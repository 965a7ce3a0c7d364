"""Business tables from the configuration to the answer."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.contract.test_joins import make_stock, run
from tests.fixtures.serving import Served, serving

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.tables import BusinessTable
from bedplate.errors import ConfigError, StorageError
from bedplate.sqlite.database import open_database, select
from bedplate.state import CATALOGS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = [
    {"id": "travel", "text": "A travel umbrella.", "metadata": {"sku": "0012", "price": 20}},
    {"id": "golf", "text": "A golf umbrella for two.", "metadata": {"sku": "0013", "price": 45}},
    {"id": "storm", "text": "A storm umbrella of steel.", "metadata": {"sku": "A-7", "price": 90}},
    {"id": "none", "text": "An umbrella without a number.", "metadata": {"price": 5}},
]
STOCK = {"table": "stock", "key": "sku", "field": "sku", "columns": ["city", "quantity", "added"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "memory"])
async def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Served]:
    folder = tmp_path_factory.mktemp("joins")
    (folder / "data").mkdir()
    make_stock(folder / "data" / "catalog.db")
    make_stock(folder / "shop.db")
    tables = {"stock": STOCK, "shop": {**STOCK, "database": str(folder / "shop.db")}}
    async with serving(folder, tables=tables, store__use=request.param) as served:
        assert (await served.post("/api/collections/shop/documents", ITEMS)).status == 200
        yield served


async def found(served: Served, **search: Any) -> list[str]:
    reply = await served.post("/api/search", {"collection": "shop", **search})
    assert reply.status == 200, reply.body
    return [hit["document_id"] for hit in reply.json["hits"]]


@pytest.mark.parametrize("table", ["stock", "shop"])
async def test_meaning_filter_and_stock_are_one_search(served: Served, table: str) -> None:
    condition = 'city == "Oslo" and quantity > 0 and added >= 2026-01-01'
    for mode in ("hybrid", "vector", "keyword"):
        search = {"query": "umbrella", "mode": mode, "filter": "price < 50"}
        assert await found(served, **search, join={table: condition}) == ["travel"]
    as_json = {"city": "Oslo", "quantity": {"$gt": 0}}
    assert set(await found(served, query="umbrella", join={table: as_json})) == {"travel", "storm"}


async def test_a_join_alone_is_a_search_and_can_be_sorted(served: Served) -> None:
    join = {"stock": "quantity > 0", "shop": "city == 'Oslo'"}
    assert await found(served, join=join, sort="-price") == ["storm", "golf", "travel"]
    assert await found(served, join=join, limit=1) == ["golf"]


async def test_an_answer_comes_only_from_documents_that_fit(served: Served) -> None:
    question = {"collection": "shop", "question": "What is a refund umbrella?"}
    reply = await served.post("/api/ask", {**question, "join": {"stock": "quantity > 5"}})
    assert [citation["document_id"] for citation in reply.json["citations"]] == ["storm"]
    reply = await served.post("/api/ask", {**question, "join": {"stock": "quantity > 50"}})
    assert reply.json["refused"] is True
    for stream in (False, True):
        wrong = {**question, "join": {"stok": "quantity > 0"}, "stream": stream}
        reply = await served.post("/api/ask", wrong)
        assert (reply.status, reply.error["param"]) == (400, "join")


@pytest.mark.parametrize(
    ("join", "says"),
    [
        ({"stok": "quantity > 0"}, "Did you mean 'stock'?"),
        ({"document": "chunks > 0"}, "no table 'document' is declared"),
        ({'stock" JOIN document; --': "quantity > 0"}, "is declared"),
        ({"stock": "sku == '0012'"}, "no column 'sku'"),
        ({"stock": {'city" = 1 OR "city': 1}}, "no column"),
        ({"stock": {"rowid": 1}}, "no column 'rowid'"),
        ({"stock": "quantity >"}, "position 11"),
        ({"stock": {"city": "\ud800"}}, "surrogate"),
        ({"\ud800": "quantity > 0"}, "surrogate"),
        ({}, "empty object"),
        ({"stock": 3}, "string"),
        ("stock: quantity > 0", "dictionary"),
    ],
)
async def test_a_wrong_join_is_refused_by_its_field(served: Served, join: Any, says: str) -> None:
    reply = await served.post("/api/search", {"collection": "shop", "query": "x", "join": join})
    assert reply.status == 400
    assert reply.error["param"].startswith("join")
    assert says in reply.error["message"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"table": "stok"}, r"tables\.s\.table: there is no table or view 'stok'.*'stock'"),
        ({"key": "skuu"}, r"tables\.s\.key: there is no column of 'stock' 'skuu'.*'sku'"),
        ({"columns": ("town",)}, r"tables\.s\.columns: there is no column of 'stock' 'town'"),
        ({"columns": ("rowid",)}, r"tables\.s\.columns: there is no column of 'stock' 'rowid'"),
        ({"tenant_column": "x"}, r"tables\.s\.tenant_column: there is no column"),
        ({"database": "gone.db"}, r"tables\.s\.database: there is no file '.*gone\.db'"),
        ({"database": "text.db"}, r"tables\.s: .*text\.db is damaged or no database"),
        ({"database": "catalog.db"}, r"is the catalog itself"),
        ({"table": "document"}, "'document' is one of the database's own tables"),
        ({"table": "Field_Kind"}, "'Field_Kind' is one of the database's own tables"),
        ({"table": "sqlite_schema"}, "'sqlite_schema' is one of the database's own tables"),
        ({"table": "SQLITE_SEQUENCE"}, "one of the database's own tables"),
        ({"table": "pragma_database_list"}, "no table or view 'pragma_database_list'"),
        ({"table": "json_each"}, "no table or view 'json_each'"),
        ({"table": "main.stock"}, "no table or view 'main.stock'"),
        ({"table": "broken", "columns": ("city",)}, r"tables\.s: .*no such table: main\.gone"),
    ],
)
async def test_a_wrong_declaration_is_named(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    (tmp_path / "text.db").write_text("This is a text and no database at all. " * 40)
    declared: dict[str, Any] = {"table": "stock", "columns": ("city", "quantity"), **change}
    if "database" in change:
        declared["database"] = tmp_path / change["database"]
    async with CATALOGS.load("sqlite")(tmp_path / "catalog.db") as catalog:
        make_stock(tmp_path / "catalog.db")
        run(tmp_path / "catalog.db", "CREATE VIEW broken AS SELECT * FROM gone")
        with pytest.raises(ConfigError, match=f"(?s){says}"):
            await catalog.tables.check(
                [BusinessTable(**{"name": "s", "key": "sku", "field": "sku", **declared})]
            )


async def test_every_table_of_the_catalog_is_refused(tmp_path: Path) -> None:
    async with CATALOGS.load("sqlite")(tmp_path / "catalog.db") as catalog:
        async with open_database(tmp_path / "catalog.db") as database:
            kept = "SELECT name FROM sqlite_schema WHERE type = 'table'"
            rows = await database.read(lambda db: select(db, kept))
        assert len(rows) > 8
        for (name,) in rows:
            table = BusinessTable("t", name, "id", "document_id", ("id",))
            with pytest.raises(ConfigError, match="own tables"):
                await catalog.tables.check([table])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "no table or view 'stock'"),
        ({"database": "gone.db"}, r"no file '.*gone\.db'"),
        ({"columns": []}, r"tables\.stock\.columns"),
        ({"colums": []}, r"Unknown setting 'tables\.stock\.colums'.*'tables\.stock\.columns'"),
    ],
)
async def test_a_wrong_declaration_stops_the_start(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    arguments = {
        "data.dir": str(tmp_path), "embedder.use": "hashing", "tables": {"stock": STOCK | change}
    }  # fmt: skip
    with pytest.raises(ConfigError, match=f"(?s){says}"):
        async with open_app(load_config(environment={}, arguments=arguments).config):
            pass


async def test_a_name_that_the_command_line_could_not_tell_is_refused() -> None:
    with pytest.raises(ConfigError, match="tables"):
        load_config(environment={}, arguments={"tables": {"a: b": STOCK}})


async def test_an_attached_file_cannot_be_written_and_is_missed_by_its_name(
    tmp_path: Path,
) -> None:
    file = make_stock(tmp_path / "shop.db")
    async with open_database(tmp_path / "catalog.db") as database:
        with pytest.raises(StorageError, match="readonly"):
            await database.read(lambda db: db.execute(f'DELETE FROM "{file}".stock'), attach=[file])
        file.unlink()
        with pytest.raises(StorageError, match=r"shop\.db cannot be read or written"):
            await database.read(lambda _: None, attach=[file])
        assert not file.exists()
        assert await database.read(lambda db: select(db, "SELECT 1")) == [(1,)]
