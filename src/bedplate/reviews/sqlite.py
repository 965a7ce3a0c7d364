"""Reviews in an SQLite file of their own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.reviews.protocol import Reviews
from bedplate.reviews.sql import SqlReviews
from bedplate.sqlite.database import open_database
from bedplate.sqlite.sessions import SqliteSessions, migrate


@asynccontextmanager
async def open_sqlite_reviews(place: Path | str) -> AsyncGenerator[Reviews]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await migrate(database, "bedplate.reviews", "migrations")
        yield SqlReviews(SqliteSessions(database))
