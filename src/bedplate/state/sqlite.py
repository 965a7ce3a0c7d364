"""The catalog in one SQLite file. The tables are laid out, and explained, in `migrations/`."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import apsw

from bedplate.domain.facets import Facets
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Collection, Hit, Scope, StoredDocument
from bedplate.sqlite.database import (
    INDEX_CACHE_KIBIBYTES,
    Database,
    Row,
    one_moment,
    open_database,
    select,
    select_one,
)
from bedplate.sqlite.sessions import SqliteSession, SqliteSessions
from bedplate.state.collection import check_embedder, new_key
from bedplate.state.documents import PAGE, to_document, to_hit, unknown_document, widened
from bedplate.state.original_rows import OriginalRows
from bedplate.state.originals import Originals
from bedplate.state.protocol import (
    Amendments,
    Catalog,
    Collections,
    Documents,
    Entry,
    IndexRows,
    Placements,
    Profiles,
    Qualities,
    Quarantine,
    Readings,
    Tables,
    Versions,
)
from bedplate.state.push_rows import SqlPushes
from bedplate.state.pushed_rows import SqlPushedRows
from bedplate.state.pushes import PushedRows, Pushes
from bedplate.state.quality_rows import QualityRows
from bedplate.state.quarantine_rows import QuarantineRows
from bedplate.state.reading_rows import ReadingRows
from bedplate.state.source_items import SqlSourceDocuments, SqlSourceItems
from bedplate.state.source_state import SqlSourceLeases, SqlSources
from bedplate.state.sources import SourceDocuments, SourceItems, SourceLeases, Sources
from bedplate.state.sqlite_amendments import SqliteAmendments
from bedplate.state.sqlite_collection import (
    COLLECTION,
    find_collection,
    read_collection,
    to_collection,
    writable_collection,
)
from bedplate.state.sqlite_facets import generation, read_facets
from bedplate.state.sqlite_index import SqliteIndexRows
from bedplate.state.sqlite_placements import SqlitePlacements
from bedplate.state.sqlite_profiles import SqliteProfiles
from bedplate.state.sqlite_rows import now, put, remove
from bedplate.state.sqlite_schema import migrate
from bedplate.state.sqlite_tables import SqliteTables
from bedplate.state.sqlite_versions import SqliteVersions
from bedplate.state.unsent_rows import note_unsent

DOCUMENT = """
SELECT document_id, title, source, media_type, sha256, origin, chunks, pages, metadata, updated_at
FROM document
"""
HIT = """
SELECT d.document_id, c.text, d.title, d.source, c.start, c."end", c.page, c.heading, d.metadata,
  d.id, c.window_first, c.window_last
FROM document d JOIN chunk c ON c.document = d.id
WHERE d.collection_id = ? AND d.tenant_id = ? AND d.document_id = ? AND c.ordinal = ?
"""
WINDOW = """
SELECT text, start, "end", page, heading FROM chunk
WHERE document = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal
"""
TABLES = ("unsent", "redaction", "quality", "band", "profile", "field", "field_kind", "image", "vector", "token", "term", "chunk", "document", "removed",
          "placement")  # fmt: skip


class SqliteCatalog:
    def __init__(self, database: Database) -> None:
        self.collections: Collections = SqliteCollections(database)
        self.documents: Documents = SqliteDocuments(database)
        self.index: IndexRows = SqliteIndexRows(database)
        self.profiles: Profiles = SqliteProfiles(database)
        self.quality: Qualities = QualityRows(SqliteSessions(database))
        self.amendments: Amendments = SqliteAmendments(database)
        self.quarantine: Quarantine = QuarantineRows(SqliteSessions(database))
        self.readings: Readings = ReadingRows(SqliteSessions(database))
        self.tables: Tables = SqliteTables(database)
        self.versions: Versions = SqliteVersions(database)
        self.placements: Placements = SqlitePlacements(database)
        sessions = SqliteSessions(database)
        self.sources: Sources = SqlSources(sessions)
        self.source_leases: SourceLeases = SqlSourceLeases(sessions)
        self.source_items: SourceItems = SqlSourceItems(sessions)
        self.source_documents: SourceDocuments = SqlSourceDocuments(sessions)
        self.originals: Originals = OriginalRows(sessions)
        self.pushes: Pushes = SqlPushes(sessions)
        self.pushed_rows: PushedRows = SqlPushedRows(sessions)


class SqliteCollections:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, *, embedder: str, dimensions: int) -> Collection:
        def work(db: apsw.Connection) -> Collection:
            db.execute(
                "INSERT INTO collection (tenant_id, name, embedder, dimensions, created_at, key)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (scope.tenant, scope.collection, embedder, dimensions, now(), new_key(scope)),
            )
            return read_collection(db, scope)

        collection = await self._database.write(work)
        check_embedder(collection, embedder)
        return collection

    async def get(self, scope: Scope) -> Collection:
        return await self._database.read(lambda db: read_collection(db, scope))

    async def list(self, tenant: TenantId) -> tuple[Collection, ...]:
        def work(db: apsw.Connection) -> tuple[Collection, ...]:
            rows = select(
                db,
                f"{COLLECTION} WHERE tenant_id = ? AND instr(name, '/') = 0 ORDER BY name",
                (tenant,),
            )
            return tuple(to_collection(db, row) for row in rows)

        return await self._database.read(work)

    async def drop(self, scope: Scope) -> None:
        def work(db: apsw.Connection) -> None:
            collection = find_collection(db, scope)
            below = f"{scope.collection}/"
            versions = select(
                db,
                "SELECT id FROM collection WHERE tenant_id = ? AND substr(name, 1, ?) = ?",
                (scope.tenant, len(below), below),
            )
            for row in (collection, *(int(version) for (version,) in versions)):
                for table in TABLES:
                    db.execute(f"DELETE FROM {table} WHERE collection_id = ?", (row,))  # noqa: S608
                db.execute("DELETE FROM collection WHERE id = ?", (row,))

        await self._database.write(work)

    async def generation(self, scope: Scope) -> int:
        def work(db: apsw.Connection) -> int:
            return generation(db, find_collection(db, scope))

        return await self._database.read(work)

    async def facets(self, scope: Scope, *, limit: int = 50_000) -> Facets:
        def work(db: apsw.Connection) -> Facets:
            return read_facets(db, scope, find_collection(db, scope), limit)

        return await self._database.read(work)


class SqliteDocuments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(
        self, scope: Scope, entries: Sequence[Entry], *, unsent: bool = False
    ) -> None:
        def work(db: apsw.Connection) -> None:
            collection = writable_collection(db, scope)
            put(db, scope.tenant, collection, entries)
            if unsent:
                note_unsent(SqliteSession(db), collection, [each.document.id for each in entries])

        await self._database.write(work)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        def work(db: apsw.Connection) -> int:
            collection = writable_collection(db, scope)
            count = remove(db, scope.tenant, collection, ids)
            if count:
                _touch(db, collection)
            return count

        return await self._database.write(work)

    async def fingerprints(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, str]:
        def work(db: apsw.Connection) -> dict[DocumentId, str]:
            rows = select(
                db,
                "SELECT document_id, CASE WHEN u.document IS NULL THEN sha256 ELSE '' END"
                " FROM document d LEFT JOIN unsent u ON u.document = d.id"
                " WHERE d.collection_id = ?"
                " AND document_id IN (SELECT value FROM json_each(?))",
                (find_collection(db, scope), json.dumps(ids)),
            )
            return {DocumentId(document_id): str(sha256) for document_id, sha256 in rows}

        return await self._database.read(work)

    async def get(self, scope: Scope, document_id: DocumentId) -> StoredDocument:
        def work(db: apsw.Connection) -> StoredDocument:
            row = select_one(
                db,
                f"{DOCUMENT} WHERE collection_id = ? AND document_id = ?",
                (find_collection(db, scope), document_id),
            )
            if row is None:
                raise unknown_document(scope, document_id)
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
                (find_collection(db, scope), last, count),
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

    async def hits(
        self, scope: Scope, chunks: Mapping[ChunkId, float], *, wide: bool = False
    ) -> tuple[Hit, ...]:
        def work(db: apsw.Connection) -> tuple[Hit, ...]:
            found: list[Hit] = []
            with one_moment(db):
                collection = find_collection(db, scope)
                for chunk_id, score in chunks.items():
                    document_id, _, ordinal = chunk_id.rpartition("#")
                    row = select_one(db, HIT, (collection, scope.tenant, document_id, ordinal))
                    if row is None:
                        continue
                    *row, document, first, last = row
                    hit = to_hit(chunk_id, score, row)
                    if wide and first is not None:
                        hit = widened(hit, list(select(db, WINDOW, (document, first, last))))
                    found.append(hit)
            return tuple(found)

        return await self._database.read(work)


def _to_document(row: Row) -> StoredDocument:
    return to_document(row, datetime.fromisoformat(row[-1]))


def _touch(db: apsw.Connection, collection: int) -> None:
    db.execute("UPDATE collection SET generation = generation + 1 WHERE id = ?", (collection,))


@asynccontextmanager
async def open_sqlite_catalog(path: Path) -> AsyncGenerator[Catalog]:
    async with open_database(path, cache_kibibytes=INDEX_CACHE_KIBIBYTES) as database:
        await database.write(migrate)
        yield SqliteCatalog(database)
