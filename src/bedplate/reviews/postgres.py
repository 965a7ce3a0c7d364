"""Reviews in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.postgres.database import open_database
from bedplate.postgres.sessions import PostgresSessions, migrate
from bedplate.reviews.protocol import Reviews
from bedplate.reviews.sql import SqlReviews


@asynccontextmanager
async def open_postgres_reviews(place: Path | str) -> AsyncGenerator[Reviews]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        Unavailable: the server cannot be reached.
    """
    dsn = str(place)
    await asyncio.to_thread(
        migrate, dsn, "bedplate.reviews", "migrations_postgres", version_table="review_version"
    )
    async with open_database(dsn) as database:
        yield SqlReviews(PostgresSessions(database))
