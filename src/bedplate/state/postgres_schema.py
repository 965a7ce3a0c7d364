"""The catalog's tables in PostgreSQL, brought to the newest version."""

import psycopg

from bedplate.errors import ConfigError
from bedplate.postgres.database import (
    LOCK_SECONDS,
    SCHEMA,
    Connection,
    connected,
    execute,
    place_of,
    schema_version,
    select_one,
)
from bedplate.state.scripts import check_version, migration_scripts

LEAST_SERVER = 15
LEAST_PGVECTOR = (0, 8)
MIGRATING = 0x6265_6470_6C61_7465
"""The advisory lock under which one process migrates; "bedplate" in ASCII."""


def migrate(dsn: str) -> None:
    """Apply what is missing, in order, all or nothing.

    Raises:
        ConfigError: the server is too old, lacks pgvector, or does not let this user make tables.
        StorageError: the tables are of a newer version.
    """
    place = place_of(dsn)
    scripts = migration_scripts("migrations_postgres")
    newest = scripts[-1][0]
    with connected(dsn) as db:
        _check_server(db, place)
        if _checked_version(db, newest) == newest:
            return
        execute(db, f"SET lock_timeout = '{LOCK_SECONDS}s'")
        # Before the transaction begins: what others made meanwhile is seen from its start on.
        execute(db, f"SELECT pg_advisory_lock({MIGRATING})")
        try:
            with db.transaction():
                version = _checked_version(db, newest)
                execute(db, "CREATE EXTENSION IF NOT EXISTS vector")
                _check_pgvector(db, place)
                # IF NOT EXISTS would ask for the right to make one even where it is there.
                if (
                    select_one(db, "SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,))
                    is None
                ):
                    execute(db, f"CREATE SCHEMA {SCHEMA}")
                _enter_schema(db)
                execute(db, "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)")
                for number, script in scripts:
                    if number > version:
                        execute(db, script.read_text(encoding="utf-8"))
                        execute(db, "INSERT INTO schema_version VALUES (%s)", (number,))
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigError(
                f"{place} does not let this user make the catalog: have an administrator run "
                f"CREATE EXTENSION vector and CREATE SCHEMA {SCHEMA} AUTHORIZATION this_user there."
            ) from error
        except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as error:
            raise ConfigError(
                f"{place} has no pgvector extension: install it on that server."
            ) from error


def _checked_version(db: Connection, newest: int) -> int:
    version = schema_version(db)
    check_version(version, newest)
    return version


def _check_server(db: Connection, place: str) -> None:
    if db.info.server_version < LEAST_SERVER * 10_000:
        raise ConfigError(
            f"{place} runs PostgreSQL {db.info.server_version // 10_000}; the catalog needs "
            f"{LEAST_SERVER} or newer."
        )
    row = select_one(db, "SELECT current_setting('server_encoding')")
    if row is None or row[0] != "UTF8":
        raise ConfigError(f"{place} is encoded in {row and row[0]}; the catalog needs UTF8.")


def _check_pgvector(db: Connection, place: str) -> None:
    row = select_one(db, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    found = str(row[0]) if row else "none"
    if row is None or tuple(int(part) for part in found.split(".")[:2]) < LEAST_PGVECTOR:
        least = ".".join(map(str, LEAST_PGVECTOR))
        raise ConfigError(
            f"{place} has pgvector {found}; the catalog needs {least} or newer: install it and run "
            "ALTER EXTENSION vector UPDATE."
        )


def _enter_schema(db: Connection) -> None:
    execute(
        db,
        f"SELECT set_config('search_path', concat_ws(', ', '{SCHEMA}', quote_ident(n.nspname)), true)"  # noqa: S608
        " FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'vector'",
    )
