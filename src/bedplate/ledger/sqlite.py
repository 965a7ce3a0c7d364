"""The ledger in an SQLite file of its own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.ledger.protocol import Ledger, LedgerOptions
from bedplate.ledger.running import running
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_ledger(options: LedgerOptions) -> AsyncGenerator[Ledger]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(options.place)) as database:
        await migrate(database, "bedplate.ledger", "migrations")
        async with running(SqliteSessions(database), options) as ledger:
            yield ledger
