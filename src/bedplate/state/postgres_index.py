"""What search asks of the PostgreSQL catalog."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from bedplate.domain.filters import Filter
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope, Sort
from bedplate.embedders.protocol import TokenMatrix
from bedplate.postgres.collection import NAMED as NAMED_COLLECTION
from bedplate.postgres.database import Connection, Database, Row, select, select_one
from bedplate.postgres.filters import compile_filter
from bedplate.postgres.related import reading
from bedplate.postgres.sessions import PostgresSession
from bedplate.postgres.values import digest
from bedplate.state.postgres_collection import named_collection
from bedplate.state.postgres_entries import read_entries, to_vector
from bedplate.state.postgres_images import read_images
from bedplate.state.profile_rows import with_profiles
from bedplate.state.protocol import Entry, ImageRows, IndexRow
from bedplate.state.quality_rows import with_quality
from bedplate.terms import TermStatistics, TermVector

NAMED = f"""
FROM unnest(%s::text[], %s::integer[]) WITH ORDINALITY AS wanted (document_id, ordinal, number)
JOIN document d ON d.document_id = wanted.document_id AND d.collection_id = (
  SELECT id FROM collection WHERE {NAMED_COLLECTION} LIMIT 1)
"""  # noqa: S608 - constants
"""The documents of named chunks, in the order of their `number`, which counts from 1."""

LARGEST_ORDINAL = 2**31 - 1


class PostgresIndexRows:
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
        def work(db: Connection) -> tuple[ChunkId, ...]:
            collection = named_collection(db, scope)
            where, where_values = compile_filter(filter, collection) if filter else ("true", [])
            join, order, order_values = _order(sort, collection)
            with reading(db, filter):
                rows = select(
                    db,
                    f"SELECT d.document_id FROM document d {join}"  # noqa: S608
                    f" WHERE d.collection_id = %s AND d.chunks > 0 AND ({where})"
                    f" ORDER BY {order} LIMIT %s OFFSET %s",
                    (*order_values, collection, *where_values, limit, offset),
                )
            return tuple(ChunkId(f"{document_id}#0") for (document_id,) in rows)

        return await self._database.read(work)

    async def rows(self, scope: Scope, chunks: Sequence[ChunkId]) -> dict[ChunkId, IndexRow]:
        def work(db: Connection) -> dict[ChunkId, IndexRow]:
            found = named(
                db, scope, chunks, "v.embedding, p.terms",
                "JOIN vector v ON v.document = d.id AND v.ordinal = wanted.ordinal"
                " JOIN posting p ON p.document = d.id AND p.ordinal = wanted.ordinal",
            )  # fmt: skip
            return {
                chunk: IndexRow(to_vector(embedding), TermVector.from_bytes(terms))
                for chunk, (embedding, terms) in found
            }

        return await self._database.read(work)

    async def tokens(self, scope: Scope, chunks: Sequence[ChunkId]) -> dict[ChunkId, TokenMatrix]:
        def work(db: Connection) -> dict[ChunkId, TokenMatrix]:
            found = named(
                db, scope, chunks, "t.vectors, t.width",
                "JOIN token t ON t.document = d.id AND t.ordinal = wanted.ordinal",
            )  # fmt: skip
            return {
                chunk: np.frombuffer(vectors, np.int8).reshape(-1, width)
                for chunk, (vectors, width) in found
            }

        return await self._database.read(work)

    async def entries(self, scope: Scope, ids: Sequence[DocumentId]) -> tuple[Entry, ...]:
        def work(db: Connection) -> tuple[Entry, ...]:
            collection = named_collection(db, scope)
            entries = read_entries(db, collection, ids)
            entries = with_profiles(PostgresSession(db), collection, entries)
            return with_quality(PostgresSession(db), collection, entries)

        return await self._database.read(work)

    async def images(self, scope: Scope, embedder: str, limit: int) -> ImageRows:
        return await self._database.read(
            lambda db: read_images(db, named_collection(db, scope), embedder, limit)
        )

    async def statistics(self, scope: Scope, terms: TermVector) -> TermStatistics:
        wanted = cast(list[int], terms.ids.tolist())

        def work(db: Connection) -> TermStatistics:
            # One statement, so that all counts are of one moment.
            row = select_one(
                db,
                "SELECT c.chunks, c.length, (SELECT array_agg(ARRAY[t.term, t.chunks]) FROM term t"  # noqa: S608
                " WHERE t.collection_id = c.id AND t.term = ANY(%s::bigint[])) FROM collection c"
                f" WHERE {NAMED_COLLECTION} LIMIT 1",
                (wanted, scope.tenant, scope.collection),
            )
            chunks, length, pairs = row or (0, 0, None)
            counts = dict(cast(list[tuple[int, int]], pairs or []))
            frequencies = np.asarray([counts.get(term, 0) for term in wanted], np.int64)
            return TermStatistics(chunks, length, frequencies)

        return await self._database.read(work)


def named(
    db: Connection, scope: Scope, chunks: Sequence[ChunkId], columns: str, joins: str
) -> list[tuple[ChunkId, Row]]:
    """`columns` of the chunks that are there, in the order given."""
    names: list[str] = []
    ordinals: list[int] = []
    known: list[ChunkId] = []
    for chunk in chunks:
        document, _, ordinal = chunk.rpartition("#")
        # A name that no chunk can have is left out, as one that none has.
        if ordinal.isdecimal() and int(ordinal) <= LARGEST_ORDINAL and "\0" not in document:
            names.append(document)
            ordinals.append(int(ordinal))
            known.append(chunk)
    rows = select(
        db,
        f"SELECT wanted.number, {columns} {NAMED} {joins} ORDER BY wanted.number",
        (names, ordinals, scope.tenant, scope.collection),
    )
    return [(known[row[0] - 1], row[1:]) for row in rows]


def _order(sort: Sort | None, collection: int) -> tuple[str, str, list[object]]:
    """What to join, what to order by, and the values of the former.

    A document with several values is placed by its least, or its greatest when descending; numbers
    come before text.
    """
    if sort is None:
        return "", "d.document_id", []
    pick, direction = ("max", "DESC") if sort.descending else ("min", "ASC")
    join = (
        f"LEFT JOIN LATERAL (SELECT {pick}(f.number) AS number, {pick}(f.string) AS string"  # noqa: S608
        " FROM field f WHERE f.document = d.id AND f.kind IN (SELECT id FROM field_kind"
        " WHERE collection_id = %s AND digest = %s)) AS key ON true"
    )
    first, last = ("string", "number") if sort.descending else ("number", "string")
    order = (
        "key.number IS NULL AND key.string IS NULL,"
        f" key.{first} IS NULL, key.{first} {direction},"
        f" CASE WHEN key.{first} IS NULL THEN key.{last} END {direction}, d.document_id"
    )
    return join, order, [collection, digest(sort.field)]
