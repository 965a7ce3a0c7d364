"""Transcripts in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.postgres.database import open_database
from bedplate.postgres.sessions import PostgresSessions, migrate
from bedplate.transcripts.protocol import Transcripts
from bedplate.transcripts.transcripts import SqlTranscripts


@asynccontextmanager
async def open_postgres_transcripts(place: Path | str) -> AsyncGenerator[Transcripts]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        Unavailable: the server cannot be reached.
    """
    dsn = str(place)
    await asyncio.to_thread(
        migrate,
        dsn,
        "bedplate.transcripts",
        "migrations_postgres",
        version_table="transcript_version",
    )
    async with open_database(dsn) as database:
        yield SqlTranscripts(PostgresSessions(database))
