"""Durable work in a PostgreSQL database; each of its processes counts up a row while it lives."""

import asyncio
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from bedplate.durable.places import SCHEMA, Place, joined
from bedplate.postgres.database import connected, execute, place_of, select

LEFT = -1
MAKING = 0x6265_6470_6E6F_6465
"""The advisory lock under which one process makes the table; "bedpnode" in ASCII."""


@asynccontextmanager
async def open_postgres_place(
    folder: Path, database: str, node: str, *, dead_seconds: float
) -> AsyncGenerator[Place]:
    """A schema in that database, made where missing.

    Raises:
        ConfigError: the address is none, or the server does not let us in.
        Unavailable: it cannot be reached.
    """
    del folder
    shown = place_of(database)
    nodes = PostgresNodes(database, SCHEMA, node, seconds=dead_seconds)
    async with joined(nodes):
        yield Place(_url(database), shown, nodes)


def _url(dsn: str) -> str:
    """As SQLAlchemy reads it, whichever way libpq was told."""
    known = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    url = URL.create(
        "postgresql",
        username=known.pop("user", None),
        password=known.pop("password", None),
        database=known.pop("dbname", None),
        host=known.pop("host", None),
        port=int(known.pop("port", "5432")),
        query=known,
    )
    return url.render_as_string(hide_password=False)


class PostgresNodes:
    """A process is dead whose count stood still for `seconds` of the watcher's own clock.

    No clocks are compared, so one that jumps does no harm. A process that was cut off for longer
    loses its work to others; it notices at the end of the step that it is in.
    """

    def __init__(self, dsn: str, schema: str, node: str, *, seconds: float) -> None:
        self._dsn = dsn
        self._schema = schema
        self._table = f"{schema}.node"
        self._node = node
        self._seconds = seconds
        self._seen: dict[str, tuple[int | None, float]] = {}

    async def join(self) -> None:
        await asyncio.to_thread(self._join)

    async def beat(self) -> None:
        await asyncio.to_thread(self._beat, 0)

    async def dead(self, owners: Collection[str] = ()) -> list[str]:
        return await asyncio.to_thread(self._dead, owners)

    async def bury(self, node: str) -> None:
        await asyncio.to_thread(self._bury, node)

    async def leave(self) -> None:
        await asyncio.to_thread(self._beat, LEFT)

    def _join(self) -> None:
        with connected(self._dsn) as db, db.transaction():
            execute(db, f"SELECT pg_advisory_xact_lock({MAKING})")
            # IF NOT EXISTS would ask for the right to make them even where they are there.
            if not select(db, "SELECT 1 FROM pg_namespace WHERE nspname = %s", (self._schema,)):
                execute(db, f"CREATE SCHEMA {self._schema}")
            if select(db, "SELECT to_regclass(%s)", (self._table,)) == [(None,)]:
                execute(
                    db, f"CREATE TABLE {self._table} (id text PRIMARY KEY, beat bigint NOT NULL)"
                )
        self._beat(0)

    def _beat(self, left: int) -> None:
        with connected(self._dsn) as db:
            execute(
                db,
                f"INSERT INTO {self._table} AS n VALUES (%s, %s)"  # noqa: S608
                " ON CONFLICT (id) DO UPDATE SET"
                " beat = CASE WHEN excluded.beat < 0 THEN excluded.beat ELSE n.beat + 1 END",
                (self._node, left),
            )

    def _dead(self, owners: Collection[str]) -> list[str]:
        with connected(self._dsn) as db:
            rows = select(db, f"SELECT id, beat FROM {self._table}")  # noqa: S608
        beats: dict[str, int] = {str(id): int(beat) for id, beat in rows}
        now = time.monotonic()
        # One without a row is watched as well: its row may come back with its next beat.
        seen: dict[str, tuple[int | None, float]] = {}
        for node in {*beats, *owners, *self._seen} - {self._node}:
            beat = beats.get(node)
            before = self._seen.get(node)
            seen[node] = before if before and before[0] == beat else (beat, now)
        self._seen = seen
        return sorted(
            node
            for node, (beat, since) in seen.items()
            if beat == LEFT or now - since >= self._seconds
        )

    def _bury(self, node: str) -> None:
        beat, _ = self._seen.pop(node, (None, 0.0))
        with connected(self._dsn) as db:
            execute(
                db,
                f"DELETE FROM {self._table} WHERE id = %s AND beat = %s",  # noqa: S608
                (node, beat),
            )
