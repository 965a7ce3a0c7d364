"""How documents stand in PostgreSQL's tables: put in, and taken out with all that belongs to them."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from pgvector import HalfVector

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.filters import FieldKind
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.errors import Conflict
from bedplate.postgres.database import Connection, execute, select
from bedplate.postgres.terms import weights
from bedplate.postgres.values import clean, clean_or_none, digest, exact, is_text
from bedplate.state.fields import field_values
from bedplate.state.postgres_images import insert_images
from bedplate.state.protocol import Entry
from bedplate.terms import TermVector


@dataclass(frozen=True, slots=True)
class Place:
    """A collection's row, locked by the transaction that writes to it."""

    collection: int
    tenant: TenantId
    dimensions: int


def insert(db: Connection, place: Place, entries: Sequence[Entry]) -> None:
    """Put in documents that are not there; one copy a table.

    Conflict where vectors are not of the collection's length: they would break every search.
    """
    for entry in entries:
        if entry.chunks and entry.vectors.shape[1] != place.dimensions:
            raise Conflict(
                f"The vectors of document {entry.document.id!r} have {entry.vectors.shape[1]} "
                f"dimensions; the collection's have {place.dimensions}."
            )
    rows = select(
        db, "SELECT nextval('document_id_seq') FROM generate_series(1, %s)", (len(entries),)
    )
    numbered = [(int(row[0]), entry) for row, entry in zip(rows, entries, strict=True)]
    chunks = [
        (document, chunk, vector, terms, late)
        for document, entry in numbered
        for chunk, vector, terms, late in zip(
            entry.chunks,
            entry.vectors,
            entry.terms,
            entry.tokens or [None] * len(entry.chunks),
            strict=True,
        )
    ]
    tenant, collection = place.tenant, place.collection
    _copy(
        db,
        "document (id, tenant_id, collection_id, document_id, title, source, media_type, sha256,"
        " origin, pages, chunks, metadata, updated_at)",
        "int8 text int8 text text text text text text int4 int4 text timestamptz",
        (_document_row(place, document, entry) for document, entry in numbered),
    )
    _copy(
        db,
        'chunk (tenant_id, document, ordinal, text, start, "end", page, heading, window_first,'
        " window_last)",
        "text int8 int4 text int4 int4 int4 text int4 int4",
        (
            (tenant, document, chunk.ordinal, clean(chunk.text), chunk.start, chunk.end,
             chunk.page, clean_or_none(chunk.heading), *(chunk.window or (None, None)))
            for document, chunk, _, _, _ in chunks
        ),
    )  # fmt: skip
    _copy(
        db,
        "vector (tenant_id, collection_id, document, ordinal, embedding)",
        "text int8 int8 int4 halfvec",
        (
            (tenant, collection, document, chunk.ordinal, HalfVector(vector))
            for document, chunk, vector, _, _ in chunks
        ),
    )
    _copy(
        db,
        "posting (tenant_id, collection_id, document, ordinal, terms, weights)",
        "text int8 int8 int4 bytea sparsevec",
        (
            (tenant, collection, document, chunk.ordinal, terms.to_bytes(), weights(terms))
            for document, chunk, _, terms, _ in chunks
        ),
    )
    _copy(
        db,
        "token (tenant_id, document, ordinal, width, vectors)",
        "text int8 int4 int4 bytea",
        (
            (tenant, document, chunk.ordinal, late.shape[1], late.tobytes())
            for document, chunk, _, _, late in chunks
            if late is not None
        ),
    )
    insert_images(db, tenant, collection, numbered)
    _insert_fields(db, place, [(document, entry.document.metadata) for document, entry in numbered])
    execute(
        db,
        "UPDATE collection SET documents = documents + %s, chunks = chunks + %s WHERE id = %s",
        (len(entries), len(chunks), collection),
    )


def _document_row(place: Place, row: int, entry: Entry) -> tuple[object, ...]:
    document = entry.document
    return (
        row, place.tenant, place.collection, document.id, clean(document.title),
        clean(document.source), clean(document.media_type), document.sha256,
        clean(document.origin), document.pages, len(entry.chunks),
        json.dumps(document.metadata, ensure_ascii=False), entry.updated_at or now(),
    )  # fmt: skip


def _copy(db: Connection, table: str, types: str, rows: Iterable[tuple[object, ...]]) -> None:
    with (
        db.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy,
    ):
        copy.set_types(types.split())
        for row in rows:
            copy.write_row(row)


def _insert_fields(db: Connection, place: Place, documents: Sequence[tuple[int, Metadata]]) -> None:
    # Each once, as they compare: 5 and 5.0 are one value.
    values = dict.fromkeys(
        (document, clean(name), *_stored(kind, value))
        for document, metadata in documents
        for name, kind, value in field_values(metadata)
    )
    counted: Counter[tuple[str, FieldKind]] = Counter(
        (name, kind) for _, name, kind in {row[:3] for row in values}
    )
    if not counted:
        return
    kinds: dict[tuple[str, FieldKind], int] = {}
    for (name, kind), count in sorted(counted.items()):
        found = select(
            db,
            "INSERT INTO field_kind (tenant_id, collection_id, name, digest, kind, documents)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (collection_id, digest, kind)"
            " DO UPDATE SET documents = field_kind.documents + excluded.documents RETURNING id",
            (place.tenant, place.collection, name, digest(name), kind, count),
        )
        kinds[name, kind] = int(found[0][0])
    _copy(
        db,
        "field (tenant_id, kind, document, number, string)",
        "text int8 int8 numeric text",
        (
            (place.tenant, kinds[name, kind], document, number, string)
            for document, name, kind, number, string in values
        ),
    )


def _stored(kind: FieldKind, value: Scalar) -> tuple[FieldKind, Decimal | None, str | None]:
    return (kind, None, clean(str(value))) if is_text(kind) else (kind, exact(value), None)


def remove(db: Connection, place: Place, ids: Sequence[DocumentId]) -> tuple[int, list[TermVector]]:
    """Delete documents; how many there were, and the terms of their chunks."""
    found = select(
        db,
        "SELECT id, chunks FROM document WHERE collection_id = %s AND document_id = ANY(%s::text[])",
        (place.collection, list(ids)),
    )
    if not found:
        return 0, []
    rows = [int(row[0]) for row in found]
    terms = select(db, "SELECT terms FROM posting WHERE document = ANY(%s::bigint[])", (rows,))
    execute(
        db,
        "UPDATE field_kind SET documents = documents - gone.count FROM (SELECT kind,"
        " count(DISTINCT document) FROM field WHERE document = ANY(%s::bigint[]) GROUP BY kind)"
        " AS gone WHERE field_kind.id = gone.kind",
        (rows,),
    )
    execute(
        db,
        "DELETE FROM field_kind WHERE collection_id = %s AND documents <= 0",
        (place.collection,),
    )
    execute(db, "DELETE FROM document WHERE id = ANY(%s::bigint[])", (rows,))
    execute(
        db,
        "UPDATE collection SET documents = documents - %s, chunks = chunks - %s WHERE id = %s",
        (len(rows), sum(int(row[1]) for row in found), place.collection),
    )
    return len(rows), [TermVector.from_bytes(row[0]) for row in terms]


def count_terms(
    db: Connection, place: Place, came: Iterable[TermVector], went: Iterable[TermVector]
) -> None:
    """Bring the collection's statistics up to the chunks that came and went."""
    counter: Counter[int] = Counter()
    length = 0
    for terms in came:
        counter.update(terms.ids.tolist())
        length += terms.length
    for terms in went:
        counter.subtract(terms.ids.tolist())
        length -= terms.length
    changes = sorted((term, count) for term, count in counter.items() if count)
    execute(
        db,
        "INSERT INTO term (tenant_id, collection_id, term, chunks) SELECT %s, %s, t, n"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS change (t, n)"
        " ON CONFLICT (collection_id, term) DO UPDATE SET chunks = term.chunks + excluded.chunks",
        (place.tenant, place.collection, [t for t, _ in changes], [n for _, n in changes]),
    )
    fewer = [term for term, count in changes if count < 0]
    execute(
        db,
        "DELETE FROM term WHERE collection_id = %s AND term = ANY(%s::bigint[]) AND chunks <= 0",
        (place.collection, fewer),
    )
    execute(
        db,
        "UPDATE collection SET length = length + %s, generation = generation + 1 WHERE id = %s",
        (length, place.collection),
    )


def now() -> datetime:
    return datetime.now(UTC)
