"""Entries as Pinecone's documents, one a passage, in batches that one request may carry.

The limits are those of the 2026-07 API: 1,000 documents and 2 MB a request, 2,048 sparse values,
40 KB of metadata (https://docs.pinecone.io/reference/api/database-limits/operation-limits).
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import Matrix
from bedplate.errors import TooLarge
from bedplate.state.protocol import Entry
from bedplate.stores.pinecone_filter import DOCUMENT, document_key, indexed_fields
from bedplate.terms import Weights, damped

DENSE = "dense"
SPARSE = "sparse"
CHUNK = "chunk"
ORDINAL = "ordinal"

MOST_RECORDS = 500
MOST_BYTES = 1_900_000
MOST_METADATA = 40_000
MOST_TERMS = 2_048
# At most "-1.2345678901234567e-05," and "4294967295,".
NUMBER_BYTES = 25
INDEX_BYTES = 11
# The names and punctuation around a record's parts, its own id, and its ordinal.
OTHER_BYTES = 200
SMALLEST = 1e-8

Record = dict[str, Any]


def batches(entries: Sequence[Entry], mean_terms: float) -> Iterator[list[Record]]:
    """TooLarge, before the first batch, names a document whose metadata does not fit."""
    kept = [(entry, *_fields(entry)) for entry in entries if entry.chunks]
    batch: list[Record] = []
    size = 0
    for entry, fields, metadata_bytes in kept:
        for chunk, vector, terms in zip(entry.chunks, entry.vectors, entry.terms, strict=True):
            record = {
                "_id": f"{fields[DOCUMENT]}#{chunk.ordinal}",
                DENSE: dense(vector),
                **fields,
                CHUNK: chunk.id,
                ORDINAL: chunk.ordinal,
            }
            more = metadata_bytes + len(vector) * NUMBER_BYTES
            sparse = sparse_values(terms.ids, damped(terms.counts, terms.length, mean_terms))
            if sparse is not None:
                record[SPARSE] = sparse
                more += len(sparse["indices"]) * (NUMBER_BYTES + INDEX_BYTES)
            if batch and (len(batch) == MOST_RECORDS or size + more > MOST_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(record)
            size += more
    if batch:
        yield batch


def _fields(entry: Entry) -> tuple[Record, int]:
    """What all records of a document share, and a bound of the bytes of one's metadata."""
    fields = {DOCUMENT: document_key(entry.document.id), **indexed_fields(entry.document.metadata)}
    size = _size(fields) + max(_size(chunk.id) for chunk in entry.chunks) + OTHER_BYTES
    if size > MOST_METADATA:
        raise TooLarge(
            f"The metadata of document {entry.document.id[:200]!r} takes {size:,} bytes in "
            f"Pinecone, which keeps {MOST_METADATA:,} a passage; give the document fewer or "
            "shorter values, or use another store."
        )
    return fields, size


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def dense(vector: Matrix) -> list[float]:
    """The vector as JSON. One of zeros, which Pinecone refuses, points nowhere in particular."""
    values: list[float] = vector.tolist()
    if not np.any(np.abs(vector) >= SMALLEST):
        values[0] = 1e-6
    return values


def sparse_values(ids: NDArray[np.uint32], weights: Weights) -> dict[str, Any] | None:
    """Terms of some weight, the heaviest where they are too many; None for none."""
    kept = np.flatnonzero(weights > 0)
    if len(kept) > MOST_TERMS:
        kept = np.sort(np.argsort(-weights, kind="stable")[:MOST_TERMS])
    if not len(kept):
        return None
    return {"indices": ids[kept].tolist(), "values": weights[kept].tolist()}
