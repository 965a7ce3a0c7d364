"""The catalog in PostgreSQL. The tables are laid out, and explained, in `migrations_postgres/`.

Writes to one collection take turns on its row's lock; each is one transaction.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import cast

from bedplate.domain.facets import Facets
from bedplate.domain.filters import FieldKind
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Collection, Hit, Scope, StoredDocument
from bedplate.errors import Conflict, NotFound
from bedplate.postgres.database import (
    Connection,
    Database,
    Row,
    execute,
    open_database,
    select,
    select_one,
)
from bedplate.state.postgres_facets import generation, read_facets
from bedplate.state.postgres_index import PostgresIndexRows, named
from bedplate.state.postgres_profiles import PostgresProfiles
from bedplate.state.postgres_rows import Place, count_terms, insert, now, remove
from bedplate.state.postgres_schema import migrate
from bedplate.state.postgres_session import PostgresSession, PostgresSessions
from bedplate.state.postgres_tables import PostgresTables
from bedplate.state.postgres_versions import PostgresPlacements, PostgresVersions
from bedplate.state.profile_rows import keep
from bedplate.state.protocol import (
    Catalog,
    Collections,
    Documents,
    Entry,
    IndexRows,
    Placements,
    Profiles,
    Quarantine,
    Tables,
    Versions,
)
from bedplate.state.quarantine_rows import QuarantineRows

COLLECTION = """
SELECT c.tenant_id, c.name, c.embedder, c.dimensions, c.created_at, c.documents, c.chunks,
  (SELECT array_agg(ARRAY[k.name, k.kind] ORDER BY k.name, k.kind) FROM field_kind k
   WHERE k.collection_id = c.id)
FROM collection c WHERE c.tenant_id = %s
"""
DOCUMENT = """
SELECT document_id, title, source, media_type, sha256, origin, chunks, updated_at, pages, metadata
FROM document WHERE collection_id = %s
"""
HIT = 'd.document_id, c.text, d.title, d.source, c.start, c."end", c.page, c.heading, d.metadata'
PAGE = 500
BY_DOCUMENT = ("band", "profile", "field", "token", "posting", "vector", "chunk")
BY_COLLECTION = ("document", "field_kind", "term")


class PostgresCatalog:
    def __init__(self, database: Database) -> None:
        self.collections: Collections = PostgresCollections(database)
        self.documents: Documents = PostgresDocuments(database)
        self.index: IndexRows = PostgresIndexRows(database)
        self.profiles: Profiles = PostgresProfiles(database)
        self.quarantine: Quarantine = QuarantineRows(PostgresSessions(database))
        self.tables: Tables = PostgresTables(database)
        self.versions: Versions = PostgresVersions()
        self.placements: Placements = PostgresPlacements()


class PostgresCollections:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, *, embedder: str, dimensions: int) -> Collection:
        def work(db: Connection) -> Collection:
            # Looked up first: an attempt to insert uses up an id.
            if not select(db, f"{COLLECTION} AND c.name = %s", (scope.tenant, scope.collection)):
                execute(
                    db,
                    "INSERT INTO collection (tenant_id, name, embedder, dimensions, created_at)"
                    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (tenant_id, name) DO NOTHING",
                    (scope.tenant, scope.collection, embedder, dimensions, now()),
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
        def work(db: Connection) -> tuple[Collection, ...]:
            rows = select(db, f"{COLLECTION} ORDER BY c.name", (tenant,))
            return tuple(_to_collection(row) for row in rows)

        return await self._database.read(work)

    async def drop(self, scope: Scope) -> None:
        def work(db: Connection) -> None:
            collection = _locked(db, scope).collection
            for table in BY_DOCUMENT:
                execute(
                    db,
                    f"DELETE FROM {table} WHERE document IN"  # noqa: S608
                    " (SELECT id FROM document WHERE collection_id = %s)",
                    (collection,),
                )
            for table in BY_COLLECTION:
                execute(db, f"DELETE FROM {table} WHERE collection_id = %s", (collection,))  # noqa: S608
            execute(db, "DELETE FROM collection WHERE id = %s", (collection,))

        await self._database.write(work)

    async def generation(self, scope: Scope) -> int:
        def work(db: Connection) -> int:
            return generation(db, scope, _collection_id(db, scope))

        return await self._database.read(work)

    async def facets(self, scope: Scope, *, limit: int = 50_000) -> Facets:
        def work(db: Connection) -> Facets:
            return read_facets(db, scope, _collection_id(db, scope), limit)

        return await self._database.read(work)


class PostgresDocuments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, scope: Scope, entries: Sequence[Entry]) -> None:
        def work(db: Connection) -> None:
            place = _locked(db, scope)
            _, gone = remove(db, place, [entry.document.id for entry in entries])
            insert(db, place, entries)
            keep(PostgresSession(db), place.tenant, place.collection, entries)
            count_terms(db, place, [terms for entry in entries for terms in entry.terms], gone)

        await self._database.write(work)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        def work(db: Connection) -> int:
            place = _locked(db, scope)
            count, gone = remove(db, place, ids)
            if count:
                count_terms(db, place, [], gone)
            return count

        return await self._database.write(work)

    async def fingerprints(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, str]:
        def work(db: Connection) -> dict[DocumentId, str]:
            rows = select(
                db,
                "SELECT document_id, sha256 FROM document WHERE collection_id = %s"
                " AND document_id = ANY(%s::text[])",
                (_collection_id(db, scope), list(ids)),
            )
            return {DocumentId(document_id): str(sha256) for document_id, sha256 in rows}

        return await self._database.read(work)

    async def get(self, scope: Scope, document_id: DocumentId) -> StoredDocument:
        def work(db: Connection) -> StoredDocument:
            collection = _collection_id(db, scope)
            row = select_one(db, f"{DOCUMENT} AND document_id = %s", (collection, document_id))
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
        def work(db: Connection, last: str, count: int) -> tuple[StoredDocument, ...]:
            rows = select(
                db,
                f"{DOCUMENT} AND document_id > %s ORDER BY document_id LIMIT %s",
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
        def work(db: Connection) -> tuple[Hit, ...]:
            _collection_id(db, scope)
            found = named(
                db, scope, list(chunks), HIT,
                "JOIN chunk c ON c.document = d.id AND c.ordinal = wanted.ordinal",
            )  # fmt: skip
            return tuple(_to_hit(chunk, chunks[chunk], row) for chunk, row in found)

        return await self._database.read(work)


def _locked(db: Connection, scope: Scope) -> Place:
    """The collection, while other writers wait until this transaction ends."""
    collection = _collection_id(db, scope)
    row = select_one(
        db, "SELECT dimensions FROM collection WHERE id = %s FOR UPDATE", (collection,)
    )
    # Gone while this writer waited: said as of any that is not there.
    return _locked(db, scope) if row is None else Place(collection, scope.tenant, int(row[0]))


def _collection_id(db: Connection, scope: Scope) -> int:
    row = select_one(
        db,
        "SELECT id FROM collection WHERE tenant_id = %s AND name = %s",
        (scope.tenant, scope.collection),
    )
    if row is None:
        rows = select(
            db, "SELECT name FROM collection WHERE tenant_id = %s ORDER BY name", (scope.tenant,)
        )
        names = [str(name) for (name,) in rows]
        near = get_close_matches(scope.collection, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise NotFound(
            f"There is no collection {scope.collection!r}.{hint} "
            f"Known: {', '.join(names) or 'none; ingest some documents first'}.",
            param="collection",
        )
    return int(row[0])


def _collection(db: Connection, scope: Scope) -> Collection:
    row = select_one(db, f"{COLLECTION} AND c.name = %s", (scope.tenant, scope.collection))
    if row is None:
        _collection_id(db, scope)
        return _collection(db, scope)
    return _to_collection(row)


def _to_collection(row: Row) -> Collection:
    tenant, name, embedder, dimensions, created_at, documents, chunks, kinds = row
    fields: dict[str, frozenset[FieldKind]] = {}
    for field, kind in cast(list[tuple[str, FieldKind]], kinds or []):
        fields[field] = frozenset[FieldKind]([*fields.get(field, ()), kind])
    return Collection(
        tenant=TenantId(tenant),
        name=name,
        embedder=embedder,
        dimensions=dimensions,
        created_at=created_at,
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
        updated_at=row[7],
        pages=row[8],
        metadata=json.loads(row[9]),
    )


def _to_hit(chunk_id: ChunkId, score: float, row: Row) -> Hit:
    return Hit(
        document_id=DocumentId(row[0]),
        chunk_id=chunk_id,
        score=score,
        text=row[1],
        title=row[2],
        source=row[3],
        start=row[4],
        end=row[5],
        page=row[6],
        heading=row[7],
        metadata=json.loads(row[8]),
    )


@asynccontextmanager
async def open_postgres_catalog(dsn: str) -> AsyncGenerator[Catalog]:
    await asyncio.to_thread(migrate, dsn)
    async with open_database(dsn) as database:
        yield PostgresCatalog(database)
