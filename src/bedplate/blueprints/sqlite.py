"""Versions of assistants in an SQLite file of their own. `migrations/` lays out the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.blueprints.protocol import Blueprints
from bedplate.blueprints.rows import SqlBlueprints
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_blueprints(place: Path | str) -> AsyncGenerator[Blueprints]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.blueprints", "migrations")
        yield SqlBlueprints(SqliteSessions(database))
