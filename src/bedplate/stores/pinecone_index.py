"""Pinecone's index: made at need, and the calls of its documents API that a store makes."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from pinecone import AsyncIndex, AsyncPinecone
from pinecone.models.documents.responses import SearchDocumentsResponse
from pinecone.models.indexes.index import IndexModel
from pinecone.models.indexes.schema import DenseVectorField, SparseVectorField
from pinecone.models.response_info import ResponseInfo

from bedplate.errors import ConfigError, Conflict, NotFound, StorageError, Unavailable
from bedplate.stores.pinecone_calls import call
from bedplate.stores.pinecone_filter import Condition
from bedplate.stores.pinecone_options import PineconeOptions
from bedplate.stores.pinecone_records import CHUNK, DENSE, SPARSE, Record

CREATE_SECONDS = 300.0
BROKEN_STATES = frozenset({"InitializationFailed", "Terminating", "Disabled"})

Clause = Mapping[str, Any]
Positions = list[int | None]
"""Where writes stand in their namespace's log; None where Pinecone did not say."""


class Index:
    """The data plane: one index that is there and takes requests."""

    def __init__(self, index: AsyncIndex, dimensions: int, options: PineconeOptions) -> None:
        self.dimensions = dimensions
        self._index = index
        self._options = options

    async def upsert(self, namespace: str, records: Sequence[Record]) -> Positions:
        async with self._call():
            done = await self._index.documents.upsert(namespace=namespace, documents=records)
        return [_position(done.response_info)]

    async def delete(self, namespace: str, condition: Condition | None) -> Positions:
        """Records that pass, or all of them; no position where the namespace is not there."""
        try:
            async with self._call():
                done = await self._index.documents.delete(
                    namespace=namespace, filter=condition, delete_all=condition is None
                )
        except NotFound:
            return []
        return [_position(done.response_info)]

    async def search(
        self, namespace: str, clause: Clause, limit: int, condition: Condition | None = None
    ) -> SearchDocumentsResponse:
        async with self._call():
            return await self._index.documents.search(
                namespace=namespace,
                score_by=[clause],
                top_k=limit,
                include_fields=[CHUNK],
                filter=condition,
            )

    async def until_visible(self, namespace: str, positions: Positions) -> None:
        """Waits until searches see the log up to the last of `positions`.

        The method of https://docs.pinecone.io/guides/data/check-data-freshness.
        """
        if not positions or not self._options.visible_seconds:
            return
        known = [position for position in positions if position is not None]
        if len(known) < len(positions):
            raise StorageError(
                f"Pinecone at {self._index.host} acknowledged a write without its position in the "
                "log, so it cannot be known when searches see it; visible_seconds = 0 does not "
                "wait."
            )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.visible_seconds
        pause = 0.02
        while not await self._sees(namespace, max(known)):
            if loop.time() + pause > deadline:
                raise Unavailable(
                    f"Pinecone at {self._index.host} took a write, and its searches did not see "
                    f"it within {self._options.visible_seconds:g} s (visible_seconds); try again."
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def _sees(self, namespace: str, position: int) -> bool:
        anything = by_vector([1.0] + [0.0] * (self.dimensions - 1))
        try:
            found = await self.search(namespace, anything, 1)
        except NotFound:
            # The namespace comes into being with its first write.
            return False
        return found.response_info is not None and found.response_info.is_reconciled(position)

    def _call(self) -> AbstractAsyncContextManager[None]:
        return call(self._index.host, self._options.seconds)


class IndexLookup:
    """The control plane: finds the index by its name, or makes it. The find is kept."""

    def __init__(
        self, client: AsyncPinecone, options: PineconeOptions, resources: AsyncExitStack
    ) -> None:
        self._client = client
        self._options = options
        self._resources = resources
        self._index: Index | None = None
        self._one_at_a_time = asyncio.Lock()

    async def find(self) -> Index | None:
        """The index, if it has been made by now; ConfigError if it is not one of Bedplate's."""
        if self._index is not None:
            return self._index
        async with self._one_at_a_time:
            if self._index is None:
                self._index = await self._open_existing()
            return self._index

    async def _open_existing(self) -> Index | None:
        model = await self._ready()
        if model is None:
            return None
        fields = model.schema.fields
        vectors, terms = fields.get(DENSE), fields.get(SPARSE)
        if (
            not isinstance(vectors, DenseVectorField)
            or vectors.metric != "dotproduct"
            or not isinstance(terms, SparseVectorField)
        ):
            raise ConfigError(
                f"The Pinecone index {self._options.index!r} was not made by Bedplate: it needs a "
                f"field {DENSE!r} of type dense_vector with the metric dotproduct, and a field "
                f"{SPARSE!r} of type sparse_vector. Name another index; it is made when needed."
            )
        async with self._call():
            index = await self._client.index(host=model.host or "")
        await self._resources.enter_async_context(index)
        return Index(index, vectors.dimension, self._options)

    async def _ready(self) -> IndexModel | None:
        """The index's description, once it takes requests; None if there is no such index."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CREATE_SECONDS
        while loop.time() < deadline:
            try:
                async with self._call():
                    model = await self._client.indexes.describe(self._options.index)
            except NotFound:
                return None
            if model.status.state in BROKEN_STATES:
                raise StorageError(
                    f"The Pinecone index {self._options.index!r} is {model.status.state}; look at "
                    "it in Pinecone's console, or name another index."
                )
            if model.status.ready:
                return model
            await asyncio.sleep(1.0)
        raise Unavailable(
            f"The Pinecone index {self._options.index!r} was not ready within "
            f"{CREATE_SECONDS:g} s; try again later."
        )

    async def create(self, dimensions: int) -> Index:
        """The index, made unless another call or process has just made it."""
        options = self._options
        async with self._one_at_a_time:
            if self._index is not None:
                return self._index
            try:
                async with self._call():
                    await self._client.indexes.create(
                        name=options.index,
                        schema={
                            "fields": {
                                DENSE: {
                                    "type": "dense_vector",
                                    "dimension": dimensions,
                                    "metric": "dotproduct",
                                },
                                SPARSE: {"type": "sparse_vector"},
                            }
                        },
                        deployment={
                            "deployment_type": "managed",
                            "cloud": options.cloud,
                            "region": options.region,
                        },
                        timeout=-1,
                    )
            except Conflict:
                # Another process was faster.
                pass
            except NotFound as error:
                raise ConfigError(
                    f"{error}; Pinecone may have no region {options.region!r} of {options.cloud!r}."
                ) from error
            self._index = await self._open_existing()
            if self._index is None:
                raise StorageError(
                    f"The Pinecone index {options.index!r} was made, and is not there; try again."
                )
            return self._index

    def _call(self) -> AbstractAsyncContextManager[None]:
        return call(self._options.base_url, self._options.seconds)


def by_vector(values: list[float]) -> Clause:
    return {"type": "dense_vector", "fields": [DENSE], "values": values}


def by_terms(sparse: Mapping[str, Any]) -> Clause:
    return {"type": "sparse_vector", "fields": [SPARSE], "sparse_values": sparse}


def _position(told: ResponseInfo | None) -> int | None:
    return told.lsn_committed if told else None
