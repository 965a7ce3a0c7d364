"""MySQL and MariaDB as the `sql` source reads them: mysql://user@host:3306/name."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from pymysql.cursors import SSCursor

from bedplate.errors import ConfigError, Unavailable
from bedplate.sources.sql_connection import PAGE, Connection, Row

CONNECT_SECONDS = 10
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
ACCESS_DENIED = frozenset({1044, 1045, 1698})
TOOK_TOO_LONG = frozenset({1969, 3024})
# What may be otherwise in a while: too many connections, an unknown database, a server that shuts down,
# a broken line, a lock, a limit of the user's, a query or connection that was ended.
AWAY = frozenset({1040, 1049, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1317, 1927, 4031})  # fmt: skip


def _bits(found: bytes) -> int:
    # Flags and numbers, not content.
    return int.from_bytes(found, "big")


CONVERSIONS: dict[Any, Any] = {**conversions, FIELD_TYPE.BIT: _bits}


class MysqlConnection:
    """Every statement runs in a transaction that can only read.

    MariaDB lets DDL through; no SELECT, which is all that is sent, can hold any.
    """

    def __init__(self, connection: Any, place: str) -> None:
        self._connection = connection
        self._place = place

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def columns(self, relation: str) -> tuple[str, ...]:
        with self._statement(f"SELECT * FROM {relation} LIMIT 0", ()) as cursor:  # noqa: S608
            return tuple(str(column[0]) for column in cursor.description or ())

    def stream(self, sql: str, values: Sequence[Any]) -> Iterator[Sequence[Row]]:
        with self._statement(sql, values) as cursor:
            while page := cursor.fetchmany(PAGE):
                yield cast(Sequence[Row], page)

    def rows(self, sql: str, values: Sequence[Any], limit: int) -> Sequence[Row]:
        with self._statement(sql, values) as cursor:
            return cast(Sequence[Row], cursor.fetchmany(limit))

    @contextmanager
    def _statement(self, sql: str, values: Sequence[Any]) -> Generator[Any]:
        with _translated(self._place):
            with self._connection.cursor() as cursor:
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            try:
                with self._connection.cursor(SSCursor) as cursor:
                    cursor.execute(_spelled(sql), tuple(values))
                    yield cursor
            finally:
                self._connection.rollback()


@contextmanager
def _translated(place: str) -> Generator[None]:
    try:
        yield
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args else None
        said = str(error.args[1] if len(error.args) > 1 else error)
        if number in ACCESS_DENIED:
            raise ConfigError(
                f"{place} does not let us in: correct user, password or rights."
            ) from error
        if number in TOOK_TOO_LONG:
            raise Unavailable(f"{place} took longer than statement_seconds.") from error
        # The library takes most of what a server refuses for operational, a missing column too.
        if not isinstance(number, int) or number < 1000 or 2000 <= number < 3000 or number in AWAY:
            raise Unavailable(f"{place} cannot be reached or broke off: {said}.") from error
        raise ConfigError(f"{place} refused the request: {said}.") from error


def _spelled(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


@contextmanager
def connect_mysql(address: str, seconds: float) -> Generator[Connection]:
    parts = urlsplit(address)
    host, port = parts.hostname or "localhost", parts.port or 3306
    name = unquote(parts.path.removeprefix("/"))
    place = f"MySQL database {name!r} at {host}:{port}"
    with _translated(place):
        connection = pymysql.connect(
            host=host,
            port=port,
            user=unquote(parts.username or "") or None,
            password=unquote(parts.password or ""),
            database=name,
            charset="utf8mb4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=int(seconds) + CONNECT_SECONDS,
            autocommit=False,
            conv=CONVERSIONS,
        )
    try:
        with _translated(place), connection.cursor() as cursor:
            # MariaDB has another name for it, and refuses this one.
            try:
                cursor.execute("SET SESSION max_execution_time = %s", (int(seconds * 1000),))
            except pymysql.OperationalError:
                cursor.execute("SET SESSION max_statement_time = %s", (seconds,))
            cursor.execute("SET SESSION time_zone = '+00:00'")
        yield MysqlConnection(connection, place)
    finally:
        connection.close()
