"""Traces in an SQLite file of their own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate
from bedplate.traces.protocol import Traces
from bedplate.traces.store import SqlTraces


@asynccontextmanager
async def open_sqlite_traces(place: Path) -> AsyncGenerator[Traces]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(place) as database:
        await migrate(database, "bedplate.traces", "migrations")
        yield SqlTraces(SqliteSessions(database))
