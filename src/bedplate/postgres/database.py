"""PostgreSQL connections: a small pool, each connection used by one worker thread at a time.

Blocking connections in threads answered faster than asynchronous ones where both were measured.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import psycopg
from pgvector.psycopg import register_vector
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from bedplate.errors import ConfigError
from bedplate.postgres.errors import cannot_open, translated

T = TypeVar("T")
Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]

SCHEMA = "bedplate"
"""Where our tables are, apart from those of others in the same database."""

READERS = 4
WRITERS = 2
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 300
LOCK_SECONDS = 30
MAINTENANCE_SECONDS = 24 * 60 * 60
"""An index of many millions of vectors takes hours, and waits for another one's."""

# What a session needs: our tables first, then pgvector's types, which may live anywhere. Where the
# server was told not to wait for the disk, we do: a write that returned is durable.
_SESSION = f"""
SELECT set_config('search_path', concat_ws(', ', '{SCHEMA}', quote_ident(n.nspname), 'public'), false),
  set_config('statement_timeout', '{STATEMENT_SECONDS}s', false),
  set_config('lock_timeout', '{LOCK_SECONDS}s', false),
  set_config('idle_in_transaction_session_timeout', '{STATEMENT_SECONDS}s', false),
  set_config('timezone', 'UTC', false),
  CASE WHEN current_setting('synchronous_commit') = 'off'
    THEN set_config('synchronous_commit', 'on', false) END
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
"""  # noqa: S608 - constants


class Database:
    """One PostgreSQL database. `read` and `write` run a function with a connection in a thread."""

    def __init__(self, dsn: str, place: str, settings: Mapping[str, str]) -> None:
        self.place = place
        self._dsn = dsn
        self._settings = dict(settings)
        self._maintaining: set[Connection] = set()
        self._pool = ConnectionPool[Connection](
            dsn,
            kwargs=_arguments(dsn),
            min_size=1,
            max_size=READERS + WRITERS,
            timeout=CONNECT_SECONDS,
            configure=self._configure,
            check=ConnectionPool[Connection].check_connection,
            open=False,
            name=f"bedplate {place}",
        )
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="postgres-read")
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="postgres-write")

    def open(self) -> None:
        with translated(self.place):
            self._pool.open(wait=True, timeout=2 * CONNECT_SECONDS)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection of the pool; each of its statements is on its own."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` inside one transaction: committed durably on return, or undone on error."""
        return await asyncio.get_running_loop().run_in_executor(
            self._writers, self._run_transaction, work
        )

    async def maintain(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection of its own, outside any transaction, for as long as it takes.

        Closing the database interrupts it.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._writers, self._run_maintenance, work
        )

    def close(self) -> None:
        for connection in list(self._maintaining):
            connection.cancel_safe(timeout=CONNECT_SECONDS)
        self._readers.shutdown(cancel_futures=True)
        self._writers.shutdown()
        self._pool.close(timeout=CONNECT_SECONDS)

    def _run(self, work: Callable[[Connection], T]) -> T:
        with translated(self.place), self._pool.connection() as connection:
            return work(connection)

    def _run_transaction(self, work: Callable[[Connection], T]) -> T:
        with (
            translated(self.place),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            return work(connection)

    def _run_maintenance(self, work: Callable[[Connection], T]) -> T:
        with (
            translated(self.place),
            psycopg.connect(self._dsn, **_arguments(self._dsn)) as connection,
        ):
            self._configure(connection)
            for limit in ("statement_timeout", "lock_timeout"):
                execute(connection, f"SET {limit} = '{MAINTENANCE_SECONDS}s'")
            self._maintaining.add(connection)
            try:
                return work(connection)
            finally:
                self._maintaining.discard(connection)

    def _configure(self, connection: Connection) -> None:
        connection.execute(_SESSION.encode())
        for name, value in self._settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        register_vector(connection)


def select(db: Connection, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    """All rows of a query."""
    with db.cursor(binary=True) as cursor:
        return cursor.execute(sql.encode(), values).fetchall()


def select_one(db: Connection, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row of a query."""
    with db.cursor(binary=True) as cursor:
        return cursor.execute(sql.encode(), values).fetchone()


def execute(db: Connection, sql: str, values: Sequence[Any] = ()) -> int:
    """Run a statement; how many rows it changed."""
    return db.execute(sql.encode(), values).rowcount


def place_of(dsn: str) -> str:
    """The database as messages name it: host, port and name, never the password."""
    try:
        known = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise cannot_open(error, "data.database") from error
    host, port = known.get("host") or "localhost", known.get("port") or 5432
    return f"PostgreSQL database {known.get('dbname', '')!r} at {host}:{port}"


@contextmanager
def connected(dsn: str) -> Generator[Connection]:
    """One connection, to look around or to migrate; ConfigError where it is not let in."""
    place = place_of(dsn)
    try:
        connection = psycopg.connect(dsn, **_arguments(dsn))
    except psycopg.Error as error:
        raise cannot_open(error, place) from error
    with translated(place), connection:
        yield connection


def _arguments(dsn: str) -> dict[str, Any]:
    """Prepared statements are left out: poolers between us and the server may not bear them."""
    given = conninfo_to_dict(dsn)
    own = {"connect_timeout": CONNECT_SECONDS, "application_name": "bedplate"}
    missing = {name: value for name, value in own.items() if name not in given}
    return {"autocommit": True, "prepare_threshold": None, **missing}


@asynccontextmanager
async def open_database(
    dsn: str, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Database]:
    """Open a database that was migrated; `settings` are the server's, for every session.

    Unavailable where it cannot be reached.
    """
    database = Database(dsn, place_of(dsn), settings or {})
    try:
        await asyncio.to_thread(database.open)
        yield database
    finally:
        await asyncio.to_thread(database.close)


def check_tables(dsn: str) -> None:
    """Look whether the catalog is there.

    Raises:
        ConfigError: the address is none, the server does not let us in, or the tables are missing.
        Unavailable: the server cannot be reached.
    """
    with connected(dsn) as db:
        if not schema_version(db):
            raise ConfigError(
                f"{place_of(dsn)} does not hold the catalog: name the same database as "
                "data.database does."
            )


def schema_version(db: Connection) -> int:
    """The version of the catalog's tables, or 0 where there are none."""
    table = f"{SCHEMA}.schema_version"
    row = select_one(db, "SELECT to_regclass(%s) IS NOT NULL", (table,))
    if row is None or not row[0]:
        return 0
    found = select_one(db, f"SELECT coalesce(max(version), 0) FROM {table}")  # noqa: S608
    return int(found[0]) if found else 0
