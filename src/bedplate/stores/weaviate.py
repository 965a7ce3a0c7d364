"""`weaviate`: a Weaviate server of version 1.33 or later, by its official client (REST and gRPC).

One Weaviate collection holds everything. Each Bedplate collection of each tenant is a Weaviate
tenant of its own (https://docs.weaviate.io/weaviate/manage-collections/multi-tenancy), which is a
shard with its own vector index and its own term counts: searches of one scope never read another's,
vectors may have other lengths there, and dropping a collection drops a shard.

Weaviate nominates by cosine and by its own BM25 over the ids of the terms, written as words that no
tokeniser takes apart, both under the same filter, which it applies before ranking. Metadata are
opaque terms too; weaviate_filter.py says how.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from weaviate.classes.config import ConsistencyLevel
from weaviate.classes.query import Filter as Where
from weaviate.classes.query import MetadataQuery
from weaviate.collections.classes.filters import FilterReturn

from bedplate.domain.ids import DEFAULT_TENANT, ChunkId, DocumentId
from bedplate.domain.retrieval import Recall, Scope
from bedplate.embedders.protocol import Matrix
from bedplate.errors import Conflict, StorageError
from bedplate.state.protocol import Entry
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery
from bedplate.stores.weaviate_errors import Failures
from bedplate.stores.weaviate_filter import compares, compile_filter, of_documents
from bedplate.stores.weaviate_options import WeaviateOptions, check_version, make_client
from bedplate.stores.weaviate_schema import (
    CHUNK,
    ORDINAL,
    TERMS,
    VECTOR,
    Row,
    Rows,
    batches,
    open_collection,
    rows_of,
    tenant_of,
    words,
)
from bedplate.terms import TermVector

T = TypeVar("T")
Scored = Mapping[ChunkId, float]

MOST_DOCUMENTS = 10_000
# Weaviate's QUERY_MAXIMUM_RESULTS, unless it is told otherwise.
MOST_RESULTS = 10_000
DELETED_AT_ONCE = 500
INDEXING_PAUSE_SECONDS = 0.05


class WeaviateStore:
    """Writes are acknowledged by every replica, so that a search of any one of them sees them."""

    def __init__(self, rows: Rows, failures: Failures, options: WeaviateOptions) -> None:
        self._all = rows
        self._failures = failures
        self._options = options

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=False, most_documents=MOST_DOCUMENTS, compares=compares)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Write every chunk over what had its id, then delete the chunks a document lost.

        A search meanwhile may see some chunks as they were and some as they are, never none. If it
        fails half-way, the same call again completes it.
        """
        latest = list({entry.document.id: entry for entry in entries}.values())
        lengths = {int(entry.vectors.shape[1]) for entry in latest if entry.chunks}
        if lengths:
            await self._check_lengths(scope, lengths)
            waiting = batches(rows_of(latest), self._options.batch)
            while batch := await asyncio.to_thread(next, waiting, None):
                await self._insert(scope, batch)
        for group in _groups(latest, DELETED_AT_ONCE):
            await self._delete(scope, Where.any_of([_stale(entry) for entry in group]))
        if lengths:
            await self._indexed(scope)

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        for group in _groups(ids, DELETED_AT_ONCE):
            await self._delete(scope, of_documents(group))

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        rows = self._rows(scope)
        where = None
        if query.filter is not None:
            where = await asyncio.to_thread(compile_filter, query.filter)
        asked = None if query.mode == "vector" else _asked(query)
        vector = None if query.mode == "keyword" else query.vector
        try:
            async with asyncio.TaskGroup() as tasks:
                keyword = tasks.create_task(self._by_terms(rows, asked, where, query.limit))
                dense = tasks.create_task(self._by_vector(rows, vector, where, query.limit))
        except ExceptionGroup as group:
            error = group.exceptions[0]
            if isinstance(error, StorageError):
                if await self._is_unwritten(scope, error):
                    return Candidates((), "exact")
                if vector is not None:
                    await self._check_lengths(scope, {len(vector)})
            raise error from group
        bm25, cosine = keyword.result(), dense.result()
        found = [Candidate(name, cosine.get(name), bm25.get(name)) for name in {**cosine, **bm25}]
        approximate = vector is not None and self._options.index == "hnsw"
        recall: Recall = "ann" if approximate else "exact"
        return Candidates(tuple(found), recall)

    async def settle(self, scope: Scope) -> None:
        """Nothing to do: Weaviate keeps its index in shape by itself."""

    async def drop(self, scope: Scope) -> None:
        if await self._exists(scope):
            async with self._failures.calling("dropping a collection", self._options.seconds):
                await self._all.tenants.remove(tenant_of(scope))

    def _rows(self, scope: Scope) -> Rows:
        return self._all.with_tenant(tenant_of(scope))

    def _written(self, scope: Scope) -> Rows:
        return self._rows(scope).with_consistency_level(ConsistencyLevel.ALL)

    async def _exists(self, scope: Scope) -> bool:
        async with self._failures.calling("looking for a collection", self._options.seconds):
            return bool(await self._all.tenants.get_by_names([tenant_of(scope)]))

    async def _is_unwritten(self, scope: Scope, error: StorageError) -> bool:
        """Whether a call failed because the scope had no tenant: it has none before a write.

        The server says so in words only. It is asked where the words are others; they come first
        because by now another write may have made the tenant.
        """
        return "tenant not found" in error.message or not await self._exists(scope)

    async def _by_terms(
        self, rows: Rows, asked: str | None, where: FilterReturn | None, limit: int
    ) -> Scored:
        if not asked:
            return {}
        async with self._failures.calling("searching", self._options.seconds):
            found = await rows.query.bm25(
                asked,
                query_properties=[TERMS],
                limit=min(2 * limit, MOST_RESULTS),
                filters=where,
                return_metadata=MetadataQuery(score=True),
                return_properties=[CHUNK],
            )
        return _best([(_chunk(each), each.metadata.score or 0.0) for each in found.objects], limit)

    async def _by_vector(
        self, rows: Rows, vector: Matrix | None, where: FilterReturn | None, limit: int
    ) -> Scored:
        if vector is None:
            return {}
        async with self._failures.calling("searching", self._options.seconds):
            found = await rows.query.near_vector(
                cast(list[float], vector.tolist()),
                target_vector=VECTOR,
                limit=min(2 * limit, MOST_RESULTS),
                filters=where,
                return_metadata=MetadataQuery(distance=True),
                return_properties=[CHUNK],
            )
        return _best(
            [(_chunk(each), 1.0 - (each.metadata.distance or 0.0)) for each in found.objects], limit
        )

    async def _check_lengths(self, scope: Scope, lengths: set[int]) -> None:
        """Before anything is written, so that a wrong embedder changes nothing."""
        try:
            async with self._failures.calling("reading a vector", self._options.seconds):
                found = await self._rows(scope).query.fetch_objects(
                    limit=1, include_vector=[VECTOR], return_properties=[CHUNK]
                )
        except StorageError as error:
            if not await self._is_unwritten(scope, error):
                raise
            found = None
        there = {len(each.vector[VECTOR]) for each in found.objects} if found else set[int]()
        if len(there | lengths) > 1:
            held = f"holds vectors of {min(there)} dimensions" if there else "has no vectors yet"
            given = " and ".join(str(each) for each in sorted(lengths))
            raise Conflict(
                f"The collection {scope.collection!r} {held} and was given {given}; drop it and "
                "ingest again, or configure the embedder it was made with."
            )

    async def _insert(self, scope: Scope, batch: Sequence[Row]) -> None:
        doing = f"writing {len(batch)} passages"
        async with self._failures.calling(doing, self._options.seconds):
            done = await self._written(scope).data.insert_many(batch)
        if done.errors:
            raise self._failures.refused(doing, next(iter(done.errors.values())).message)

    async def _delete(self, scope: Scope, where: FilterReturn) -> None:
        """Until nothing is left: one call deletes no more than QUERY_MAXIMUM_RESULTS objects."""
        doing = "deleting passages"
        while True:
            try:
                async with self._failures.calling(doing, self._options.seconds):
                    done = await self._written(scope).data.delete_many(where)
            except StorageError as error:
                if not await self._is_unwritten(scope, error):
                    raise
                return
            if not done.matches:
                return
            if done.failed or not done.successful:
                raise self._failures.refused(doing, f"{done.failed} objects were not deleted")

    async def _indexed(self, scope: Scope) -> None:
        """Wait for vectors that a server with ASYNC_INDEXING has taken but cannot find yet."""
        async with self._failures.calling("indexing", self._options.seconds):
            config = self._rows(scope).config
            while any(shard.vector_queue_size for shard in await config.get_shards()):  # noqa: ASYNC110 - another process indexes
                await asyncio.sleep(INDEXING_PAUSE_SECONDS)


def _asked(query: StoreQuery) -> str:
    """The terms that the collection holds at all."""
    known = slice(None) if query.idf is None else query.idf > 0
    return words(TermVector(query.terms.ids[known], query.terms.counts[known]))


def _best(found: Sequence[tuple[ChunkId, float]], limit: int) -> Scored:
    """The `limit` highest, and those that tie with the last."""
    ordered = sorted(found, key=lambda each: (-each[1], each[0]))
    if len(ordered) <= limit:
        return dict(ordered)
    bound = ordered[limit - 1][1]
    return {name: score for name, score in ordered if score >= bound}


def _chunk(found: Any) -> ChunkId:
    return ChunkId(found.properties[CHUNK])


def _stale(entry: Entry) -> FilterReturn:
    """What the document had beyond its chunks of now."""
    document = of_documents([entry.document.id])
    if not entry.chunks:
        return document
    last = max(chunk.ordinal for chunk in entry.chunks)
    return Where.all_of([document, Where.by_property(ORDINAL).greater_than(last)])


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


@asynccontextmanager
async def open_weaviate_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    """See WeaviateOptions. The server is asked for its version, and the collection made, at once.

    Raises:
        ConfigError: no Weaviate, an old one, a wrong key, or a collection made for something else.
        Unavailable: nothing answers.
    """
    chosen = WeaviateOptions.model_validate(dict(options))
    failures = Failures(chosen.rest.geturl(), chosen.grpc.geturl(), chosen.secret)
    client = make_client(chosen)
    try:
        async with failures.opening(chosen.connect_seconds):
            await client.connect()
            meta = cast(Mapping[str, str], await client.get_meta())
            check_version(meta["version"], chosen.url)
            rows = await open_collection(
                client, chosen.collection, index=chosen.index, replicas=chosen.replicas
            )
            # The rest went by REST; this goes by gRPC.
            await rows.tenants.get_by_names([tenant_of(Scope(DEFAULT_TENANT, ""))])
        yield WeaviateStore(rows, failures, chosen)
    finally:
        await client.close()
