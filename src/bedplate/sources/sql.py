"""`sql`: the rows of a table, or of a query, in SQLite, PostgreSQL or MySQL; each row is a document.

Rows are only read, in read-only transactions. Without an incremental column a row's version is a
hash of what is read of it, so the table is read through at each sync, but only changed rows are
ingested.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from bedplate.domain.documents import Blob
from bedplate.errors import ConfigError, NotFound, TooLarge, Unreadable
from bedplate.registry import Registry
from bedplate.sources.protocol import Fetched, Gap, Item, Source
from bedplate.sources.sql_connection import Connection, OpenConnection, Row
from bedplate.sources.sql_query import newest, relation_of, select, table_of
from bedplate.sources.sql_reader import RowReader
from bedplate.sources.sql_rows import (
    Bound,
    read_cursor,
    read_key,
    to_metadata,
    to_text,
    version_of,
    write_cursor,
    write_key,
)

DATABASES = Registry[OpenConnection](
    "sources.sql",
    {
        "sqlite": "bedplate.sources.sql_sqlite:connect_sqlite",
        "postgresql": "bedplate.sources.sql_postgres:connect_postgres",
        "mysql": "bedplate.sources.sql_mysql:connect_mysql",
    },
    extras={"postgresql": "postgres", "mysql": "mysql"},
)
OTHER_NAMES = {"postgres": "postgresql", "mariadb": "mysql"}
ROWS = "application/jsonl"
NO_KEY = "(no key)"


def _check_address(value: object) -> object:
    """What holds a password is taken as a secret alone: it is not kept then."""
    if isinstance(value, str) and urlsplit(value).password:
        raise ValueError('it holds a password: write { env = "NAME" } or { file = "PATH" }')
    return value


Column = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^?\x00]+$")]


class SqlOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[SecretStr, BeforeValidator(_check_address)]
    table: Column | None = None
    query: str | None = Field(default=None, min_length=1, max_length=10_000)
    key: tuple[Column, ...] = Field(min_length=1, max_length=10)
    text: tuple[Column, ...] = Field(min_length=1)
    title: Column | None = None
    metadata: tuple[Column, ...] = ()
    incremental: Column | None = None
    where: Mapping[Column, str | int | bool] = Field(default_factory=dict[str, str | int | bool])
    statement_seconds: float = Field(default=300.0, gt=0)

    @model_validator(mode="after")
    def _check(self) -> "SqlOptions":
        if (self.table is None) == (self.query is None):
            raise ValueError("give either a table or a query")
        return self

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that make a document."""
        title = () if self.title is None else (self.title,)
        return tuple(dict.fromkeys((*self.key, *title, *self.text, *self.metadata)))

    @property
    def roles(self) -> Iterator[tuple[str, str]]:
        """Every column with the option that names it."""
        for role in ("key", "text", "metadata", "where"):
            for column in getattr(self, role):
                yield column, role
        for role in ("title", "incremental"):
            if (column := getattr(self, role)) is not None:
                yield column, role


class SqlSource:
    def __init__(self, options: SqlOptions, name: str) -> None:
        self._options = options
        self._name = name
        self._place = "query" if options.table is None else f"table {options.table!r}"
        address = options.database.get_secret_value()
        scheme = urlsplit(address).scheme
        self._address = address
        self._open = DATABASES.load(OTHER_NAMES.get(scheme, scheme))
        self._reader = RowReader(lambda: self._open(self._address, options.statement_seconds))
        if options.query is not None:
            relation_of(options.query, name)

    @property
    def incremental(self) -> bool:
        return self._options.incremental is not None

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        """See Source. On a connection of its own: it may take long."""
        pages = self._pages(since)
        try:
            while (page := await asyncio.to_thread(next, pages, None)) is not None:
                for each in page:
                    yield each
        finally:
            with suppress(ValueError):
                await asyncio.to_thread(pages.close)

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched:
        """See Source."""
        options = self._options

        def work(db: Connection) -> Sequence[Row]:
            equal = (*options.where, *options.key)
            sql = select(self._relation(db), options.read, equal, db.quoted)
            values = (*options.where.values(), *read_key(item.key, len(options.key)))
            return db.rows(sql, values, 2)

        rows = await self._reader.run(work)
        if not rows:
            raise NotFound(f"The row {item.key!r} of source {self._name!r} is gone.")
        if len(rows) > 1:
            raise Unreadable(
                f"Several rows of source {self._name!r} have the key {item.key!r}: name the columns "
                "of a unique one.",
                reason="duplicate_key",
            )
        return self._fetched(item.key, dict(zip(options.read, rows[0], strict=True)), max_bytes)

    def _pages(self, since: str | None) -> Generator[Sequence[Item | Gap]]:
        options = self._options
        column = options.incremental
        with self._open(self._address, options.statement_seconds) as db:
            self._check_columns(db)
            relation = self._relation(db)
            values: list[Any] = list(options.where.values())
            wanted = options.read if column is None else (*options.key, column)
            least = None if since is None or column is None else read_cursor(since)
            if column is not None and least is not None:
                least = least if self._compares(db, relation, column, least) else None
            if least is not None:
                values.append(least)
            sql = select(
                relation, wanted, tuple(options.where), db.quoted,
                order=column, least=least is not None,
            )  # fmt: skip
            try:
                for rows in db.stream(sql, values):
                    yield [self._item(row) for row in rows]
            except ConfigError as error:
                if least is None:
                    raise
                raise ConfigError(
                    f"{error.message} If the column {column!r} is of another type now, list all "
                    f"rows once: `bedplate sources sync {self._name} --complete`."
                ) from error

    def _compares(self, db: Connection, relation: str, column: str, least: Bound) -> bool:
        """Whether the column still holds what the last listing ended at: of numbers and text, a
        database compares one with the other, and would give all rows or none.
        """
        where = tuple(self._options.where)
        sql = newest(relation, column, where, db.quoted)
        rows = db.rows(sql, tuple(self._options.where.values()), 1)
        now = write_cursor(rows[0][0]) if rows else None
        return now is None or isinstance(read_cursor(now), type(least))

    def _item(self, row: Row) -> Item | Gap:
        key = write_key(row[: len(self._options.key)])
        if not key:
            return Gap(NO_KEY, "null_key", "A row has no value in a key column.")
        if self.incremental:
            value = row[-1]
            return Item(key, version_of((value,)), None, write_cursor(value))
        return Item(key, version_of(row))

    def _fetched(self, key: str, row: Mapping[str, Any], max_bytes: int) -> Fetched:
        options = self._options
        name = f"{self._name}/{key}"
        fields = {
            "id": name,
            "text": "\n\n".join(filter(None, (to_text(row[c]) for c in options.text))),
        }
        if options.title is not None and (title := to_text(row[options.title])):
            fields["title"] = title
        content = msgspec.json.encode(fields)
        if len(content) > max_bytes:
            raise TooLarge(
                f"The row {name!r} has more than {max_bytes:,} bytes (ingest.max_file_bytes)."
            )
        metadata = {column: to_metadata(row[column]) for column in options.metadata}
        # A key such as "report.pdf" must not be taken for a file's name.
        shown = f"{name}.jsonl" if "." in key else name
        return Fetched(Blob(content, shown, ROWS), metadata)

    def _relation(self, db: Connection) -> str:
        options = self._options
        if options.query is not None:
            return relation_of(options.query, self._name)
        return table_of(options.table or "", db.quoted)

    def _check_columns(self, db: Connection) -> None:
        there = db.columns(self._relation(db))
        for column, role in self._options.roles:
            if column not in there:
                raise ConfigError(
                    f"The {self._place} of source {self._name!r} has no column {column!r}, which "
                    f"{role} names. It has: {', '.join(there)}."
                )

    async def close(self) -> None:
        await self._reader.close()


@asynccontextmanager
async def open_sql(options: Mapping[str, Any], *, name: str) -> AsyncGenerator[Source]:
    """See SqlOptions. `where` are columns that rows must have these values in."""
    source = SqlSource(SqlOptions.model_validate(dict(options)), name)
    try:
        yield source
    finally:
        await source.close()
