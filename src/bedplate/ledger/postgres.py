"""The ledger in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bedplate.ledger.protocol import Ledger, LedgerOptions
from bedplate.ledger.running import running
from bedplate.postgres.database import open_database
from bedplate.postgres.sessions import PostgresSessions, migrate


@asynccontextmanager
async def open_postgres_ledger(options: LedgerOptions) -> AsyncGenerator[Ledger]:
    """
    Raises:
        ConfigError: the database does not let us in or this user make the tables, or it does not
            hold the catalog yet.
        StorageError: the tables are of a newer version.
        Unavailable: the server cannot be reached.
    """
    dsn = str(options.place)
    await asyncio.to_thread(
        migrate, dsn, "bedplate.ledger", "migrations_postgres", version_table="ledger_version"
    )
    async with (
        open_database(dsn) as database,
        running(PostgresSessions(database), options) as ledger,
    ):
        yield ledger
