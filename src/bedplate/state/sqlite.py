"""The catalog in one SQLite file. The tables are laid out, and explained, in `migrations/`."""

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import cast

import apsw

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.facets import Facets
from bedplate.domain.filters import FieldKind, kind_of, normalise_date
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Collection, Hit, Scope, StoredDocument
from bedplate.errors import Conflict, NotFound, StorageError
from bedplate.sqlite import Database, Row, open_database, select, select_one
from bedplate.state.facets import generation, read_facets
from bedplate.state.protocol import Catalog, Collections, Documents, Entry

COLLECTION = """
SELECT tenant_id, name, embedder, dimensions, created_at, documents, chunks, id FROM collection
"""
DOCUMENT = """
SELECT document_id, title, source, media_type, sha256, origin, chunks, updated_at, pages, metadata
FROM document
"""
HIT = """
SELECT d.document_id, c.ordinal, c.text, d.title, d.source, c.start, c."end", c.page, c.heading,
       d.metadata
FROM document d JOIN chunk c ON c.document = d.id
WHERE d.collection_id = ? AND d.tenant_id = ? AND d.document_id = ? AND c.ordinal = ?
"""
PAGE = 500


class SqliteCatalog:
    def __init__(self, database: Database) -> None:
        self.collections: Collections = SqliteCollections(database)
        self.documents: Documents = SqliteDocuments(database)


class SqliteCollections:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, *, embedder: str, dimensions: int) -> Collection:
        def work(db: apsw.Connection) -> Collection:
            db.execute(
                "INSERT INTO collection (tenant_id, name, embedder, dimensions, created_at)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (scope.tenant, scope.collection, embedder, dimensions, _now()),
            )
            return _collection(db, scope)

        collection = await self._database.write(work)
        if collection.embedder != embedder:
            raise Conflict(
                f"Collection {scope.collection!r} was made with embedder {collection.embedder!r}; "
                f"the configured one is {embedder!r}. Their vectors do not compare: configure the "
                "former embedder, or ingest into a new collection."
            )
        return collection

    async def get(self, scope: Scope) -> Collection:
        return await self._database.read(lambda db: _collection(db, scope))

    async def list(self, tenant: TenantId) -> tuple[Collection, ...]:
        def work(db: apsw.Connection) -> tuple[Collection, ...]:
            rows = select(db, f"{COLLECTION} WHERE tenant_id = ? ORDER BY name", (tenant,))
            return tuple(_to_collection(db, row) for row in rows)

        return await self._database.read(work)

    async def drop(self, scope: Scope) -> None:
        def work(db: apsw.Connection) -> None:
            collection = _collection_id(db, scope)
            for table in ("field", "field_kind", "vector", "chunk", "document", "removed"):
                db.execute(f"DELETE FROM {table} WHERE collection_id = ?", (collection,))  # noqa: S608
            db.execute("DELETE FROM collection WHERE id = ?", (collection,))

        await self._database.write(work)

    async def generation(self, scope: Scope) -> int:
        def work(db: apsw.Connection) -> int:
            return generation(db, _collection_id(db, scope))

        return await self._database.read(work)

    async def facets(self, scope: Scope, *, limit: int = 50_000) -> Facets:
        def work(db: apsw.Connection) -> Facets:
            return read_facets(db, scope, _collection_id(db, scope), limit)

        return await self._database.read(work)


class SqliteDocuments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, scope: Scope, entries: Sequence[Entry]) -> None:
        def work(db: apsw.Connection) -> None:
            collection = _collection_id(db, scope)
            _remove(db, collection, [entry.document.id for entry in entries])
            for entry in entries:
                _insert(db, scope.tenant, collection, entry)
            _touch(db, collection)

        await self._database.write(work)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        def work(db: apsw.Connection) -> int:
            collection = _collection_id(db, scope)
            count = _remove(db, collection, ids)
            if count:
                _touch(db, collection)
            return count

        return await self._database.write(work)

    async def fingerprints(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, str]:
        def work(db: apsw.Connection) -> dict[DocumentId, str]:
            rows = select(
                db,
                "SELECT document_id, sha256 FROM document WHERE collection_id = ?"
                " AND document_id IN (SELECT value FROM json_each(?))",
                (_collection_id(db, scope), json.dumps(ids)),
            )
            return {DocumentId(document_id): str(sha256) for document_id, sha256 in rows}

        return await self._database.read(work)

    async def get(self, scope: Scope, document_id: DocumentId) -> StoredDocument:
        def work(db: apsw.Connection) -> StoredDocument:
            row = select_one(
                db,
                f"{DOCUMENT} WHERE collection_id = ? AND document_id = ?",
                (_collection_id(db, scope), document_id),
            )
            if row is None:
                raise NotFound(
                    f"There is no document {document_id!r} in collection {scope.collection!r}.",
                    param="document_id",
                )
            return _to_document(row)

        return await self._database.read(work)

    async def list(
        self, scope: Scope, *, after: DocumentId | None, limit: int
    ) -> AsyncIterator[StoredDocument]:
        def work(db: apsw.Connection, last: str, count: int) -> tuple[StoredDocument, ...]:
            rows = select(
                db,
                f"{DOCUMENT} WHERE collection_id = ? AND document_id > ? ORDER BY document_id"
                " LIMIT ?",
                (_collection_id(db, scope), last, count),
            )
            return tuple(_to_document(row) for row in rows)

        last, left = str(after or ""), limit
        while left > 0:
            start, count = last, min(left, PAGE)
            page = await self._database.read(lambda db, a=start, n=count: work(db, a, n))
            for document in page:
                yield document
            if len(page) < count:
                return
            last, left = page[-1].id, left - len(page)

    async def hits(self, scope: Scope, chunks: Mapping[ChunkId, float]) -> tuple[Hit, ...]:
        def work(db: apsw.Connection) -> tuple[Hit, ...]:
            collection = _collection_id(db, scope)
            found: list[Hit] = []
            for chunk_id, score in chunks.items():
                document_id, _, ordinal = chunk_id.rpartition("#")
                row = select_one(db, HIT, (collection, scope.tenant, document_id, ordinal))
                if row is not None:
                    found.append(_to_hit(chunk_id, score, row))
            return tuple(found)

        return await self._database.read(work)


def _collection_id(db: apsw.Connection, scope: Scope) -> int:
    row = select_one(
        db,
        "SELECT id FROM collection WHERE tenant_id = ? AND name = ?",
        (scope.tenant, scope.collection),
    )
    if row is None:
        names = [
            str(name)
            for (name,) in select(
                db, "SELECT name FROM collection WHERE tenant_id = ? ORDER BY name", (scope.tenant,)
            )
        ]
        near = get_close_matches(scope.collection, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise NotFound(
            f"There is no collection {scope.collection!r}.{hint} "
            f"Known: {', '.join(names) or 'none; ingest some documents first'}.",
            param="collection",
        )
    return int(row[0])


def _collection(db: apsw.Connection, scope: Scope) -> Collection:
    return _to_collection(
        db, select(db, f"{COLLECTION} WHERE id = ?", (_collection_id(db, scope),))[0]
    )


def _to_collection(db: apsw.Connection, row: Row) -> Collection:
    tenant, name, embedder, dimensions, created_at, documents, chunks, rowid = row
    fields: dict[str, frozenset[FieldKind]] = {}
    for field, kind in select(
        db,
        "SELECT name, kind FROM field_kind WHERE collection_id = ? ORDER BY name, kind",
        (rowid,),
    ):
        fields[field] = fields.get(field, frozenset()) | {kind}
    return Collection(
        tenant=TenantId(tenant),
        name=name,
        embedder=embedder,
        dimensions=dimensions,
        created_at=datetime.fromisoformat(created_at),
        documents=documents,
        chunks=chunks,
        fields=fields,
    )


def _to_document(row: Row) -> StoredDocument:
    return StoredDocument(
        id=DocumentId(row[0]),
        title=row[1],
        source=row[2],
        media_type=row[3],
        sha256=row[4],
        origin=row[5],
        chunks=row[6],
        updated_at=datetime.fromisoformat(row[7]),
        pages=row[8],
        metadata=json.loads(row[9]),
    )


def _to_hit(chunk_id: ChunkId, score: float, row: Row) -> Hit:
    return Hit(
        document_id=DocumentId(row[0]),
        chunk_id=chunk_id,
        score=score,
        text=row[2],
        title=row[3],
        source=row[4],
        start=row[5],
        end=row[6],
        page=row[7],
        heading=row[8],
        metadata=json.loads(row[9]),
    )


def _insert(db: apsw.Connection, tenant: TenantId, collection: int, entry: Entry) -> None:
    document = entry.document
    db.execute(
        "INSERT INTO document (tenant_id, collection_id, document_id, title, source, media_type,"
        " sha256, origin, pages, chunks, metadata, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (tenant, collection, document.id, document.title, document.source, document.media_type,
         document.sha256, document.origin, document.pages, len(entry.chunks),
         json.dumps(document.metadata, ensure_ascii=False), _now()),
    )  # fmt: skip
    row = db.last_insert_rowid()
    fields = _fields(document.metadata)
    db.executemany(
        "INSERT OR IGNORE INTO field (tenant_id, collection_id, name, kind, value, document)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(tenant, collection, *field, row) for field in fields],
    )
    db.executemany(
        "INSERT INTO field_kind (tenant_id, collection_id, name, kind, documents)"
        " VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET documents = documents + 1",
        [(tenant, collection, *pair) for pair in {(name, kind) for name, kind, _ in fields}],
    )
    db.execute(
        "UPDATE collection SET documents = documents + 1, chunks = chunks + ? WHERE id = ?",
        (len(entry.chunks), collection),
    )
    vectors = entry.vectors.astype("<f2")
    for chunk, vector, terms in zip(entry.chunks, vectors, entry.terms, strict=True):
        db.execute(
            'INSERT INTO chunk (tenant_id, collection_id, document, ordinal, text, start, "end",'
            " page, heading) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (tenant, collection, row, chunk.ordinal, chunk.text, chunk.start, chunk.end,
             chunk.page, chunk.heading),
        )  # fmt: skip
        db.execute(
            "INSERT INTO vector (chunk, tenant_id, collection_id, document, ordinal, embedding,"
            " terms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (db.last_insert_rowid(), tenant, collection, row, chunk.ordinal, vector.tobytes(),
             terms.to_bytes()),
        )  # fmt: skip


def _fields(metadata: Metadata) -> list[tuple[str, FieldKind, Scalar]]:
    rows: list[tuple[str, FieldKind, Scalar]] = []
    for name, value in metadata.items():
        members = cast(Sequence[Scalar], value if isinstance(value, list | tuple) else [value])
        rows.extend((name, *_indexed(member)) for member in members if _is_indexable(member))
    return rows


def _is_indexable(value: Scalar | None) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _indexed(value: Scalar) -> tuple[FieldKind, Scalar]:
    kind = kind_of(value)
    if isinstance(value, str):
        return kind, normalise_date(value) or value
    # SQLite's integers have 64 bits; a larger one is compared as the nearest float.
    return kind, float(value) if abs(value) >= 2**63 else value


def _remove(db: apsw.Connection, collection: int, ids: Sequence[DocumentId]) -> int:
    removed = 0
    for document_id in ids:
        found = select_one(
            db,
            "SELECT id, chunks FROM document WHERE collection_id = ? AND document_id = ?",
            (collection, document_id),
        )
        if found is not None:
            removed += 1
            _remove_row(db, collection, *found)
    return removed


def _remove_row(db: apsw.Connection, collection: int, row: int, chunks: int) -> None:
    db.execute(
        "UPDATE field_kind SET documents = documents - 1 WHERE collection_id = ?"
        " AND (name, kind) IN (SELECT name, kind FROM field WHERE document = ?)",
        (collection, row),
    )
    db.execute("DELETE FROM field_kind WHERE collection_id = ? AND documents = 0", (collection,))
    db.execute("DELETE FROM field WHERE document = ?", (row,))
    db.execute(
        "DELETE FROM vector WHERE chunk IN (SELECT id FROM chunk WHERE document = ?)", (row,)
    )
    db.execute("DELETE FROM chunk WHERE document = ?", (row,))
    db.execute("DELETE FROM document WHERE id = ?", (row,))
    db.execute(
        "UPDATE collection SET documents = documents - 1, chunks = chunks - ? WHERE id = ?",
        (chunks, collection),
    )


def _touch(db: apsw.Connection, collection: int) -> None:
    db.execute("UPDATE collection SET generation = generation + 1 WHERE id = ?", (collection,))


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _migrate(db: apsw.Connection) -> None:
    version = int(db.pragma("user_version"))
    scripts = sorted(
        (int(script.name.split("_")[0]), script)
        for script in files("bedplate.state").joinpath("migrations").iterdir()
        if script.name.endswith(".sql")
    )
    newest = scripts[-1][0]
    if version > newest:
        raise StorageError(
            f"The catalog has schema {version}, newer than {newest}, the newest this version of "
            "Bedplate knows: upgrade Bedplate."
        )
    for number, script in scripts:
        if number > version:
            db.execute(script.read_text(encoding="utf-8"))
            db.execute(f"PRAGMA user_version = {number}")


@asynccontextmanager
async def open_sqlite_catalog(path: Path) -> AsyncGenerator[Catalog]:
    async with open_database(path) as database:
        await database.write(_migrate)
        yield SqliteCatalog(database)
