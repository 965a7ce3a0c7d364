"""Declared business tables in PostgreSQL, looked at before anything is served."""

from collections.abc import Sequence

from bedplate.domain.filters import And, Comparison, Related
from bedplate.domain.tables import BusinessTable
from bedplate.errors import ConfigError, StorageError
from bedplate.postgres.database import SCHEMA, Connection, Database, execute, select
from bedplate.postgres.related import DEFAULT_SCHEMA, compile_related, place_of_table
from bedplate.spelling import did_you_mean

INTERNAL = ("information_schema", SCHEMA)
"""With those in pg_*, schemas by which a caller would see other tenants, or the server's secrets."""

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> ALL(%s)
ORDER BY 1, 2
"""
_COLUMNS = """
SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


class PostgresTables:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, tables: Sequence[BusinessTable]) -> None:
        for table in tables:
            try:
                await self._database.read(lambda db, t=table: _check(db, t))
            except StorageError as error:
                raise ConfigError(f"tables.{table.name}: {error.message}") from error


def _check(db: Connection, table: BusinessTable) -> None:
    key = f"tables.{table.name}"
    if table.database is not None:
        raise ConfigError(
            f"{key}.database: '{table.database}' is a SQLite file, which a catalog in PostgreSQL "
            "cannot read. Leave the setting out, and keep the table in the catalog's database."
        )
    schema, name = place_of_table(table)
    if schema in INTERNAL or schema.startswith("pg_"):
        raise ConfigError(
            f"{key}.table: {table.table!r} is one of the database's own tables, which cannot be "
            "declared."
        )
    tables = [(str(row[0]), str(row[1])) for row in select(db, _TABLES, (list(INTERNAL),))]
    known = [b if a == DEFAULT_SCHEMA else f"{a}.{b}" for a, b in tables]
    if (schema, name) not in tables:
        _missing(f"{key}.table", "table or view", table.table, known)
    columns = [str(column) for (column,) in select(db, _COLUMNS, (schema, name))]
    named = [("columns", column) for column in table.columns] + [("key", table.key)]
    if table.tenant_column is not None:
        named.append(("tenant_column", table.tenant_column))
    for setting, column in named:
        if column not in columns:
            _missing(f"{key}.{setting}", f"column of {table.table!r}", column, columns)
    asked = [Comparison(column, "exists", value=True, kind="string") for column in table.columns]
    sql, values = compile_related(Related(table, And(asked)), 0)
    # This user may still have no right to read it.
    execute(db, f"EXPLAIN {sql}", values)


def _missing(key: str, what: str, name: str, known: Sequence[str]) -> None:
    hint = did_you_mean(name, known) or f" There: {', '.join(known[:12]) or 'none'}."
    raise ConfigError(f"{key}: there is no {what} {name!r}.{hint}")
