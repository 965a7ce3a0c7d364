"""The journal in an SQLite file of its own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.journal.protocol import Journal
from bedplate.journal.sql import SqlJournal
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_journal(place: Path | str) -> AsyncGenerator[Journal]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.journal", "migrations")
        yield SqlJournal(SqliteSessions(database))
