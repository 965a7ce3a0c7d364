"""PostgreSQL as the `sql` source reads it: postgresql://user@host:5432/name."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from bedplate.errors import ConfigError, Unavailable
from bedplate.sources.sql_connection import PAGE, Connection, Row

CONNECT_SECONDS = 10


class PostgresConnection:
    """Every statement runs in a transaction that can only read."""

    def __init__(self, connection: psycopg.Connection[Row], place: str) -> None:
        self._connection = connection
        self._place = place

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def columns(self, relation: str) -> tuple[str, ...]:
        with self._statement():
            cursor = self._connection.execute(f"SELECT * FROM {relation} LIMIT 0".encode())  # noqa: S608
            return tuple(column.name for column in cursor.description or ())

    def stream(self, sql: str, values: Sequence[Any]) -> Iterator[Sequence[Row]]:
        with self._statement(), self._connection.cursor("bedplate") as cursor:
            cursor.execute(_spelled(sql), values)
            while page := cursor.fetchmany(PAGE):
                yield page

    def rows(self, sql: str, values: Sequence[Any], limit: int) -> Sequence[Row]:
        with self._statement():
            return self._connection.execute(_spelled(sql), values).fetchmany(limit)

    @contextmanager
    def _statement(self) -> Generator[None]:
        with _translated(self._place), self._connection.transaction():
            yield


@contextmanager
def _translated(place: str) -> Generator[None]:
    try:
        yield
    except errors.QueryCanceled as error:
        raise Unavailable(f"{place} took longer than statement_seconds.") from error
    except psycopg.OperationalError as error:
        said = str(error).strip().partition("\n")[0]
        if any(word in said for word in ("authentication failed", "no password supplied")):
            raise ConfigError(f"{place} does not let us in: correct user and password.") from error
        raise Unavailable(f"{place} cannot be reached or broke off: {said}.") from error
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).partition("\n")[0]
        raise ConfigError(f"{place} refused the request: {said}.") from error


def _spelled(sql: str) -> bytes:
    return sql.replace("%", "%%").replace("?", "%s").encode()


@contextmanager
def connect_postgres(address: str, seconds: float) -> Generator[Connection]:
    try:
        known = conninfo_to_dict(address)
    except psycopg.ProgrammingError as error:
        raise ConfigError(
            "The address is none: write it as postgresql://user@host:5432/name."
        ) from error
    name, host = known.get("dbname", ""), known.get("host") or "localhost"
    place = f"PostgreSQL database {name!r} at {host}:{known.get('port') or 5432}"
    with _translated(place):
        connection = psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=CONNECT_SECONDS,
            application_name="bedplate",
        )
    try:
        with _translated(place):
            milliseconds = str(max(1, int(seconds * 1000)))
            for setting, value in (
                ("default_transaction_read_only", "on"),
                ("statement_timeout", milliseconds),
                ("idle_in_transaction_session_timeout", "0"),
                ("timezone", "UTC"),
            ):
                connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield PostgresConnection(connection, place)
    finally:
        connection.close()
