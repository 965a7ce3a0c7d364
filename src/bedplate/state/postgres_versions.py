"""Versions of a collection in PostgreSQL: copied by one statement, put in place by their names."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from psycopg.errors import UniqueViolation

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict
from bedplate.postgres.database import Connection, Database, execute, select, select_one
from bedplate.state.collection import name_taken
from bedplate.state.postgres_collection import (
    COLLECTION,
    find_collection,
    locked,
    locked_place,
    to_collection,
)
from bedplate.state.postgres_placements import placement_difference, read_difference
from bedplate.state.postgres_rows import Place, count_terms, remove
from bedplate.state.protocol import Difference, Version
from bedplate.terms import TermVector

# One statement, so that both halves are of one moment; those too many have no chunks.
DIFFERENCE = """
SELECT document_id, chunks FROM (
  (SELECT d.document_id, d.chunks FROM document d
   LEFT JOIN document o ON o.collection_id = %s AND o.document_id = d.document_id
   WHERE d.collection_id = %s
     AND (o.id IS NULL OR o.sha256 <> d.sha256 OR o.updated_at <> d.updated_at)
   ORDER BY d.document_id LIMIT %s)
  UNION ALL
  (SELECT o.document_id, NULL FROM document o
   WHERE o.collection_id = %s AND NOT EXISTS (
     SELECT FROM document d WHERE d.collection_id = %s AND d.document_id = o.document_id)
   ORDER BY o.document_id LIMIT %s)
) AS x ORDER BY document_id
"""
# As they are stored, without unpacking what the server has compressed.
SIZE = """
SELECT coalesce(sum(pg_column_size(v.embedding) + pg_column_size(p.terms)
  + pg_column_size(p.weights) + pg_column_size(c.text)
  + coalesce(pg_column_size(t.vectors), 0)), 0)::bigint
FROM vector v JOIN posting p USING (document, ordinal) JOIN chunk c USING (document, ordinal)
LEFT JOIN token t USING (document, ordinal) WHERE v.collection_id = %s
"""
# One statement, so that all of a document is of one moment, whoever writes to it meanwhile.
COPY = """
WITH original AS MATERIALIZED (
  SELECT id AS old, nextval('document_id_seq') AS new FROM document
  WHERE collection_id = %s AND document_id = ANY(%s::text[])
), copied AS (
  INSERT INTO document (id, tenant_id, collection_id, document_id, title, source, media_type,
    sha256, origin, pages, chunks, metadata, updated_at)
  SELECT new, tenant_id, %s, document_id, title, source, media_type, sha256, origin, pages, chunks,
    metadata, updated_at
  FROM original JOIN document ON id = old RETURNING chunks
), chunks AS (
  INSERT INTO chunk (tenant_id, document, ordinal, text, start, "end", page, heading, window_first,
    window_last)
  SELECT tenant_id, new, ordinal, text, start, "end", page, heading, window_first, window_last
  FROM original JOIN chunk ON document = old
), vectors AS (
  INSERT INTO vector (tenant_id, collection_id, document, ordinal, embedding)
  SELECT tenant_id, %s, new, ordinal, embedding FROM original JOIN vector ON document = old
), postings AS (
  INSERT INTO posting (tenant_id, collection_id, document, ordinal, terms, weights)
  SELECT tenant_id, %s, new, ordinal, terms, weights FROM original JOIN posting ON document = old
), tokens AS (
  INSERT INTO token (tenant_id, document, ordinal, width, vectors)
  SELECT tenant_id, new, ordinal, width, vectors FROM original JOIN token ON document = old
), images AS (
  INSERT INTO image (tenant_id, collection_id, document, embedder, embedding)
  SELECT tenant_id, %s, new, embedder, embedding FROM original JOIN image ON document = old
), profiles AS (
  INSERT INTO profile (document, tenant_id, collection_id, text_sha256, signature, family, declared,
    stage, valid_from, dated_by, copies, series)
  SELECT new, tenant_id, %s, text_sha256, signature, family, declared, stage, valid_from, dated_by,
    copies, series FROM original JOIN profile ON document = old RETURNING document
), bands AS (
  INSERT INTO band (tenant_id, collection_id, key, document)
  SELECT tenant_id, %s, key, new FROM original JOIN band ON document = old
), qualities AS (
  INSERT INTO quality (document, tenant_id, collection_id, language, characters, blocks, unreadable,
    repeated, encoding, repaired, unread, warnings, left_out)
  SELECT new, tenant_id, %s, language, characters, blocks, unreadable, repeated, encoding, repaired,
    unread, warnings, left_out FROM original JOIN quality ON document = old
), redactions AS (
  INSERT INTO redaction (document, tenant_id, collection_id, type, count)
  SELECT new, tenant_id, %s, type, count FROM original JOIN redaction ON document = old
), kinds AS (
  INSERT INTO field_kind (tenant_id, collection_id, name, digest, kind, documents)
  SELECT k.tenant_id, %s, k.name, k.digest, k.kind, count(DISTINCT f.document)
  FROM original JOIN field f ON f.document = old JOIN field_kind k ON k.id = f.kind GROUP BY k.id
  ON CONFLICT (collection_id, digest, kind)
  DO UPDATE SET documents = field_kind.documents + excluded.documents RETURNING id, digest, kind
), fields AS (
  INSERT INTO field (tenant_id, kind, document, number, string)
  SELECT f.tenant_id, n.id, new, f.number, f.string
  FROM original JOIN field f ON f.document = old JOIN field_kind k ON k.id = f.kind
  JOIN kinds n ON n.digest = k.digest AND n.kind = k.kind
)
SELECT count(*), coalesce(sum(chunks), 0) FROM copied
"""
TERMS = """
SELECT p.terms FROM document d JOIN posting p ON p.document = d.id
WHERE d.collection_id = %s AND d.document_id = ANY(%s::text[])
"""


class PostgresVersions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, scope: Scope) -> tuple[Version, ...]:
        def work(db: Connection) -> tuple[Version, ...]:
            find_collection(db, scope)
            below = f"{scope.collection}/"
            rows = select(
                db,
                f"{COLLECTION} WHERE c.tenant_id = %s AND starts_with(c.name, %s)"
                " AND strpos(substr(c.name, %s), '/') = 0 ORDER BY c.created_at, c.id",
                (scope.tenant, below, len(below) + 1),
            )
            return tuple(Version(to_collection(row), _size(db, int(row[0]))) for row in rows)

        return await self._database.read(work)

    async def copy(self, scope: Scope, to: Scope, ids: Sequence[DocumentId]) -> None:
        def work(db: Connection) -> None:
            place = locked_place(db, to)
            source = find_collection(db, scope)
            _, gone = remove(db, place, ids)
            came = _copy(db, source, place, ids)
            count_terms(db, place, came, gone)

        await self._database.write(work)

    async def difference(self, scope: Scope, other: Scope, limit: int) -> Difference:
        return await self._database.read(lambda db: _difference(db, scope, other, limit))

    async def rename(
        self,
        tenant: TenantId,
        names: Mapping[str, str],
        *,
        alike: tuple[Scope, Scope] | None = None,
    ) -> bool:
        scopes, now = [Scope(tenant, old) for old in names], datetime.now(UTC)

        def work(db: Connection) -> bool:
            locked(db, lambda: [find_collection(db, each) for each in (*scopes, *(alike or ()))])
            if alike is not None and _difference(db, *alike, 1):
                return False
            rows = [find_collection(db, each) for each in scopes]
            made: dict[str, datetime] = dict(
                select(
                    db,
                    "SELECT name, created_at FROM collection WHERE id = ANY(%s::bigint[])",
                    (rows,),
                )
            )
            # A name may be wanted by another of them: each steps aside first.
            execute(db, "UPDATE collection SET name = key WHERE id = ANY(%s::bigint[])", (rows,))
            for row, name in zip(rows, names.values(), strict=True):
                try:
                    execute(
                        db,
                        "UPDATE collection SET name = %s, created_at = %s WHERE id = %s",
                        (name, made.get(name, now), row),
                    )
                except UniqueViolation as error:
                    raise name_taken(name) from error
            return True

        return await self._database.write(work)

    async def rekey(self, scope: Scope, key: str, *, store: str) -> bool:
        def work(db: Connection) -> bool:
            collection = locked_place(db, scope).collection
            if placement_difference(db, collection, store, 1):
                return False
            execute(
                db,
                "UPDATE collection SET former_key = key, key = %s WHERE id = %s",
                (key, collection),
            )
            return True

        return await self._database.write(work)


def _size(db: Connection, collection: int) -> int:
    row = select_one(db, SIZE, (collection,))
    return int(row[0]) if row else 0


def _difference(db: Connection, scope: Scope, other: Scope, limit: int) -> Difference:
    have, want = find_collection(db, other), find_collection(db, scope)
    return read_difference(db, DIFFERENCE, (have, want, limit))


def _copy(db: Connection, source: int, place: Place, ids: Sequence[DocumentId]) -> list[TermVector]:
    """The terms of the chunks that came. Conflict where vectors have another length."""
    row = select_one(db, "SELECT dimensions FROM collection WHERE id = %s", (source,))
    if row is not None and row[0] != place.dimensions:
        raise Conflict(
            f"The vectors to copy have {row[0]} dimensions; the collection's have "
            f"{place.dimensions}."
        )
    to, names = place.collection, list(ids)
    row = select_one(db, COPY, (source, names, *[to] * 9))
    documents, chunks = row or (0, 0)
    execute(
        db,
        "UPDATE collection SET documents = documents + %s, chunks = chunks + %s WHERE id = %s",
        (documents, chunks, to),
    )
    return [TermVector.from_bytes(terms) for (terms,) in select(db, TERMS, (to, names))]
