"""`milvus`: chunks in a Milvus server, which nominates; the ranking happens outside.

One Milvus collection, `<prefix>_<dimensions>`, holds the chunks of all tenants whose vectors have
that length: a server takes some thousands of collections, not one a tenant. Bedplate's tenant and
collection together are its partition key, and every call names them.

A document is replaced by writing its chunks over the former ones and then deleting what is left of
those. A reader may meet both for a moment; the catalog drops the ones that it does not have. Every
read asks for strong consistency.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, NotFound, StorageError
from bedplate.state.protocol import Entry
from bedplate.stores.facts import compares
from bedplate.stores.keys import document_key, scope_key
from bedplate.stores.milvus_calls import LITE, Calls, open_calls
from bedplate.stores.milvus_filter import expression, of_documents
from bedplate.stores.milvus_schema import MilvusOptions, asked_terms, indexes, rows, schema
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery

MOST_DOCUMENTS = 10_000
BATCH_ROWS = 500
BATCH_DOCUMENTS = 500
MAX_FOUND = 16_384
"""Most rows that Milvus returns of one search."""
ROUNDING = 1e-6
STRONG = {"consistency_level": "Strong"}

Found = dict[ChunkId, float]


class MilvusStore:
    def __init__(self, calls: Calls, options: MilvusOptions, *, lite: bool) -> None:
        self._calls = calls
        self._options = options
        self._lite = lite
        self._exact = lite or options.index == "FLAT"
        self._made: set[str] = set()
        self._making = asyncio.Lock()

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=False, most_documents=MOST_DOCUMENTS, compares=compares)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """See Store. InvalidInput, with nothing written, for a document of too much metadata."""
        sizes = {entry.vectors.shape[1] for entry in entries if entry.chunks}
        for size in sizes:
            same = [entry for entry in entries if entry.vectors.shape[1] == size]
            await self._write(scope, size, same)
        for name in await self._names():
            kept = {
                document_key(entry.document.id): len(entry.chunks)
                if self._named(entry.vectors.shape[1]) == name
                else 0
                for entry in entries
            }
            await self._trim(name, scope, kept)

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        keys = [document_key(document) for document in ids]
        for name in await self._names():
            for start in range(0, len(keys), BATCH_DOCUMENTS):
                condition = of_documents(keys[start : start + BATCH_DOCUMENTS])
                await self._remove(name, scope, condition)

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        """See Store. Conflict where the collection has vectors of another length."""
        where = _within(scope, None if query.filter is None else expression(query.filter))
        terms = {} if query.mode == "vector" else asked_terms(query.terms, query.idf)
        vector = None if query.mode == "keyword" else query.vector
        names = await self._names() if query.vector is None else [self._named(len(query.vector))]
        dense: Found = {}
        keyword: Found = {}

        async def run(into: Found, name: str, field: str, asked: Any) -> None:
            into.update(await self._leg(name, field, asked, where, query.limit))

        try:
            async with asyncio.TaskGroup() as tasks:
                for name in names:
                    if vector is not None:
                        tasks.create_task(run(dense, name, "dense", vector))
                    if terms:
                        tasks.create_task(run(keyword, name, "terms", terms))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        if vector is not None and not dense:
            await self._check_dimensions(scope, len(vector))
        found = tuple(
            Candidate(chunk, dense.get(chunk), keyword.get(chunk))
            for chunk in sorted(dense.keys() | keyword.keys())
        )
        return Candidates(found, "exact" if self._exact or vector is None else "ann")

    async def settle(self, scope: Scope) -> None:
        """Nothing to do: the server seals, indexes and compacts its segments by itself."""

    async def drop(self, scope: Scope) -> None:
        for name in await self._names():
            await self._remove(name, scope, None)

    def _named(self, dimensions: int) -> str:
        return f"{self._options.prefix}_{dimensions}"

    async def _names(self) -> list[str]:
        """The server's own list, as another process may have made one."""
        every = await self._calls.call("list_collections")
        mine = re.compile(rf"{self._options.prefix}_[0-9]+")
        return sorted(name for name in every if mine.fullmatch(name))

    async def _write(self, scope: Scope, dimensions: int, entries: Sequence[Entry]) -> None:
        name, mean = self._named(dimensions), self._options.mean_terms
        made = await asyncio.to_thread(lambda: list(rows(scope, entries, mean)))
        async with self._making:
            if name not in self._made:
                await self._make(name, dimensions)
                self._made.add(name)
        for start in range(0, len(made), BATCH_ROWS):
            try:
                await self._calls.call("upsert", name, made[start : start + BATCH_ROWS])
            except NotFound:
                # Dropped by somebody; the same write, repeated, makes it anew.
                self._made.discard(name)
                raise

    async def _make(self, name: str, dimensions: int) -> None:
        """Every step does nothing where it was done before."""
        if not await self._calls.call("has_collection", name):
            try:
                made = schema(dimensions)
                await self._calls.call("create_collection", name, schema=made, **STRONG)
            except StorageError:
                # Another process may have been faster.
                if not await self._calls.call("has_collection", name):
                    raise
        there = set(await self._calls.call("list_indexes", name))
        lacking = indexes(self._options, there, lite=self._lite)
        if len(lacking):
            await self._calls.call("create_index", name, lacking, sync=False)
        await self._calls.call("load_collection", name)

    async def _trim(self, name: str, scope: Scope, kept: Mapping[str, int]) -> None:
        """Delete the chunks of documents beyond so many of each."""
        pairs = list(kept.items())
        for start in range(0, len(pairs), BATCH_DOCUMENTS):
            condition = " or ".join(
                f'(document == "{key}" and ordinal >= {count})'
                for key, count in pairs[start : start + BATCH_DOCUMENTS]
            )
            await self._remove(name, scope, condition)

    async def _remove(self, name: str, scope: Scope, condition: str | None) -> None:
        await self._calls.call("delete", name, filter=_within(scope, condition), **STRONG)

    async def _leg(self, name: str, field: str, asked: Any, where: str, limit: int) -> Found:
        """The best `limit` and all that score as the last of them, up to twice as many."""
        wanted = min(2 * limit, MAX_FOUND)
        graph = field == "dense" and not self._exact and self._options.index == "HNSW"
        params = {"ef": max(self._options.ef, wanted)} if graph else {}
        try:
            (hits,) = await self._calls.call(
                "search",
                name,
                [asked],
                anns_field=field,
                filter=where,
                limit=wanted,
                output_fields=["chunk"],
                search_params={"metric_type": "IP", "params": params},
                **STRONG,
            )
        except NotFound:
            return {}
        scored = [(ChunkId(hit["entity"]["chunk"]), float(hit["distance"])) for hit in hits]
        if field == "terms":
            scored = [pair for pair in scored if pair[1] > 0]
        bound = scored[limit - 1][1] - ROUNDING if len(scored) > limit else float("-inf")
        return {chunk: score for chunk, score in scored if score >= bound}

    async def _check_dimensions(self, scope: Scope, asked: int) -> None:
        for name in await self._names():
            if name != self._named(asked) and await self._calls.call(
                "query", name, filter=_within(scope, None), output_fields=["id"], limit=1, **STRONG
            ):
                held = name.rpartition("_")[2]
                raise Conflict(
                    f"The vectors of {scope.collection!r} in Milvus have {held} numbers, the "
                    f"query's has {asked}: configure the embedder that the collection was made "
                    "with."
                )


def _within(scope: Scope, condition: str | None) -> str:
    own = f'scope == "{scope_key(scope)}"'
    return own if condition is None else f"{own} and ({condition})"


@asynccontextmanager
async def open_milvus_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    chosen = MilvusOptions.model_validate(dict(options))
    # It logs each failed call with its stack, and writes past the log's format; the failures arrive
    # here as errors.
    for name in ("pymilvus", "pymilvus.milvus_client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    async with open_calls(chosen) as calls:
        version = str(await calls.call("get_server_version"))
        yield MilvusStore(calls, chosen, lite=version.startswith(LITE))
