"""Quality as rows, in SQL that SQLite and PostgreSQL both read; parameters are written "?"."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.quality import Encoding, Quality, QualitySummary
from bedplate.domain.retrieval import Scope
from bedplate.errors import NotFound
from bedplate.sql import Row, Session, Sessions
from bedplate.state.protocol import Entry

COLUMNS = "language, characters, blocks, unreadable, repeated, encoding, repaired, unread, warnings, left_out"
COLLECTION = """
SELECT id, documents, chunks FROM collection WHERE (tenant_id = ? AND name = ?)
  OR (tenant_id = ? AND key = ?) OR (tenant_id = ? AND former_key = ?)
"""
ROWS = (
    "SELECT document_id, id FROM document WHERE collection_id = ? AND document_id IN (members(?))"
)
QUALITY = f"""
SELECT d.document_id, {COLUMNS} FROM document d JOIN quality q ON q.document = d.id
WHERE d.collection_id = ? AND d.document_id IN (members(?))
"""  # noqa: S608 - constants
REDACTIONS = """
SELECT d.document_id, r.type, r.count FROM document d JOIN redaction r ON r.document = d.id
WHERE d.collection_id = ? AND d.document_id IN (members(?)) ORDER BY r.type
"""
SUMS = """
SELECT count(*), coalesce(sum(characters), 0), coalesce(sum(unreadable * characters), 0),
  coalesce(sum(repeated * characters), 0), count(CASE WHEN repaired > 0 THEN 1 END),
  count(CASE WHEN warnings <> '[]' THEN 1 END), coalesce(sum(left_out), 0)
FROM quality WHERE collection_id = ?
"""
COPIES = """
SELECT count(*) - count(DISTINCT copies), count(*) - count(DISTINCT text_sha256)
FROM profile WHERE collection_id = ?
"""


class QualityRows:
    """Nothing is known of documents that came in before quality was kept."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def of(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, Quality]:
        def work(db: Session) -> dict[DocumentId, Quality]:
            found = _collection(db, scope)
            return {} if found is None else read_quality(db, int(found[0]), ids)

        return await self._sessions.read(work)

    async def summary(self, scope: Scope) -> QualitySummary:
        def work(db: Session) -> QualitySummary:
            found = _collection(db, scope)
            if found is None:
                raise NotFound(f"There is no collection {scope.collection!r}.", param="collection")
            return _summary(db, *found)

        return await self._sessions.read(work)


def keep_quality(db: Session, tenant: TenantId, collection: int, entries: Sequence[Entry]) -> None:
    """Keep that of documents that were just put in."""
    known = {entry.document.id: entry.quality for entry in entries if entry.quality is not None}
    if not known:
        return
    rows = {name: int(row) for name, row in db.select(ROWS, (collection, json.dumps([*known])))}
    db.execute_many(
        f"INSERT INTO quality (document, tenant_id, collection_id, {COLUMNS})"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(rows[name], tenant, collection, *_columns(each)) for name, each in known.items()],
    )
    db.execute_many(
        "INSERT INTO redaction (document, tenant_id, collection_id, type, count)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (rows[name], tenant, collection, kind, count)
            for name, each in known.items()
            for kind, count in each.redactions.items()
            if count
        ],
    )


def with_quality(db: Session, collection: int, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries with what is known of their documents' quality."""
    found = read_quality(db, collection, [entry.document.id for entry in entries])
    return tuple(replace(entry, quality=found.get(entry.document.id)) for entry in entries)


def read_quality(
    db: Session, collection: int, ids: Sequence[DocumentId]
) -> dict[DocumentId, Quality]:
    """Of those documents of which anything is known."""
    wanted = (collection, json.dumps([id for id in ids if "\0" not in id]))
    redactions: dict[str, dict[str, int]] = defaultdict(dict)
    for name, kind, count in db.select(REDACTIONS, wanted):
        redactions[name][kind] = int(count)
    return {
        DocumentId(name): _quality(columns, redactions.get(name, {}))
        for name, *columns in db.select(QUALITY, wanted)
    }


def _columns(quality: Quality) -> tuple[object, ...]:
    encoding = quality.encoding
    return (
        quality.language, quality.characters, quality.blocks, quality.unreadable, quality.repeated,
        encoding.guessed, encoding.repaired, encoding.unreadable,
        # In ASCII, as texts in PostgreSQL hold no zero character.
        json.dumps(quality.warnings),
        quality.left_out,
    )  # fmt: skip


def _quality(columns: Sequence[Any], redactions: dict[str, int]) -> Quality:
    language, characters, blocks, unreadable, repeated, *encoding, said, left_out = columns
    return Quality(
        language, characters, blocks, unreadable, repeated, Encoding(*encoding),
        tuple(json.loads(said)), redactions, left_out,
    )  # fmt: skip


def _collection(db: Session, scope: Scope) -> Row | None:
    rows = db.select(COLLECTION, (scope.tenant, scope.collection) * 3)
    return rows[0] if rows else None


def _summary(db: Session, collection: int, documents: int, chunks: int) -> QualitySummary:
    here = (collection,)
    measured, characters, unreadable, repeated, repaired, warned, left_out = db.select(SUMS, here)[
        0
    ]
    copies, exact = db.select(COPIES, here)[0]
    pages = db.select("SELECT coalesce(sum(pages), 0) FROM document WHERE collection_id = ?", here)
    redacted = db.select(
        "SELECT count(DISTINCT document) FROM redaction WHERE collection_id = ?", here
    )
    whole = int(characters) or 1
    return QualitySummary(
        documents=int(documents),
        measured=int(measured),
        pages=int(pages[0][0]),
        chunks=int(chunks),
        characters=int(characters),
        unreadable=round(float(unreadable) / whole, 4),
        repeated=round(float(repeated) / whole, 4),
        repaired=int(repaired),
        warned=int(warned),
        redacted=int(redacted[0][0]),
        left_out=int(left_out),
        copies=int(copies),
        exact_copies=int(exact),
        languages=_counted(db, "language", collection),
        encodings=_counted(db, "encoding", collection),
        redactions={
            str(kind): int(count)
            for kind, count in db.select(
                "SELECT type, sum(count) FROM redaction WHERE collection_id = ?"
                " GROUP BY type ORDER BY type",
                here,
            )
        },
    )


def _counted(db: Session, column: str, collection: int) -> dict[str, int]:
    rows = db.select(
        f"SELECT {column}, count(*) FROM quality WHERE collection_id = ?"  # noqa: S608
        f" AND {column} IS NOT NULL GROUP BY {column} ORDER BY count(*) DESC, {column}",
        (collection,),
    )
    return {str(value): int(count) for value, count in rows}
