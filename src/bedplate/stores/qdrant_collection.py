"""The one Qdrant collection that holds every tenant: its form, its indexes, and calls to it."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qdrant_client import AsyncQdrantClient, models

from bedplate.domain.filters import FieldKind
from bedplate.errors import ConfigError, Conflict, NotFound, StorageError
from bedplate.stores.qdrant_errors import CAUGHT, Failures
from bedplate.stores.qdrant_filter import INDEXED_WORDS, TENANT, range_kind

DENSE, SPARSE = "dense", "terms"
FIXED = frozenset(INDEXED_WORDS)
LOOK_SECONDS = 60.0
# In a cluster, one leader for each shard's writes: a replica applies them in their order.
ORDERING = models.WriteOrdering.MEDIUM
OLDEST = (1, 11)
"""The first version with an index for tenants."""

T = TypeVar("T")
Consistency = models.ReadConsistencyType | None


@dataclass(frozen=True, slots=True)
class Form:
    """What the server says of the collection, and when by the loop's clock."""

    dimensions: int
    indexes: frozenset[str]
    seen: float

    @property
    def ranges(self) -> frozenset[str]:
        return frozenset(key for key in self.indexes if range_kind(key))


class QdrantCollection:
    """Calls raise Bedplate's errors; NotFound means that the collection is not there."""

    def __init__(
        self, client: AsyncQdrantClient, name: str, failures: Failures, seconds: float
    ) -> None:
        self._client = client
        self._name = name
        self._failures = failures
        self._seconds = seconds
        self._form: Form | None = None
        self._changing = asyncio.Lock()

    @property
    def ranges(self) -> frozenset[str]:
        """Keys of ranges that have an index, as far as this process knows."""
        return self._form.ranges if self._form else frozenset()

    async def check_server(self) -> None:
        """ConfigError for a Qdrant that is too old, or for a collection of another form."""
        version = (await self._call(self._client.info())).version
        numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
        if tuple(numbers) < OLDEST:
            raise ConfigError(
                f"{self._failures.label} is version {version}; Bedplate needs "
                f"{'.'.join(map(str, OLDEST))} or newer."
            )
        await self.look()

    async def look(self) -> Form | None:
        """The collection's form, or None if it is not there."""
        try:
            info = await self._call(self._client.get_collection(self._name))
        except NotFound:
            return None
        vectors, sparse = info.config.params.vectors, info.config.params.sparse_vectors
        dense = vectors.get(DENSE) if isinstance(vectors, dict) else None
        if (
            dense is None
            or dense.distance != models.Distance.COSINE
            or SPARSE not in (sparse or {})
        ):
            raise ConfigError(
                f"{self._failures.label} has a collection {self._name!r} that is not Bedplate's: it "
                f"needs cosine vectors named {DENSE!r} and sparse vectors named {SPARSE!r}. Name "
                "another one (collection)."
            )
        self._form = Form(dense.size, frozenset(info.payload_schema), self._now())
        return self._form

    async def form(self) -> Form | None:
        """As `look` saw it within the last minute, which is when other processes' indexes count."""
        known = self._form
        if known and self._now() - known.seen < LOOK_SECONDS:
            return known
        return await self.look()

    async def prepare(self, dimensions: int, ranges: set[str], most_ranges: int) -> None:
        """Create the collection and the indexes that are missing.

        Of `ranges` so many are indexed that there are `most_ranges` in all; an index is made before
        its first point, so that Qdrant's graph has links for it.

        Raises:
            Conflict: the collection holds vectors of other dimensions.
        """
        if self._lacks(dimensions, ranges, most_ranges) == set():
            return
        async with self._changing:
            if await self.look() is None:
                await self._create(dimensions)
            for key in sorted(self._lacks(dimensions, ranges, most_ranges) or ()):
                schema = _schema(key)
                done = self._client.create_payload_index(self._name, key, schema, wait=True)
                self._check(await self._call(done))
            await self.look()

    def _lacks(self, dimensions: int, ranges: set[str], most_ranges: int) -> set[str] | None:
        """The keys that still want an index; None if nothing is known of the collection."""
        form = self._form
        if form is None:
            return None
        self.check_dimensions(form, dimensions)
        free = max(0, most_ranges - len(form.ranges))
        return set(FIXED - form.indexes) | set(sorted(ranges - form.indexes)[:free])

    def check_dimensions(self, form: Form, dimensions: int) -> None:
        if form.dimensions != dimensions:
            raise Conflict(
                f"{self._failures.label} keeps vectors of {form.dimensions} dimensions in its "
                f"collection {self._name!r}, not {dimensions}; use the embedder it was made with, "
                "or name another collection (collection)."
            )

    async def _create(self, dimensions: int) -> None:
        created = self._client.create_collection(
            self._name,
            vectors_config={
                DENSE: models.VectorParams(size=dimensions, distance=models.Distance.COSINE)
            },
            sparse_vectors_config={SPARSE: models.SparseVectorParams()},
        )
        try:
            await self._call(created)
        except (Conflict, StorageError):
            # Another process was first; older servers say so with a plain 400.
            if await self.look() is None:
                raise
        else:
            await self.look()

    async def upsert(self, points: list[models.PointStruct]) -> None:
        """StorageError if the collection was removed meanwhile; the next `prepare` makes it anew."""
        try:
            result = await self._call(
                self._client.upsert(self._name, points, wait=True, ordering=ORDERING)
            )
        except NotFound as error:
            raise StorageError(
                f"{self._failures.label} has lost its collection {self._name!r} ({error.message}); "
                "what it held has to be written again."
            ) from error
        self._check(result)

    async def delete(self, filter: models.Filter) -> None:
        selector = models.FilterSelector(filter=filter)
        deleted = self._client.delete(self._name, selector, wait=True, ordering=ORDERING)
        self._check(await self._call(deleted))

    async def estimate(self, filter: models.Filter) -> int:
        """About how many points pass, read from the indexes."""
        counted = self._client.count(self._name, count_filter=filter, exact=False)
        return (await self._call(counted)).count

    async def query(
        self, requests: Sequence[models.QueryRequest], consistency: Consistency
    ) -> list[list[models.ScoredPoint]]:
        asked = self._client.query_batch_points(self._name, requests, consistency=consistency)
        return [answer.points for answer in await self._call(asked)]

    def _check(self, result: models.UpdateResult) -> None:
        """`wait` ends by itself after the server's own timeout, with HTTP 200."""
        if result.status != models.UpdateStatus.COMPLETED:
            raise self._failures.unfinished(str(result.status))

    async def _call(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await call
        except TimeoutError as error:
            raise self._failures.late() from error
        except CAUGHT as error:
            translated = self._failures.of(error)
            if isinstance(translated, NotFound):
                self._form = None
            raise translated from error

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _schema(key: str) -> models.PayloadSchemaType | models.KeywordIndexParams:
    if key == TENANT:
        return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    kinds: dict[FieldKind | None, models.PayloadSchemaType] = {
        "number": models.PayloadSchemaType.FLOAT,
        "date": models.PayloadSchemaType.DATETIME,
    }
    return kinds.get(range_kind(key), models.PayloadSchemaType.KEYWORD)
