"""Vectors remembered by their text: a wrapper around any embedder.

They are kept in an SQLite file of its own, as float16 under the SHA-256 of fingerprint and text;
no text is stored. Processes may share the file. It holds about `max_bytes`: beyond that, what was
used longest ago goes. Deleting it while nothing runs costs only the embedding.
"""

import hashlib
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import apsw
import numpy as np

from bedplate.embedders.protocol import (
    Embedder,
    LateEmbedder,
    LateVectors,
    Matrix,
    Spans,
    TokenEmbedder,
    TokenVectors,
)
from bedplate.errors import ConfigError, StorageError
from bedplate.sqlite.database import Database, open_database, select, select_one

VERSION = 1
# What a row takes beside its vector: key, two indexes, and pages that are not full.
ROW_BYTES = 128
KEYS_PER_QUERY = 500
ROWS_PER_EVICTION = 512
# Of one write: a limit that was lowered is reached step by step.
MOST_EVICTIONS = 8
# Recency in hours: to note every hit would make each search a write.
PERIOD_SECONDS = 3600
MOST_UNNOTED = 4096

SCHEMA = f"""
CREATE TABLE vector (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  vector BLOB NOT NULL,
  used INTEGER NOT NULL
);
CREATE INDEX vector_used ON vector (used);
CREATE TABLE total (bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE TRIGGER vector_kept AFTER INSERT ON vector BEGIN
  UPDATE total SET bytes = bytes + length(new.vector) + {ROW_BYTES};
END;
CREATE TRIGGER vector_gone AFTER DELETE ON vector BEGIN
  UPDATE total SET bytes = bytes - length(old.vector) - {ROW_BYTES};
END;
PRAGMA user_version = {VERSION};
"""  # noqa: S608 - two constants

Key = bytes


class CachedEmbedder:
    """The inner embedder's vectors to within float16, the same from memory as made anew.

    `now` gives seconds since the epoch.
    """

    def __init__(
        self, inner: Embedder, database: Database, max_bytes: int, now: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._database = database
        self._max_bytes = max_bytes
        self._now = now
        self._unnoted: set[Key] = set()
        self._prefix = f"{inner.fingerprint}\0{inner.dimensions}\0".encode()

    @property
    def fingerprint(self) -> str:
        return self._inner.fingerprint

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    async def embed(self, texts: Sequence[str]) -> Matrix:
        keys = [self._key(text) for text in texts]
        period = self._period()
        kept = await self._database.read(lambda db: _find(db, dict.fromkeys(keys)))
        found = {key: vector for key, (vector, _) in kept.items()}
        self._unnoted |= {key for key, (_, used) in kept.items() if used < period}
        missing = {k: text for k, text in zip(keys, texts, strict=True) if k not in found}
        if missing:
            rows = (await self._inner.embed(list(missing.values()))).astype("<f2")
            made = {key: row.tobytes() for key, row in zip(missing, rows, strict=True)}
            found |= made
            await self._keep(made, period)
        elif len(self._unnoted) > MOST_UNNOTED:
            await self.note()
        return _vectors([found[key] for key in keys], self.dimensions)

    async def note(self) -> None:
        """Write down what was used since the last write."""
        if self._unnoted:
            await self._keep({}, self._period())

    async def _keep(self, made: Mapping[Key, bytes], period: int) -> None:
        used, self._unnoted = self._unnoted, set()

        def work(db: apsw.Connection) -> None:
            db.executemany(
                "UPDATE vector SET used = ? WHERE key = ?", ((period, key) for key in used)
            )
            # Another process may have made the same vector meanwhile.
            db.executemany(
                "INSERT OR IGNORE INTO vector (key, vector, used) VALUES (?, ?, ?)",
                ((key, vector, period) for key, vector in made.items()),
            )
            _evict(db, self._max_bytes)

        await self._database.write(work)

    def _key(self, text: str) -> Key:
        return hashlib.sha256(self._prefix + text.encode("utf-8", "surrogatepass")).digest()

    def _period(self) -> int:
        return int(self._now() // PERIOD_SECONDS)


class CachedTokenEmbedder:
    """A cached embedder whose inner one also gives token vectors.

    Those are not kept, so a text is encoded anew wherever they are asked for.
    """

    def __init__(self, cached: CachedEmbedder, inner: TokenEmbedder) -> None:
        self._cached = cached
        self._inner = inner
        self._late = inner if isinstance(inner, LateEmbedder) else None

    @property
    def fingerprint(self) -> str:
        return self._cached.fingerprint

    @property
    def dimensions(self) -> int:
        return self._cached.dimensions

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await self._cached.embed(texts)

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        return await self._inner.embed_tokens(texts)

    @property
    def token_width(self) -> int | None:
        return self._late.token_width if self._late else None

    async def embed_late(self, texts: Sequence[str]) -> list[LateVectors]:
        if self._late is None:
            raise ConfigError("The embedder gives no token vectors that can be kept.")
        return await self._late.embed_late(texts)

    async def late_spans(self, texts: Sequence[str]) -> list[Spans]:
        if self._late is None:
            raise ConfigError("The embedder gives no token vectors that can be kept.")
        return await self._late.late_spans(texts)


def _find(db: apsw.Connection, keys: Iterable[Key]) -> dict[Key, tuple[bytes, int]]:
    found: dict[Key, tuple[bytes, int]] = {}
    for some in _groups(keys, KEYS_PER_QUERY):
        marks = ",".join("?" * len(some))
        rows = select(db, f"SELECT key, vector, used FROM vector WHERE key IN ({marks})", some)  # noqa: S608 - nothing but marks
        found |= {key: (vector, used) for key, vector, used in rows}
    return found


def _groups(keys: Iterable[Key], size: int) -> Iterator[list[Key]]:
    left = iter(keys)
    while some := list(islice(left, size)):
        yield some


def _evict(db: apsw.Connection, max_bytes: int) -> None:
    for _ in range(MOST_EVICTIONS):
        total = select_one(db, "SELECT bytes FROM total")
        if total is None or total[0] <= max_bytes:
            return
        db.execute(
            "DELETE FROM vector WHERE id IN (SELECT id FROM vector ORDER BY used, id LIMIT ?)",
            (ROWS_PER_EVICTION,),
        )


def _vectors(rows: Sequence[bytes], dimensions: int) -> Matrix:
    vectors = np.frombuffer(b"".join(rows), "<f2").reshape(len(rows), dimensions)
    wide = vectors.astype(np.float32)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


@asynccontextmanager
async def open_embedder_cache(
    inner: Embedder, path: Path, *, max_bytes: int, now: Callable[[], float] = time.time
) -> AsyncGenerator[Embedder]:
    """`inner` with its vectors kept in the file at `path`, made where missing.

    Raises:
        StorageError: the file cannot be used, or another version of Bedplate made it.
    """
    async with open_database(path) as database:
        await database.write(lambda db: _prepare(db, path))
        cached = CachedEmbedder(inner, database, max_bytes, now)
        if isinstance(inner, TokenEmbedder):
            yield CachedTokenEmbedder(cached, inner)
        else:
            yield cached
        await cached.note()


def _prepare(db: apsw.Connection, path: Path) -> None:
    row = select_one(db, "PRAGMA user_version")
    version = row[0] if row else 0
    if version == 0:
        db.execute(SCHEMA)
    elif version != VERSION:
        raise StorageError(
            f"{path} is of version {version}, this Bedplate writes {VERSION}: delete the file; "
            "it only remembers vectors that can be made again."
        )
