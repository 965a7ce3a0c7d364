"""`memory`: the shipped fake. Plain loops over everything that was written, kept by this process.

It answers as the other stores must, slowly and obviously, which makes it the yardstick of the
contract suite and enough for a test without files.
"""

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.filters import (
    And,
    Comparison,
    Documents,
    Filter,
    Not,
    Or,
    Related,
    kind_of,
    normalise_date,
)
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.embedders.protocol import Matrix
from bedplate.state.protocol import Entry
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery
from bedplate.terms import K1, B, TermVector

ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


class MemoryOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MemoryStore:
    def __init__(self) -> None:
        self._scopes: dict[Scope, dict[DocumentId, Entry]] = {}

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=True, most_documents=10_000, compares=lambda _: True)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        kept = self._scopes.setdefault(scope, {})
        kept.update({entry.document.id: entry for entry in entries})

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        for document_id in ids:
            self._scopes.get(scope, {}).pop(document_id, None)

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        entries = list(self._scopes.get(scope, {}).values())
        rows = [
            (chunk.id, vector, terms, entry.document.metadata)
            for entry in entries
            for chunk, vector, terms in zip(entry.chunks, entry.vectors, entry.terms, strict=True)
        ]
        corpus = _Corpus([terms for _, _, terms, _ in rows], query.terms)
        candidates = [
            Candidate(chunk_id, _cosine(query.vector, vector), _bm25(query.terms, terms, corpus))
            for chunk_id, vector, terms, metadata in rows
            if query.filter is None or passes(document_of(chunk_id), metadata, query.filter)
        ]
        chosen: set[ChunkId] = set()
        if query.mode != "vector":
            matching = [c for c in candidates if c.bm25]
            chosen |= _top(matching, lambda c: c.bm25 or 0.0, query.limit)
        if query.mode != "keyword" and query.vector is not None:
            chosen |= _top(candidates, lambda c: c.cosine or 0.0, query.limit)
        found = tuple(c for c in candidates if c.chunk_id in chosen)
        vectors = {chunk_id: vector for chunk_id, vector, _, _ in rows}
        none = np.zeros((0, 0), dtype=np.float32)
        taken = np.stack([vectors[c.chunk_id] for c in found]) if found else none
        return Candidates(found, "exact", taken)

    async def settle(self, scope: Scope) -> None:
        """Nothing to do: there is no index."""

    async def drop(self, scope: Scope) -> None:
        self._scopes.pop(scope, None)


def document_of(chunk_id: ChunkId) -> DocumentId:
    return DocumentId(chunk_id.rpartition("#")[0])


def passes(document: DocumentId, metadata: Metadata, filter: Filter) -> bool:
    match filter:
        case And(clauses):
            return all(passes(document, metadata, clause) for clause in clauses)
        case Or(clauses):
            return any(passes(document, metadata, clause) for clause in clauses)
        case Not(clause):
            return not passes(document, metadata, clause)
        case Documents(ids):
            return document in ids
        case Related():
            raise AssertionError("a store without tables is given documents in their place")
        case Comparison():
            return _compare(metadata, filter)


def _compare(metadata: Metadata, test: Comparison) -> bool:
    typed = _values(metadata, test.field)
    values = [value for kind, value in typed if kind == test.kind]
    match test.operator:
        case "exists":
            return bool(typed) == bool(test.value)
        case "in" | "nin":
            members = test.value if isinstance(test.value, tuple) else (test.value,)
            return any(value in members for value in values) == (test.operator == "in")
        case "eq" | "ne":
            return (test.value in values) == (test.operator == "eq")
        case operator:
            return any(ORDERINGS[operator](value, test.value) for value in values)


def _values(metadata: Metadata, field: str) -> list[tuple[str, Scalar]]:
    value = metadata.get(field)
    members = value if isinstance(value, list | tuple) else [value]
    return [
        (kind_of(member), (normalise_date(member) or member) if isinstance(member, str) else member)
        for member in members
        if isinstance(member, str | int | float | bool)
    ]


def _cosine(query: Matrix | None, vector: Matrix) -> float | None:
    return None if query is None else float(np.dot(query, vector))


class _Corpus:
    """What BM25 asks of all passages together, for the terms of one query."""

    def __init__(self, rows: Sequence[TermVector], query: TermVector) -> None:
        self.mean = sum(row.length for row in rows) / len(rows) or 1.0 if rows else 1.0
        self.idf: dict[int, float] = {}
        for term in query.ids.tolist():
            frequency = sum(term in row.ids for row in rows)
            self.idf[term] = math.log1p((len(rows) - frequency + 0.5) / (frequency + 0.5))


def _bm25(query: TermVector, terms: TermVector, corpus: _Corpus) -> float:
    counts = dict(zip(terms.ids.tolist(), terms.counts.tolist(), strict=True))
    score = 0.0
    for term, weight in zip(query.ids.tolist(), query.counts.tolist(), strict=True):
        if term in counts:
            damping = K1 * (1 - B + B * terms.length / corpus.mean)
            score += weight * corpus.idf[term] * counts[term] * (K1 + 1) / (counts[term] + damping)
    return score


def _top(
    candidates: Sequence[Candidate], score: Callable[[Candidate], float], limit: int
) -> set[ChunkId]:
    ordered = sorted(candidates, key=lambda c: (-score(c), c.chunk_id))
    bound = score(ordered[limit - 1]) if len(ordered) > limit else -math.inf
    return {c.chunk_id for c in ordered[: 2 * limit] if score(c) >= bound}


@asynccontextmanager
async def open_memory_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    MemoryOptions.model_validate(dict(options))
    yield MemoryStore()
