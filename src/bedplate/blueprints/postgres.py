"""Versions of assistants in the catalog's PostgreSQL database. `migrations_postgres/` lays out the
tables.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.blueprints.protocol import Blueprints
from bedplate.blueprints.rows import SqlBlueprints
from bedplate.postgres.database import open_database
from bedplate.postgres.sessions import PostgresSessions, migrate


@asynccontextmanager
async def open_postgres_blueprints(place: Path | str) -> AsyncGenerator[Blueprints]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        Unavailable: the server cannot be reached.
    """
    dsn = str(place)
    await asyncio.to_thread(
        migrate,
        dsn,
        "bedplate.blueprints",
        "migrations_postgres",
        version_table="blueprint_version",
    )
    async with open_database(dsn) as database:
        yield SqlBlueprints(PostgresSessions(database))
