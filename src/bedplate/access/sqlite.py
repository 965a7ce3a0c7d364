"""Access keys in an SQLite file of their own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.access.protocol import AccessKeys
from bedplate.access.sql import SqlAccessKeys
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_keys(place: Path | str) -> AsyncGenerator[AccessKeys]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.access", "migrations")
        yield SqlAccessKeys(SqliteSessions(database))
