"""`qdrant`: a Qdrant server, local or in the cloud, over its REST API (https://api.qdrant.tech).

One Qdrant collection holds every tenant and every collection, as Qdrant advises
(https://qdrant.tech/documentation/guides/multitenancy/): each point names both, and every request
filters by both. A point is a chunk, with its vector, its terms as a sparse vector, and what filters
ask for; its text stays in the catalog.
"""

import asyncio
import json
import math
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from qdrant_client import AsyncQdrantClient, models

from bedplate.domain.documents import Chunk
from bedplate.domain.filters import Comparison
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.embedders.protocol import Matrix
from bedplate.errors import InvalidInput, NotFound
from bedplate.state.protocol import Entry
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery
from bedplate.stores.qdrant_collection import DENSE, SPARSE, QdrantCollection
from bedplate.stores.qdrant_errors import Failures
from bedplate.stores.qdrant_filter import (
    CHUNK,
    COLLECTION,
    DOCUMENT,
    RANGES,
    TENANT,
    compile_filter,
    fields_payload,
    in_documents,
    is_exact,
    range_key,
    range_keys,
)
from bedplate.terms import TermVector, damped
from bedplate.upstream.options import ApiKey, BaseUrl

MOST_DOCUMENTS = 10_000
GROUP = 1000
"""Points, and documents, whose left-overs one request removes."""

COUNT_SECONDS = 30.0
COUNTED_SCOPES = 4096
CONNECTIONS = 64
NAMESPACE = uuid.UUID("6f0d3c5e-6a0b-5d0c-9b51-0d2c1f9f2a77")


class QdrantOptions(BaseModel):
    """Options of the qdrant store.

    `exact_points` bounds a comparison of every vector: up to so many in a collection, or passing a
    filter. `mean_terms` stands in for the mean length of a chunk; it shapes nominations only.
    `range_fields` bounds the indexes for ranges of numbers and dates; the catalog looks up ranges
    over further fields. `consistency` is the read consistency of a replicated cluster.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: BaseUrl = "http://127.0.0.1:6333"
    api_key: ApiKey | None = None
    collection: str = Field(default="bedplate", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
    exact_points: int = Field(default=10_000, ge=0)
    mean_terms: float = Field(default=100.0, gt=0)
    batch_points: int = Field(default=100, ge=1, le=10_000)
    range_fields: int = Field(default=64, ge=0)
    seconds: float = Field(default=30.0, gt=0, le=3600)
    consistency: Literal["majority", "quorum", "all"] | None = None


class QdrantStore:
    def __init__(self, options: QdrantOptions, collection: QdrantCollection) -> None:
        self._options = options
        self._collection = collection
        self._counts: OrderedDict[Scope, tuple[int, float]] = OrderedDict()
        self._consistency = (
            models.ReadConsistencyType(options.consistency) if options.consistency else None
        )

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=False, most_documents=MOST_DOCUMENTS, compares=self._compares)

    def _compares(self, comparison: Comparison) -> bool:
        if comparison.operator not in RANGES:
            return True
        key = range_key(comparison.field, comparison.kind)
        return is_exact(comparison) and key in self._collection.ranges

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """A document's new chunks are written over its old ones, and then what it had more is
        removed: a reader meanwhile sees chunks of both, and never a document without any. A write
        that fails may leave it so until it is repeated, as may two writers of one document at once.
        """
        latest = list({entry.document.id: entry for entry in entries}.values())
        dimensions = {entry.vectors.shape[1] for entry in latest if entry.chunks}
        if len(dimensions) > 1:
            raise InvalidInput(
                f"vectors of one write have {sorted(dimensions)} dimensions, not one"
            )
        if dimensions:
            ranges = {key for entry in latest for key in range_keys(entry.document.metadata)}
            await self._collection.prepare(dimensions.pop(), ranges, self._options.range_fields)
        elif await self._collection.look() is None:
            return
        for group in _grouped(latest):
            await self._replace(scope, group)

    async def _replace(self, scope: Scope, entries: Sequence[Entry]) -> None:
        ids: list[str] = []
        rows = [(entry, row) for entry in entries for row in range(len(entry.chunks))]
        size = self._options.batch_points
        for start in range(0, len(rows), size):
            points = await asyncio.to_thread(self._points, scope, rows[start : start + size])
            await self._collection.upsert(points)
            ids += [str(point.id) for point in points]
        documents = [entry.document.id for entry in entries]
        await self._collection.delete(in_documents(scope, documents, but=ids))

    def _points(self, scope: Scope, rows: Sequence[tuple[Entry, int]]) -> list[models.PointStruct]:
        points: list[models.PointStruct] = []
        for entry, row in rows:
            chunk = entry.chunks[row]
            vectors = {DENSE: entry.vectors[row].tolist(), **self._sparse(entry.terms[row])}
            payload = {
                TENANT: scope.tenant,
                COLLECTION: scope.collection,
                DOCUMENT: entry.document.id,
                CHUNK: chunk.id,
                **fields_payload(entry.document.metadata),
            }
            point = models.PointStruct(id=point_id(scope, chunk), vector=vectors, payload=payload)
            points.append(point)
        return points

    def _sparse(self, terms: TermVector) -> dict[str, models.SparseVector]:
        if not len(terms.ids):
            return {}
        weights = damped(terms.counts, terms.length, self._options.mean_terms)
        return {SPARSE: models.SparseVector(indices=terms.ids.tolist(), values=weights.tolist())}

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        for start in range(0, len(ids), GROUP):
            await self._remove(in_documents(scope, ids[start : start + GROUP]))

    async def drop(self, scope: Scope) -> None:
        await self._remove(compile_filter(scope, None))

    async def _remove(self, filter: models.Filter) -> None:
        # No collection, nothing to remove.
        with suppress(NotFound):
            await self._collection.delete(filter)

    async def settle(self, scope: Scope) -> None:
        """Nothing to do: Qdrant's optimisers run by themselves."""

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        """Both legs in one request. Sparse vectors are always compared exactly, dense ones where
        the request says so.
        """
        try:
            return await self._search(scope, query)
        except NotFound:
            return Candidates((), "exact")

    async def _search(self, scope: Scope, query: StoreQuery) -> Candidates:
        form = await self._collection.form()
        if form is None:
            return Candidates((), "exact")
        filter = compile_filter(scope, query.filter)
        requests: list[models.QueryRequest] = []
        exact = True
        if query.mode != "keyword" and query.vector is not None:
            self._collection.check_dimensions(form, len(query.vector))
            exact = await self._few(scope, filter, filtered=query.filter is not None)
            requests.append(_dense(query.vector, filter, query.limit, exact=exact))
        terms = _asked(query) if query.mode != "vector" else None
        if terms is not None:
            requests.append(_leg(terms, SPARSE, filter, query.limit))
        if not requests:
            return Candidates((), "exact")
        answers = await self._collection.query(requests, self._consistency)
        scores: dict[str, dict[ChunkId, float]] = {DENSE: {}, SPARSE: {}}
        for request, answer in zip(requests, answers, strict=True):
            scores[request.using or DENSE] = _best(answer, query.limit)
        keyword = {chunk: score for chunk, score in scores[SPARSE].items() if score > 0}
        found = sorted(scores[DENSE].keys() | keyword.keys())
        items = [Candidate(chunk, scores[DENSE].get(chunk), keyword.get(chunk)) for chunk in found]
        return Candidates(tuple(items), "exact" if exact else "ann")

    async def _few(self, scope: Scope, filter: models.Filter, *, filtered: bool) -> bool:
        """Whether every vector that passes is compared.

        The answer is exact because the request asks for it, and not because of a count: counts may
        be estimates, or half a minute old.
        """
        most = self._options.exact_points
        if not most:
            return False
        if await self._count(scope) <= most:
            return True
        return filtered and await self._collection.estimate(filter) <= most

    async def _count(self, scope: Scope) -> int:
        now = asyncio.get_running_loop().time()
        count, seen = self._counts.get(scope, (0, -COUNT_SECONDS))
        if now - seen >= COUNT_SECONDS:
            count = await self._collection.estimate(compile_filter(scope, None))
            self._counts[scope] = count, now
            self._counts.move_to_end(scope)
            if len(self._counts) > COUNTED_SCOPES:
                self._counts.popitem(last=False)
        return count


def point_id(scope: Scope, chunk: Chunk) -> str:
    """The same for the same chunk, so that writing it again replaces it (UUIDv5, RFC 9562)."""
    return str(uuid.uuid5(NAMESPACE, json.dumps([scope.tenant, scope.collection, chunk.id])))


def _grouped(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Documents in their order, up to GROUP of them and about as many chunks at once."""
    group: list[Entry] = []
    chunks = 0
    for entry in entries:
        if group and (len(group) == GROUP or chunks + len(entry.chunks) > GROUP):
            yield group
            group, chunks = [], 0
        group.append(entry)
        chunks += len(entry.chunks)
    if group:
        yield group


def _asked(query: StoreQuery) -> models.SparseVector | None:
    """The query's side of BM25; a term that no chunk holds has no weight."""
    weights = query.terms.counts.astype(np.float32)
    if query.idf is not None:
        weights = weights * query.idf
    held = weights > 0
    if not held.any():
        return None
    return models.SparseVector(
        indices=query.terms.ids[held].tolist(), values=weights[held].tolist()
    )


def _dense(
    vector: Matrix, filter: models.Filter, limit: int, *, exact: bool
) -> models.QueryRequest:
    params = models.SearchParams(exact=True) if exact else None
    return _leg(vector.tolist(), DENSE, filter, limit, params)


def _leg(
    query: list[float] | models.SparseVector,
    using: str,
    filter: models.Filter,
    limit: int,
    params: models.SearchParams | None = None,
) -> models.QueryRequest:
    return models.QueryRequest(
        query=models.NearestQuery(nearest=query),
        using=using,
        filter=filter,
        params=params,
        # Twice as many, so that those which tie with the last are known.
        limit=2 * limit,
        with_payload=[CHUNK],
        with_vector=False,
    )


def _best(points: Sequence[models.ScoredPoint], limit: int) -> dict[ChunkId, float]:
    """The best `limit`, and those that tie with the last of them."""
    bound = points[limit - 1].score if len(points) > limit else -np.inf
    return {
        ChunkId(str((point.payload or {})[CHUNK])): point.score
        for point in points
        if point.score >= bound
    }


@asynccontextmanager
async def open_qdrant_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    """See QdrantOptions. The server is asked once: Unavailable if it does not answer, ConfigError
    if it refuses the key, is too old, or keeps something else in the collection.
    """
    chosen = QdrantOptions.model_validate(dict(options))
    key = chosen.api_key.get_secret_value() if chosen.api_key else ""
    client = AsyncQdrantClient(
        url=chosen.url,
        # Not `api_key`, which warns of every server that is reached without TLS.
        headers={"api-key": key} if key else None,
        timeout=math.ceil(chosen.seconds),
        pool_size=CONNECTIONS,
        check_compatibility=False,
        # The environment's proxies: config.py is the only reader of the environment.
        trust_env=False,
    )
    try:
        failures = Failures(chosen.url, key, chosen.seconds)
        collection = QdrantCollection(client, chosen.collection, failures, chosen.seconds)
        await collection.check_server()
        yield QdrantStore(chosen, collection)
    finally:
        await client.close()
