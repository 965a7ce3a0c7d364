"""Files and vector stores in an SQLite file of their own. `migrations/` explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.objects.protocol import Objects
from bedplate.objects.sql import SqlObjects
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_objects(place: Path | str) -> AsyncGenerator[Objects]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.objects", "migrations")
        yield SqlObjects(SqliteSessions(database))
