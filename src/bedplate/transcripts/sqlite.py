"""Transcripts in an SQLite file of their own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate
from bedplate.transcripts.protocol import Transcripts
from bedplate.transcripts.transcripts import SqlTranscripts


@asynccontextmanager
async def open_sqlite_transcripts(place: Path | str) -> AsyncGenerator[Transcripts]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.transcripts", "migrations")
        yield SqlTranscripts(SqliteSessions(database))
