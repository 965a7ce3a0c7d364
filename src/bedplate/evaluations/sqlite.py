"""Evaluations in an SQLite file of their own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.evaluations.protocol import Evaluations
from bedplate.evaluations.sql import SqlEvaluations
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_evaluations(place: Path | str) -> AsyncGenerator[Evaluations]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.evaluations", "migrations")
        yield SqlEvaluations(SqliteSessions(database))
