"""PostgreSQL for the `sql` tools: postgresql://user@host:5432/name."""

import json
import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, cast

import psycopg
import sqlglot
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb
from sqlglot.tokenizer_core import TokenType

from bedplate.errors import ConfigError, Unavailable
from bedplate.tools.sql_database import MOST_CHARACTERS, Bounds, Rows, SqlDatabase, SqlFailed

CONNECT_SECONDS = 10
MOST_ROW = 100_000
"""Characters of one row; the server cuts it there."""


class PostgresDatabase:
    """A connection for each call. Rows come as JSON that the server makes and cuts."""

    dialect = "postgres"

    def __init__(self, address: str, bounds: Bounds) -> None:
        known = conninfo_to_dict(address)
        host, name = known.get("host") or "localhost", known.get("dbname", "")
        self._place = f"PostgreSQL database {name!r} at {host}:{known.get('port') or 5432}"
        self._address = address
        self._bounds = bounds

    def describe(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        with self._transaction(reads=True) as connection:
            for schema, table, column, kind in connection.execute(
                "SELECT table_schema, table_name, column_name, data_type "
                "FROM information_schema.columns "
                "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') "
                "ORDER BY table_schema, table_name, ordinal_position"
            ):
                name = str(table) if schema == "public" else f"{schema}.{table}"
                if not self._bounds.tables or name.lower() in self._bounds.tables:
                    found.setdefault(name, []).append(f"{column} {kind}")
        return found

    def query(self, sql: str) -> Rows:
        with self._transaction(reads=True) as connection:
            # With a value to bind, the protocol itself allows one statement and no more. The line
            # ends because the query may end in a comment.
            wrapped = (
                f"SELECT left(row_to_json(q)::text, %s) FROM ({_escaped(sql)}\n) AS q LIMIT %s"  # noqa: S608 - checked, in a transaction that reads
            )
            most = self._bounds.rows + 1
            found = connection.execute(wrapped.encode(), (MOST_ROW, most)).fetchall()
        return _read([row for (row,) in found], self._bounds.rows)

    def run(self, sql: str, values: Mapping[str, Any], *, reads: bool) -> Rows:
        given = {key: _bound(value) for key, value in values.items()}
        with self._transaction(reads=reads) as connection:
            cursor = connection.execute(spelled(sql).encode(), given)
            changed = None if reads else cursor.rowcount
            if cursor.description is None:
                return Rows((), (), changed=changed)
            columns = [column.name for column in cursor.description]
            rows = [[_plain(value) for value in row] for row in cursor.fetchmany(self._bounds.rows)]
            return Rows(columns, rows, cursor.fetchone() is not None, changed)

    @contextmanager
    def _transaction(self, *, reads: bool) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        ran = False
        try:
            with psycopg.connect(
                self._address,
                connect_timeout=CONNECT_SECONDS,
                prepare_threshold=None,
                application_name="bedplate",
                options=f"-c statement_timeout={math.ceil(self._bounds.seconds * 1000)} -c timezone=UTC",
            ) as connection:
                connection.read_only = reads
                yield connection
                ran = True
        except errors.QueryCanceled as error:
            raise SqlFailed(
                f"It took longer than {self._bounds.seconds:g} s.", late=True
            ) from error
        except psycopg.OperationalError as error:
            said = str(error).strip().partition("\n")[0]
            if ran and not reads:
                raise SqlFailed(f"{self._place} broke off: {said}.", unknown=True) from error
            raise Unavailable(f"{self._place} cannot be reached or broke off: {said}.") from error
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error).partition("\n")[0]
            hint = f" {error.diag.message_hint}" if error.diag.message_hint else ""
            raise SqlFailed(f"{said.rstrip('.')}.{hint}") from error


def spelled(sql: str) -> str:
    """With `:name` as psycopg wants it, outside of literals and comments; "::" is a cast."""
    parts: list[str] = []
    position = 0
    tokens = list(sqlglot.tokenize(sql, read="postgres"))
    for token, following in pairwise(tokens):
        if token.token_type == TokenType.COLON and following.start == token.end + 1:
            parts += (_escaped(sql[position : token.start]), f"%({following.text})s")
            position = following.end + 1
    return "".join((*parts, _escaped(sql[position:])))


@contextmanager
def connect_postgres(address: str, bounds: Bounds) -> Generator[SqlDatabase]:
    try:
        database = PostgresDatabase(address, bounds)
    except psycopg.ProgrammingError as error:
        raise ConfigError("url is none: write it as postgresql://user@host:5432/name.") from error
    yield database


def _escaped(sql: str) -> str:
    return sql.replace("%", "%%")


def _read(texts: Sequence[str], most: int) -> Rows:
    rows: list[Any] = []
    size = 0
    for text in texts[:most]:
        size += len(text)
        if size > MOST_CHARACTERS and rows:
            return Rows((), rows, more=True)
        rows.append(json.loads(text) if len(text) < MOST_ROW else f"{text}... (cut)")
    return Rows((), rows, more=len(texts) > most)


def _bound(value: Any) -> Any:
    return Jsonb(cast(object, value)) if isinstance(value, dict | list) else value


def _plain(value: Any) -> Any:
    return f"({len(value):,} bytes)" if isinstance(value, bytes) else value
