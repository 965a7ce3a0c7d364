"""`pinecone`: Pinecone's serverless index, through its official client and its documents API.

One index holds everything. Its schema has a dense field (inner product of unit vectors) and a
sparse one, so one record a passage answers both legs, each in a search of its own; it is made at
the first write, whose vectors give its dimensions. A tenant's collection is a namespace, which
Pinecone stores apart from the others, and whose name is a digest of both names.

Pinecone applies writes some time after it has acknowledged them. A write here returns when a
search of the namespace reports the write's position in the log.

A document is replaced by writing its new passages over the old ones, then deleting the passages
beyond their number: a reader may see old and new ones side by side, and never a document that is
missing. A write that fails halfway is healed by the same write again.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pinecone import AsyncPinecone

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, NotFound
from bedplate.state.protocol import Entry
from bedplate.stores.pinecone_filter import (
    DOCUMENT,
    Condition,
    can_compare,
    digest,
    document_key,
    to_condition,
)
from bedplate.stores.pinecone_index import (
    Clause,
    Index,
    IndexLookup,
    Positions,
    by_terms,
    by_vector,
)
from bedplate.stores.pinecone_options import PineconeOptions
from bedplate.stores.pinecone_records import CHUNK, ORDINAL, batches, dense, sparse_values
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery

MOST_FOUND = 10_000
# A list in a condition holds no more.
MOST_DOCUMENTS = 10_000
DELETED_TOGETHER = 1_000


class PineconeStore:
    def __init__(self, lookup: IndexLookup, options: PineconeOptions) -> None:
        self._lookup = lookup
        self._options = options

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=False, most_documents=MOST_DOCUMENTS, compares=can_compare)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        latest = list({entry.document.id: entry for entry in entries}.values())
        widths = sorted({entry.vectors.shape[1] for entry in latest if entry.chunks})
        index = await self._lookup.find()
        if index is None:
            if not widths:
                return
            index = await self._lookup.create(widths[0])
        for width in widths:
            self._check_width(index, width)
        namespace = _namespace(scope)
        positions: Positions = []
        waiting = batches(latest, self._options.mean_terms)
        while batch := await asyncio.to_thread(next, waiting, None):
            positions += await index.upsert(namespace, batch)
        for start in range(0, len(latest), DELETED_TOGETHER):
            beyond = _beyond(latest[start : start + DELETED_TOGETHER])
            positions += await index.delete(namespace, beyond)
        await index.until_visible(namespace, positions)

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        index = await self._lookup.find()
        if index is None:
            return
        namespace = _namespace(scope)
        positions: Positions = []
        for start in range(0, len(ids), DELETED_TOGETHER):
            keys = [document_key(each) for each in ids[start : start + DELETED_TOGETHER]]
            positions += await index.delete(namespace, {DOCUMENT: {"$in": keys}})
        await index.until_visible(namespace, positions)

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        """Both legs at once. Their recall is "ann": Pinecone does not say what it compared."""
        index = await self._lookup.find()
        if index is None:
            return Candidates((), "exact")
        clauses = self._clauses(index, query)
        condition = None if query.filter is None else to_condition(query.filter)
        namespace = _namespace(scope)
        try:
            async with asyncio.TaskGroup() as tasks:
                legs = {
                    leg: tasks.create_task(_leg(index, namespace, clause, query.limit, condition))
                    for leg, clause in clauses.items()
                }
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        found = {leg: task.result() for leg, task in legs.items()}
        cosines = found.get("vector", {})
        # Every passage matches a vector to some degree; a term it has or has not.
        keywords = {chunk: score for chunk, score in found.get("keyword", {}).items() if score > 0}
        items = tuple(
            Candidate(chunk, cosines.get(chunk), keywords.get(chunk))
            for chunk in dict.fromkeys((*cosines, *keywords))
        )
        return Candidates(items, "ann" if items else "exact")

    async def settle(self, scope: Scope) -> None:
        """Nothing to do: Pinecone builds its index by itself."""

    async def drop(self, scope: Scope) -> None:
        """Deletes every record and leaves the namespace, empty.

        Were the namespace deleted too, its log would end, and a later write to the same name could
        not be told from an earlier one by its position.
        """
        index = await self._lookup.find()
        if index is None:
            return
        namespace = _namespace(scope)
        await index.until_visible(namespace, await index.delete(namespace, None))

    def _clauses(self, index: Index, query: StoreQuery) -> dict[str, Clause]:
        clauses: dict[str, Clause] = {}
        if query.mode != "keyword" and query.vector is not None:
            self._check_width(index, len(query.vector))
            clauses["vector"] = by_vector(dense(query.vector))
        if query.mode != "vector":
            weights = query.terms.counts.astype("float32")
            if query.idf is not None:
                weights = weights * query.idf
            if sparse := sparse_values(query.terms.ids, weights):
                clauses["keyword"] = by_terms(sparse)
        return clauses

    def _check_width(self, index: Index, width: int) -> None:
        if width != index.dimensions:
            raise Conflict(
                f"The Pinecone index {self._options.index!r} holds vectors of "
                f"{index.dimensions} dimensions, not {width}; name another index for another "
                "embedder."
            )


async def _leg(
    index: Index, namespace: str, clause: Clause, limit: int, condition: Condition | None
) -> Mapping[ChunkId, float]:
    """The best `limit`, and what ties with the last of them, up to twice as many."""
    limit = min(limit, MOST_FOUND)
    try:
        found = await index.search(namespace, clause, min(2 * limit, MOST_FOUND), condition)
    except NotFound:
        return {}
    scores = {ChunkId(str(each.get(CHUNK))): each.score or 0.0 for each in found.matches}
    ordered = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))
    least = scores[ordered[limit - 1]] if len(ordered) > limit else -math.inf
    return {chunk: scores[chunk] for chunk in ordered if scores[chunk] >= least}


def _namespace(scope: Scope) -> str:
    return f"bedplate-{digest(json.dumps([scope.tenant, scope.collection]))}"


def _beyond(entries: Sequence[Entry]) -> Condition:
    """The records of these documents beyond the passages that they have."""
    by_count: dict[int, list[str]] = {}
    for entry in entries:
        by_count.setdefault(len(entry.chunks), []).append(document_key(entry.document.id))
    parts: list[Condition] = [
        {"$and": [{DOCUMENT: {"$in": keys}}, {ORDINAL: {"$gte": count}}]}
        for count, keys in by_count.items()
    ]
    return parts[0] if len(parts) == 1 else {"$or": parts}


@asynccontextmanager
async def open_pinecone_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    """Asks for the index once, so that a wrong key or address fails here."""
    settings = PineconeOptions.model_validate(dict(options))
    async with AsyncExitStack() as resources:
        client = await resources.enter_async_context(
            AsyncPinecone(
                api_key=settings.api_key.get_secret_value(),
                host=settings.base_url,
                source_tag="bedplate",
                timeout=settings.seconds,
            )
        )
        lookup = IndexLookup(client, settings, resources)
        await lookup.find()
        yield PineconeStore(lookup, settings)
