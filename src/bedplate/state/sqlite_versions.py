"""Versions of a collection in the SQLite catalog: copied row by row, put in place by their names."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import apsw

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.sqlite.database import Database, one_moment, select, select_one
from bedplate.state.collection import name_taken
from bedplate.state.documents import to_difference
from bedplate.state.protocol import Difference, Version
from bedplate.state.sqlite_collection import COLLECTION, find_collection, to_collection
from bedplate.state.sqlite_index import count_terms
from bedplate.state.sqlite_placements import placement_difference
from bedplate.state.sqlite_rows import remove
from bedplate.terms import TermVector

MISSING = """
SELECT d.document_id, d.chunks FROM document d
LEFT JOIN document o ON o.collection_id = ? AND o.document_id = d.document_id
WHERE d.collection_id = ? AND (o.id IS NULL OR o.sha256 <> d.sha256 OR o.updated_at <> d.updated_at)
ORDER BY d.document_id LIMIT ?
"""
SURPLUS = """
SELECT o.document_id FROM document o
WHERE o.collection_id = ? AND NOT EXISTS (
  SELECT 1 FROM document d WHERE d.collection_id = ? AND d.document_id = o.document_id
) ORDER BY o.document_id LIMIT ?
"""
SIZE = """
SELECT total(octet_length(v.embedding) + octet_length(v.terms) + octet_length(c.text)
             + ifnull(octet_length(t.vectors), 0))
FROM vector v JOIN chunk c ON c.id = v.chunk LEFT JOIN token t ON t.chunk = v.chunk
WHERE v.collection_id = ?
"""
COPIES = (
    """
INSERT INTO chunk (tenant_id, collection_id, document, ordinal, text, start, "end", page, heading,
  window_first, window_last)
SELECT tenant_id, :to, :new, ordinal, text, start, "end", page, heading, window_first, window_last
FROM chunk WHERE document = :old ORDER BY ordinal
""",
    """
INSERT INTO vector (chunk, tenant_id, collection_id, document, ordinal, embedding, terms)
SELECT n.id, v.tenant_id, :to, :new, v.ordinal, v.embedding, v.terms
FROM chunk c JOIN vector v ON v.chunk = c.id
JOIN chunk n ON n.document = :new AND n.ordinal = c.ordinal WHERE c.document = :old
""",
    """
INSERT INTO token (chunk, tenant_id, collection_id, width, vectors)
SELECT n.id, t.tenant_id, :to, t.width, t.vectors
FROM chunk c JOIN token t ON t.chunk = c.id
JOIN chunk n ON n.document = :new AND n.ordinal = c.ordinal WHERE c.document = :old
""",
    """
INSERT INTO field (tenant_id, collection_id, name, kind, value, document)
SELECT tenant_id, :to, name, kind, value, :new FROM field WHERE document = :old
""",
    """
INSERT INTO image (document, tenant_id, collection_id, embedder, embedding)
SELECT :new, tenant_id, :to, embedder, embedding FROM image WHERE document = :old
""",
    """
INSERT INTO field_kind (tenant_id, collection_id, name, kind, documents)
SELECT DISTINCT tenant_id, :to, name, kind, 1 FROM field WHERE document = :old
ON CONFLICT DO UPDATE SET documents = documents + 1
""",
    """
INSERT INTO profile (document, tenant_id, collection_id, text_sha256, signature, family, declared,
  stage, valid_from, dated_by, copies, series)
SELECT :new, tenant_id, :to, text_sha256, signature, family, declared,
  stage, valid_from, dated_by, copies, series FROM profile WHERE document = :old
""",
    """
INSERT INTO band (tenant_id, collection_id, key, document)
SELECT tenant_id, :to, key, :new FROM band WHERE document = :old
""",
    """
INSERT INTO quality (document, tenant_id, collection_id, language, characters, blocks, unreadable,
  repeated, encoding, repaired, unread, warnings, left_out)
SELECT :new, tenant_id, :to, language, characters, blocks, unreadable,
  repeated, encoding, repaired, unread, warnings, left_out FROM quality WHERE document = :old
""",
    """
INSERT INTO redaction (document, tenant_id, collection_id, type, count)
SELECT :new, tenant_id, :to, type, count FROM redaction WHERE document = :old
""",
    """
UPDATE collection SET documents = documents + 1,
  chunks = chunks + (SELECT chunks FROM document WHERE id = :new) WHERE id = :to
""",
)


class SqliteVersions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, scope: Scope) -> tuple[Version, ...]:
        def work(db: apsw.Connection) -> tuple[Version, ...]:
            find_collection(db, scope)
            below = f"{scope.collection}/"
            rows = select(
                db,
                f"{COLLECTION} WHERE tenant_id = ? AND substr(name, 1, ?) = ?"
                " AND instr(substr(name, ?), '/') = 0 ORDER BY created_at, id",
                (scope.tenant, len(below), below, len(below) + 1),
            )
            sizes = (select(db, SIZE, (row[-1],))[0][0] for row in rows)
            return tuple(
                Version(to_collection(db, row), int(size))
                for row, size in zip(rows, sizes, strict=True)
            )

        return await self._database.read(work)

    async def copy(self, scope: Scope, to: Scope, ids: Sequence[DocumentId]) -> None:
        def work(db: apsw.Connection) -> None:
            source, target = find_collection(db, scope), find_collection(db, to)
            remove(db, scope.tenant, target, ids)
            for document in ids:
                _copy(db, scope.tenant, source, target, document)
            db.execute("UPDATE collection SET generation = generation + 1 WHERE id = ?", (target,))

        await self._database.write(work)

    async def difference(self, scope: Scope, other: Scope, limit: int) -> Difference:
        def work(db: apsw.Connection) -> Difference:
            with one_moment(db):
                return _difference(db, scope, other, limit)

        return await self._database.read(work)

    async def rename(
        self,
        tenant: TenantId,
        names: Mapping[str, str],
        *,
        alike: tuple[Scope, Scope] | None = None,
    ) -> bool:
        now = datetime.now(UTC).isoformat()

        def work(db: apsw.Connection) -> bool:
            if alike is not None and _difference(db, *alike, 1):
                return False
            rows = {find_collection(db, Scope(tenant, old)): new for old, new in names.items()}
            made: dict[str, str] = {}
            for row in rows:
                ((name, created_at),) = select(
                    db, "SELECT name, created_at FROM collection WHERE id = ?", (row,)
                )
                made[name] = created_at
                # A name may be wanted by another of them: each steps aside first.
                db.execute("UPDATE collection SET name = key WHERE id = ?", (row,))
            for row, name in rows.items():
                if select(
                    db, "SELECT 1 FROM collection WHERE tenant_id = ? AND name = ?", (tenant, name)
                ):
                    raise name_taken(name)
                db.execute(
                    "UPDATE collection SET name = ?, created_at = ? WHERE id = ?",
                    (name, made.get(name, now), row),
                )
            return True

        return await self._database.write(work)

    async def rekey(self, scope: Scope, key: str, *, store: str) -> bool:
        def work(db: apsw.Connection) -> bool:
            collection = find_collection(db, scope)
            if placement_difference(db, collection, store, 1):
                return False
            db.execute(
                "UPDATE collection SET former_key = key, key = ? WHERE id = ?", (key, collection)
            )
            return True

        return await self._database.write(work)


def _difference(db: apsw.Connection, scope: Scope, other: Scope, limit: int) -> Difference:
    have, want = find_collection(db, other), find_collection(db, scope)
    missing = select(db, MISSING, (have, want, limit))
    surplus = select(db, SURPLUS, (have, want, limit))
    return to_difference(missing, surplus)


def _copy(
    db: apsw.Connection, tenant: TenantId, source: int, target: int, document: DocumentId
) -> None:
    old = select_one(
        db,
        "SELECT id FROM document WHERE collection_id = ? AND document_id = ?",
        (source, document),
    )
    if old is None:
        return
    db.execute(
        "INSERT INTO document (tenant_id, collection_id, document_id, title, source, media_type,"
        " sha256, origin, pages, chunks, metadata, updated_at) SELECT tenant_id, ?, document_id,"
        " title, source, media_type, sha256, origin, pages, chunks, metadata, updated_at"
        " FROM document WHERE id = ?",
        (target, old[0]),
    )
    values = {"to": target, "new": db.last_insert_rowid(), "old": old[0]}
    for statement in COPIES:
        db.execute(statement, values)
    texts = [
        TermVector.from_bytes(terms)
        for (terms,) in select(
            db,
            "SELECT v.terms FROM chunk c JOIN vector v ON v.chunk = c.id WHERE c.document = ?",
            (values["new"],),
        )
    ]
    count_terms(db, tenant, target, texts, 1)
