"""The catalog in PostgreSQL. The tables are laid out, and explained, in `migrations_postgres/`.

Writes to one collection take turns on its row's lock; each is one transaction.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from bedplate.domain.facets import Facets
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Collection, Hit, Scope, StoredDocument
from bedplate.postgres.database import (
    Connection,
    Database,
    Row,
    execute,
    open_database,
    select,
    select_one,
)
from bedplate.postgres.sessions import PostgresSession, PostgresSessions
from bedplate.state.collection import check_embedder, new_key
from bedplate.state.documents import PAGE, to_document, to_hit, unknown_document, widened
from bedplate.state.original_rows import OriginalRows
from bedplate.state.originals import Originals
from bedplate.state.postgres_amendments import PostgresAmendments
from bedplate.state.postgres_collection import (
    COLLECTION,
    find_collection,
    locked,
    named_collection,
    read_collection,
    to_collection,
    writable_place,
)
from bedplate.state.postgres_facets import generation, read_facets
from bedplate.state.postgres_index import PostgresIndexRows, named
from bedplate.state.postgres_placements import PostgresPlacements
from bedplate.state.postgres_profiles import PostgresProfiles
from bedplate.state.postgres_rows import count_terms, insert, now, remove
from bedplate.state.postgres_schema import migrate
from bedplate.state.postgres_tables import PostgresTables
from bedplate.state.postgres_versions import PostgresVersions
from bedplate.state.profile_rows import keep
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
from bedplate.state.quality_rows import QualityRows, keep_quality
from bedplate.state.quarantine_rows import QuarantineRows
from bedplate.state.reading_rows import ReadingRows
from bedplate.state.source_items import SqlSourceDocuments, SqlSourceItems
from bedplate.state.source_state import SqlSourceLeases, SqlSources
from bedplate.state.sources import SourceDocuments, SourceItems, SourceLeases, Sources
from bedplate.state.unsent_rows import note_unsent

DOCUMENT = """
SELECT document_id, title, source, media_type, sha256, origin, chunks, pages, metadata, updated_at
FROM document WHERE collection_id = %s
"""
HIT = (
    'd.document_id, c.text, d.title, d.source, c.start, c."end", c.page, c.heading, d.metadata,'
    " d.id, c.window_first, c.window_last"
)
WINDOW = """
SELECT text, start, "end", page, heading FROM chunk
WHERE document = %s AND ordinal BETWEEN %s AND %s ORDER BY ordinal
"""
BY_DOCUMENT = (
    "unsent",
    "redaction",
    "quality",
    "band",
    "profile",
    "field",
    "image",
    "token",
    "posting",
    "vector",
    "chunk",
)
BY_COLLECTION = ("document", "field_kind", "term", "placement")


class PostgresCatalog:
    def __init__(self, database: Database) -> None:
        self.collections: Collections = PostgresCollections(database)
        self.documents: Documents = PostgresDocuments(database)
        self.index: IndexRows = PostgresIndexRows(database)
        self.profiles: Profiles = PostgresProfiles(database)
        self.quality: Qualities = QualityRows(PostgresSessions(database))
        self.amendments: Amendments = PostgresAmendments(database)
        self.quarantine: Quarantine = QuarantineRows(PostgresSessions(database))
        self.readings: Readings = ReadingRows(PostgresSessions(database))
        self.tables: Tables = PostgresTables(database)
        self.versions: Versions = PostgresVersions(database)
        self.placements: Placements = PostgresPlacements(database)
        sessions = PostgresSessions(database)
        self.sources: Sources = SqlSources(sessions)
        self.source_leases: SourceLeases = SqlSourceLeases(sessions)
        self.source_items: SourceItems = SqlSourceItems(sessions)
        self.source_documents: SourceDocuments = SqlSourceDocuments(sessions)
        self.originals: Originals = OriginalRows(sessions)
        self.pushes: Pushes = SqlPushes(sessions)
        self.pushed_rows: PushedRows = SqlPushedRows(sessions)


class PostgresCollections:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, *, embedder: str, dimensions: int) -> Collection:
        def work(db: Connection) -> Collection:
            # Looked up first: an attempt to insert uses up an id.
            if not named_collection(db, scope):
                execute(
                    db,
                    "INSERT INTO collection"
                    " (tenant_id, name, embedder, dimensions, created_at, key)"
                    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, name) DO NOTHING",
                    (scope.tenant, scope.collection, embedder, dimensions, now(), new_key(scope)),
                )
            return read_collection(db, scope)

        collection = await self._database.write(work)
        check_embedder(collection, embedder)
        return collection

    async def get(self, scope: Scope) -> Collection:
        return await self._database.read(lambda db: read_collection(db, scope))

    async def list(self, tenant: TenantId) -> tuple[Collection, ...]:
        def work(db: Connection) -> tuple[Collection, ...]:
            rows = select(
                db,
                f"{COLLECTION} WHERE c.tenant_id = %s AND strpos(c.name, '/') = 0 ORDER BY c.name",
                (tenant,),
            )
            return tuple(to_collection(row) for row in rows)

        return await self._database.read(work)

    async def drop(self, scope: Scope) -> None:
        def work(db: Connection) -> None:
            rows = list(locked(db, lambda: _with_versions(db, scope)))
            for table in BY_DOCUMENT:
                execute(
                    db,
                    f"DELETE FROM {table} WHERE document IN"  # noqa: S608
                    " (SELECT id FROM document WHERE collection_id = ANY(%s::bigint[]))",
                    (rows,),
                )
            for table in BY_COLLECTION:
                execute(
                    db,
                    f"DELETE FROM {table} WHERE collection_id = ANY(%s::bigint[])",  # noqa: S608
                    (rows,),
                )
            execute(db, "DELETE FROM collection WHERE id = ANY(%s::bigint[])", (rows,))

        await self._database.write(work)

    async def generation(self, scope: Scope) -> int:
        def work(db: Connection) -> int:
            return generation(db, scope, find_collection(db, scope))

        return await self._database.read(work)

    async def facets(self, scope: Scope, *, limit: int = 50_000) -> Facets:
        def work(db: Connection) -> Facets:
            return read_facets(db, scope, find_collection(db, scope), limit)

        return await self._database.read(work)


class PostgresDocuments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(
        self, scope: Scope, entries: Sequence[Entry], *, unsent: bool = False
    ) -> None:
        def work(db: Connection) -> None:
            place = writable_place(db, scope)
            _, gone = remove(db, place, [entry.document.id for entry in entries])
            insert(db, place, entries)
            keep(PostgresSession(db), place.tenant, place.collection, entries)
            keep_quality(PostgresSession(db), place.tenant, place.collection, entries)
            count_terms(db, place, [terms for entry in entries for terms in entry.terms], gone)
            if unsent:
                ids = [entry.document.id for entry in entries]
                note_unsent(PostgresSession(db), place.collection, ids)

        await self._database.write(work)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        def work(db: Connection) -> int:
            place = writable_place(db, scope)
            count, gone = remove(db, place, ids)
            if count:
                count_terms(db, place, [], gone)
            return count

        return await self._database.write(work)

    async def fingerprints(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, str]:
        def work(db: Connection) -> dict[DocumentId, str]:
            rows = select(
                db,
                "SELECT document_id, CASE WHEN u.document IS NULL THEN sha256 ELSE '' END"
                " FROM document d LEFT JOIN unsent u ON u.document = d.id"
                " WHERE d.collection_id = %s AND document_id = ANY(%s::text[])",
                (find_collection(db, scope), list(ids)),
            )
            return {DocumentId(document_id): str(sha256) for document_id, sha256 in rows}

        return await self._database.read(work)

    async def get(self, scope: Scope, document_id: DocumentId) -> StoredDocument:
        def work(db: Connection) -> StoredDocument:
            collection = find_collection(db, scope)
            row = select_one(db, f"{DOCUMENT} AND document_id = %s", (collection, document_id))
            if row is None:
                raise unknown_document(scope, document_id)
            return to_document(row, row[-1])

        return await self._database.read(work)

    async def list(
        self, scope: Scope, *, after: DocumentId | None, limit: int
    ) -> AsyncIterator[StoredDocument]:
        def work(db: Connection, last: str, count: int) -> tuple[StoredDocument, ...]:
            rows = select(
                db,
                f"{DOCUMENT} AND document_id > %s ORDER BY document_id LIMIT %s",
                (find_collection(db, scope), last, count),
            )
            return tuple(to_document(row, row[-1]) for row in rows)

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
        def work(db: Connection) -> tuple[Hit, ...]:
            find_collection(db, scope)
            found = named(
                db, scope, list(chunks), HIT,
                "JOIN chunk c ON c.document = d.id AND c.ordinal = wanted.ordinal",
            )  # fmt: skip
            return tuple(
                _hit(db, to_hit(chunk, chunks[chunk], row), row[-3:], wide=wide)
                for chunk, row in found
            )

        return await self._database.read(work)


def _hit(db: Connection, hit: Hit, window: Row, *, wide: bool) -> Hit:
    if not wide or window[1] is None:
        return hit
    return widened(hit, list(select(db, WINDOW, tuple(window))))


def _with_versions(db: Connection, scope: Scope) -> list[int]:
    versions = select(
        db,
        "SELECT id FROM collection WHERE tenant_id = %s AND starts_with(name, %s) ORDER BY id",
        (scope.tenant, f"{scope.collection}/"),
    )
    return [find_collection(db, scope), *(int(row) for (row,) in versions)]


@asynccontextmanager
async def open_postgres_catalog(dsn: str) -> AsyncGenerator[Catalog]:
    await asyncio.to_thread(migrate, dsn)
    async with open_database(dsn) as database:
        yield PostgresCatalog(database)
