"""The same in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.objects.protocol import Objects
from bedplate.objects.sql import SqlObjects
from bedplate.postgres.database import open_database
from bedplate.postgres.sessions import PostgresSessions, migrate


@asynccontextmanager
async def open_postgres_objects(place: Path | str) -> AsyncGenerator[Objects]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        StorageError: the tables are of a newer version.
        Unavailable: the server cannot be reached.
    """
    dsn = str(place)
    await asyncio.to_thread(
        migrate, dsn, "bedplate.objects", "migrations_postgres", version_table="object_version"
    )
    async with open_database(dsn) as database:
        yield SqlObjects(PostgresSessions(database))
