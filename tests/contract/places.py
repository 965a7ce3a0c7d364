"""The kinds of source as the contract opens them: each with a place that the tests can change."""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from tests.fixtures.imap_server import ImapPlace, imap_server
from tests.fixtures.mariadb import MariadbServer, empty_mariadb
from tests.fixtures.postgres import empty_database
from tests.fixtures.s3_server import S3Place, s3_server
from tests.fixtures.web_site import WebPlace, web_site

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.pushes import Push, PushLimits
from bedplate.domain.sources import SourceSpec
from bedplate.sources.protocol import Options
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog


class Place(Protocol):
    """What a source is over. Names are short words; the texts are a document's."""

    options: Options

    async def put(self, name: str, text: str) -> None:
        """Add, or replace with something of another length."""
        ...

    async def remove(self, name: str) -> None: ...

    async def move_away(self) -> None:
        """Let the whole place be unreachable."""
        ...


OpenPlace = Callable[[Path], AbstractAsyncContextManager[Place]]
"""Sets up an empty place, in a folder of its own where it needs one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is in the table. `versions`: its listing says by itself what changed. `incremental`: it lists by a cursor.

    `reads`: the text is the whole content of the blob. `own`: it is in the catalog, without which
    there is no sync.
    """

    id: str
    name: str
    open: OpenPlace
    versions: bool = True
    incremental: bool = False
    reads: bool = True
    own: bool = False


class PushPlace:
    """Documents in a catalog, with the collection that they would be indexed into left out."""

    options: Mapping[str, Any] = {}

    def __init__(self, catalog: Catalog, path: Path) -> None:
        self._catalog = catalog
        self._path = path
        self.given = {"pushed": catalog.pushed_rows, "tenant": DEFAULT_TENANT}

    async def put(self, name: str, text: str) -> None:
        content = text.encode()
        push = Push(name, hashlib.sha256(content).hexdigest(), content)
        limits = PushLimits(documents=100, waiting=100, waiting_bytes=10**6)
        await self._catalog.pushes.put(DEFAULT_TENANT, "shop", push, limits)

    async def remove(self, name: str) -> None:
        await self._catalog.pushes.remove(DEFAULT_TENANT, "shop", name)

    async def move_away(self) -> None:
        self._path.rename(self._path.with_name("away.db"))


class FolderPlace:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "files"
        self._folder.mkdir()
        self.options: dict[str, Any] = {"path": str(self._folder)}

    async def put(self, name: str, text: str) -> None:
        (self._folder / f"{name}.txt").write_text(text, encoding="utf-8")

    async def remove(self, name: str) -> None:
        (self._folder / f"{name}.txt").unlink()

    async def move_away(self) -> None:
        self._folder.rename(self._folder.with_name("away"))


class SqliteTable:
    """A table that counts its changes; `incremental` reads it by that count."""

    def __init__(self, path: Path, *, incremental: bool) -> None:
        self._path = path
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE note (code TEXT PRIMARY KEY, body TEXT, changed INTEGER)")
        self.options: dict[str, Any] = {
            "database": f"sqlite:///{path}",
            "table": "note",
            "key": ["code"],
            "text": ["body"],
            **({"incremental": "changed"} if incremental else {}),
        }

    async def put(self, name: str, text: str) -> None:
        self._run(
            "INSERT INTO note VALUES (?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM note))"
            " ON CONFLICT (code) DO UPDATE SET body = excluded.body, changed = excluded.changed",
            name,
            text,
        )

    async def remove(self, name: str) -> None:
        self._run("DELETE FROM note WHERE code = ?", name)

    async def move_away(self) -> None:
        self._path.rename(self._path.with_name("away.db"))

    def _run(self, sql: str, *values: str) -> None:
        with closing(sqlite3.connect(self._path)) as db, db:
            db.execute(sql, values)


class PostgresTable:
    def __init__(self, address: str) -> None:
        self._address = address
        self._run(
            "CREATE TABLE note (id int, lang text, body text, changed timestamptz,"
            " PRIMARY KEY (id, lang))"
        )
        self.options: dict[str, Any] = {
            "database": address,
            "table": "public.note",
            "key": ["id", "lang"],
            "text": ["body"],
            "incremental": "changed",
        }

    async def put(self, name: str, text: str) -> None:
        self._run(
            "INSERT INTO note VALUES (1, %s, %s, clock_timestamp()) ON CONFLICT (id, lang)"
            " DO UPDATE SET body = excluded.body, changed = excluded.changed",
            name,
            text,
        )

    async def remove(self, name: str) -> None:
        self._run("DELETE FROM note WHERE lang = %s", name)

    async def move_away(self) -> None:
        server, _, name = self._address.rpartition("/")
        self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", address=f"{server}/postgres")

    def _run(self, sql: str, *values: str, address: str | None = None) -> None:
        with psycopg.connect(address or self._address, autocommit=True) as db:
            db.execute(sql.encode(), values or None)


class MariadbTable:
    def __init__(self, server: MariadbServer, name: str) -> None:
        self._server = server
        self._name = name
        server.run(
            "CREATE TABLE note (code varchar(40) PRIMARY KEY, body text,"
            " changed timestamp(6) NOT NULL)",
            name=name,
        )
        self.options: dict[str, Any] = {
            "database": server.address(name),
            "table": "note",
            "key": ["code"],
            "text": ["body"],
            "incremental": "changed",
        }

    async def put(self, name: str, text: str) -> None:
        self._server.run("REPLACE INTO note VALUES (%s, %s, now(6))", name, text, name=self._name)

    async def remove(self, name: str) -> None:
        self._server.run("DELETE FROM note WHERE code = %s", name, name=self._name)

    async def move_away(self) -> None:
        self._server.run(f"DROP DATABASE {self._name}")


@asynccontextmanager
async def push_place(folder: Path):
    path = folder / "catalog.db"
    async with CATALOGS.load("sqlite")(path) as catalog:
        await catalog.sources.add(SourceSpec(DEFAULT_TENANT, "shop", "c", "push", {}))
        yield PushPlace(catalog, path)


@asynccontextmanager
async def folder_place(folder: Path):
    yield FolderPlace(folder)


@asynccontextmanager
async def sqlite_table(folder: Path):
    yield SqliteTable(folder / "shop.db", incremental=False)


@asynccontextmanager
async def incremental_table(folder: Path):
    yield SqliteTable(folder / "shop.db", incremental=True)


@asynccontextmanager
async def postgres_table(_: Path):
    with empty_database() as address:
        yield PostgresTable(address)


@asynccontextmanager
async def mariadb_table(_: Path):
    with empty_mariadb() as (server, name):
        yield MariadbTable(server, name)


@asynccontextmanager
async def sitemap_place(folder: Path):
    async with web_site() as site:
        yield WebPlace(site, {"sitemaps": [f"{site.url}/sitemap.xml"]})


@asynccontextmanager
async def crawled_place(folder: Path):
    async with web_site() as site:
        yield WebPlace(site, {"crawl": [f"{site.url}/links"], "exclude": ["*/links"]})


@asynccontextmanager
async def s3_place(folder: Path):
    async with s3_server() as server:
        yield S3Place(server)


@asynccontextmanager
async def imap_place(folder: Path):
    async with imap_server() as server:
        yield ImapPlace(server)


KINDS = [
    Kind("folder", "folder", folder_place),
    Kind("sqlite", "sql", sqlite_table, reads=False),
    Kind("sqlite-incremental", "sql", incremental_table, incremental=True, reads=False),
    Kind("postgres", "sql", postgres_table, incremental=True, reads=False),
    Kind("mariadb", "sql", mariadb_table, incremental=True, reads=False),
    Kind("imap", "imap", imap_place, reads=False),
    Kind("push", "push", push_place, incremental=True, own=True),
    Kind("s3", "s3", s3_place),
    Kind("sitemap", "web", sitemap_place, versions=False),
    Kind("crawl", "web", crawled_place),
]
