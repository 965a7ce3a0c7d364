"""Evaluations in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.evaluations.protocol import Evaluations
from bedplate.evaluations.sql import SqlEvaluations
from bedplate.postgres.database import open_database
from bedplate.postgres.sessions import PostgresSessions, migrate


@asynccontextmanager
async def open_postgres_evaluations(place: Path | str) -> AsyncGenerator[Evaluations]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        Unavailable: the server cannot be reached.
    """
    dsn = str(place)
    await asyncio.to_thread(
        migrate,
        dsn,
        "bedplate.evaluations",
        "migrations_postgres",
        version_table="evaluation_version",
    )
    async with open_database(dsn) as database:
        yield SqlEvaluations(PostgresSessions(database))
