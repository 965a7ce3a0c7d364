"""What search asks of the SQLite catalog, and the statistics that are kept for it."""

from collections import Counter
from collections.abc import Iterable, Sequence

import apsw
import numpy as np

from bedplate.domain.filters import Filter
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Scope, Sort
from bedplate.embedders.protocol import TokenMatrix
from bedplate.sqlite.database import Database, Row, one_moment, select, select_one
from bedplate.sqlite.filters import compile_filter
from bedplate.sqlite.related import files_of
from bedplate.sqlite.sessions import SqliteSession
from bedplate.state.profile_rows import with_profiles
from bedplate.state.protocol import Entry, ImageRows, IndexRow
from bedplate.state.quality_rows import with_quality
from bedplate.state.sqlite_collection import named_collection
from bedplate.state.sqlite_entries import read_entries
from bedplate.state.sqlite_images import read_images
from bedplate.terms import TermStatistics, TermVector

CHUNK = """
FROM document d JOIN chunk c ON c.document = d.id JOIN {table} t ON t.chunk = c.id
WHERE d.collection_id = ? AND d.document_id = ? AND c.ordinal = ?
"""


class SqliteIndexRows:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def scan(
        self,
        scope: Scope,
        *,
        filter: Filter | None,
        sort: Sort | None,
        limit: int,
        offset: int = 0,
    ) -> tuple[ChunkId, ...]:
        def work(db: apsw.Connection) -> tuple[ChunkId, ...]:
            collection = _collection_id(db, scope)
            order, order_values = _order(sort, collection)
            where, where_values = compile_filter(filter, collection) if filter else ("1", [])
            rows = select(
                db,
                "SELECT d.document_id FROM document d WHERE d.collection_id = ? AND d.chunks > 0"  # noqa: S608
                f" AND ({where}) ORDER BY {order} LIMIT ? OFFSET ?",
                (collection, *where_values, *order_values, limit, offset),
            )
            return tuple(ChunkId(f"{document_id}#0") for (document_id,) in rows)

        return await self._database.read(work, attach=files_of(filter))

    async def rows(self, scope: Scope, chunks: Sequence[ChunkId]) -> dict[ChunkId, IndexRow]:
        def work(db: apsw.Connection) -> dict[ChunkId, IndexRow]:
            found = _each(db, scope, chunks, "t.embedding, t.terms", "vector")
            return {
                chunk: IndexRow(
                    np.frombuffer(embedding, "<f2").astype(np.float32), TermVector.from_bytes(terms)
                )
                for chunk, (embedding, terms) in found
            }

        return await self._database.read(work)

    async def tokens(self, scope: Scope, chunks: Sequence[ChunkId]) -> dict[ChunkId, TokenMatrix]:
        def work(db: apsw.Connection) -> dict[ChunkId, TokenMatrix]:
            return {
                chunk: np.frombuffer(vectors, np.int8).reshape(-1, width)
                for chunk, (vectors, width) in _each(
                    db, scope, chunks, "t.vectors, t.width", "token"
                )
            }

        return await self._database.read(work)

    async def entries(self, scope: Scope, ids: Sequence[DocumentId]) -> tuple[Entry, ...]:
        def work(db: apsw.Connection) -> tuple[Entry, ...]:
            collection = _collection_id(db, scope)
            entries = read_entries(db, collection, ids)
            entries = with_profiles(SqliteSession(db), collection, entries)
            return with_quality(SqliteSession(db), collection, entries)

        return await self._database.read(work)

    async def images(self, scope: Scope, embedder: str, limit: int) -> ImageRows:
        return await self._database.read(
            lambda db: read_images(db, _collection_id(db, scope), embedder, limit)
        )

    async def statistics(self, scope: Scope, terms: TermVector) -> TermStatistics:
        def work(db: apsw.Connection) -> TermStatistics:
            with one_moment(db):
                collection = _collection_id(db, scope)
                counted = [
                    select_one(
                        db,
                        "SELECT chunks FROM term WHERE collection_id = ? AND term = ?",
                        (collection, term),
                    )
                    for term in terms.ids.tolist()
                ]
                facts = select_one(
                    db, "SELECT chunks, length FROM collection WHERE id = ?", (collection,)
                )
            chunks, length = facts or (0, 0)
            return TermStatistics(
                chunks, length, np.asarray([row[0] if row else 0 for row in counted], np.int64)
            )

        return await self._database.read(work)


def count_terms(
    db: apsw.Connection, tenant: TenantId, collection: int, texts: Iterable[TermVector], sign: int
) -> None:
    """Add the chunks' terms to the statistics (`sign` 1), or take them away (-1)."""
    counter: Counter[int] = Counter()
    length = 0
    for terms in texts:
        counter.update(terms.ids.tolist())
        length += terms.length
    db.executemany(
        "INSERT INTO term (tenant_id, collection_id, term, chunks) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET chunks = chunks + excluded.chunks",
        [(tenant, collection, term, sign * count) for term, count in counter.items()],
    )
    if sign < 0:
        db.executemany(
            "DELETE FROM term WHERE collection_id = ? AND term = ? AND chunks <= 0",
            [(collection, term) for term in counter],
        )
    db.execute(
        "UPDATE collection SET length = length + ? WHERE id = ?", (sign * length, collection)
    )


def _collection_id(db: apsw.Connection, scope: Scope) -> int:
    """The collection's row, or 0, which none has."""
    row = named_collection(db, scope)
    return 0 if row is None else int(row[0])


def _each(
    db: apsw.Connection, scope: Scope, chunks: Sequence[ChunkId], columns: str, table: str
) -> list[tuple[ChunkId, Row]]:
    query = f"SELECT {columns} {CHUNK.format(table=table)}"
    found: list[tuple[ChunkId, Row]] = []
    # Of one version of each document, whatever is written meanwhile.
    with one_moment(db):
        collection = _collection_id(db, scope)
        for chunk in chunks:
            document, _, ordinal = chunk.rpartition("#")
            row = select_one(db, query, (collection, document, ordinal))
            if row is not None:
                found.append((chunk, row))
    return found


def _order(sort: Sort | None, collection: int) -> tuple[str, list[object]]:
    if sort is None:
        return "d.document_id", []
    pick, direction = ("max", "DESC") if sort.descending else ("min", "ASC")
    value = (
        f"(SELECT {pick}(value) FROM field f WHERE f.document = d.id AND f.collection_id = ?"  # noqa: S608
        " AND f.name = ?)"
    )
    return f"{value} IS NULL, {value} {direction}, d.document_id", [collection, sort.field] * 2
