"""Declared business tables, looked at before anything is served."""

from collections.abc import Sequence
from pathlib import Path

import apsw

from bedplate.domain.filters import And, Comparison, Related
from bedplate.domain.tables import BusinessTable
from bedplate.errors import ConfigError, StorageError
from bedplate.spelling import did_you_mean
from bedplate.sqlite.database import Database, select
from bedplate.sqlite.related import compile_related, schema_of

INTERNAL = frozenset(
    {
        "band",
        "chunk",
        "collection",
        "document",
        "field",
        "field_kind",
        "image",
        "original",
        "original_use",
        "push",
        "push_content",
        "push_source",
        "removed",
        "placement",
        "source",
        "source_document",
        "source_item",
        "source_sync",
        "profile",
        "quality",
        "quarantine",
        "redaction",
        "unsent",
        "reading",
        "term",
        "token",
        "vector",
    }
)
"""The catalog's own tables, by which a caller would see other tenants."""


class SqliteTables:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, tables: Sequence[BusinessTable]) -> None:
        for table in tables:
            key = f"tables.{table.name}"
            files = [] if table.database is None else [self._file(key, table, table.database)]
            try:
                await self._database.read(lambda db, t=table: _check(db, t), attach=files)
            except StorageError as error:
                raise ConfigError(f"{key}: {error.message}") from error
        together = {table.database for table in tables if table.database is not None}
        try:
            await self._database.read(lambda _: None, attach=together)
        except StorageError as error:
            raise ConfigError(f"tables: {error.message}") from error

    def _file(self, key: str, table: BusinessTable, file: Path) -> Path:
        if not file.is_file():
            raise ConfigError(f"{key}.database: there is no file '{file}'.")
        if file.samefile(self._database.path):
            raise ConfigError(
                f"{key}.database: '{file}' is the catalog itself. Leave the setting out: the table "
                f"{table.table!r} is then looked for there."
            )
        return file


def _check(db: apsw.Connection, table: BusinessTable) -> None:
    key, name = f"tables.{table.name}", table.table
    lowered = name.lower()
    if lowered.startswith("sqlite_") or (table.database is None and lowered in INTERNAL):
        raise ConfigError(
            f"{key}.table: {name!r} is one of the database's own tables, which cannot be declared."
        )
    schema = schema_of(table)
    tables = select(
        db,
        f"SELECT name FROM {schema}.sqlite_schema WHERE type IN ('table', 'view')"  # noqa: S608
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    names = [str(found) for (found,) in tables]
    if table.database is None:
        names = [found for found in names if found not in INTERNAL]
    _find(f"{key}.table", "table or view", name, names)
    columns = [
        str(column)
        for (column,) in select(
            db,
            "SELECT name FROM pragma_table_xinfo(?, ?)",
            (name, "main" if table.database is None else str(table.database)),
        )
    ]
    for column in table.columns:
        _find(f"{key}.columns", f"column of {name!r}", column, columns)
    _find(f"{key}.key", f"column of {name!r}", table.key, columns)
    if table.tenant_column is not None:
        _find(f"{key}.tenant_column", f"column of {name!r}", table.tenant_column, columns)
    compared = [Comparison(column, "eq", 0, "number") for column in table.columns]
    sql, values = compile_related(Related(table, And(compared)), 0)
    # It may still be a view of something that is gone, or need what only its own program knows.
    db.execute(f"EXPLAIN {sql}", values)


def _find(key: str, what: str, name: str, known: Sequence[str]) -> None:
    if name.lower() in {each.lower() for each in known}:
        return
    hint = did_you_mean(name, known) or f" There: {', '.join(known[:12]) or 'none'}."
    raise ConfigError(f"{key}: there is no {what} {name!r}.{hint}")
