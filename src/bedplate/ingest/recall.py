"""How much of what is nearest a store's index finds, measured on the vectors that are kept."""

import asyncio
from dataclasses import dataclass

import numpy as np

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Collection
from bedplate.embedders.protocol import Matrix
from bedplate.ingest.fill import BATCH_CHUNKS, batches
from bedplate.ingest.verify import NO_TERMS, TOLERANCE, sample
from bedplate.state.protocol import Catalog
from bedplate.stores.protocol import Store, StoreQuery

TOP = 10
QUERIES = 50
SECONDS = 20.0
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class MeasuredRecall:
    """The share of the `TOP` nearest passages that the store's nominees hold, or tie with.

    Of `queries` stored vectors, each compared with `compared` passages. `recall` is None where
    the store says of every search that it compared all, and gave as many as there are.
    """

    recall: float | None
    queries: int
    compared: int


async def measure_recall(
    catalog: Catalog, store: Store, collection: Collection, *, seconds: float = SECONDS
) -> MeasuredRecall:
    """Ask the store for passages near stored ones, and compare with all vectors, in bounded time.

    When the time is over, what was compared until then counts.
    """
    nearest: dict[ChunkId, set[ChunkId]] = {}
    rows = await sample(catalog, collection, QUERIES)
    for name, row in rows.items():
        found = await store.search(
            collection.index, StoreQuery("vector", NO_TERMS, row.vector, TOP)
        )
        # A store that lacks passages may say that it compared all it has.
        if found.recall == "ann" or len(found.items) < min(TOP, collection.chunks):
            nearest[name] = {item.chunk_id for item in found.items}
    if not nearest:
        return MeasuredRecall(None, len(rows), 0)
    queries = np.stack([rows[name].vector for name in nearest])
    best, compared = await _exact(catalog, collection, queries, seconds)
    shares = [
        await _share(catalog, collection, query, found, scores)
        for query, found, scores in zip(queries, nearest.values(), best, strict=True)
    ]
    return MeasuredRecall(round(float(np.mean(shares)), 4), len(shares), compared)


async def _exact(
    catalog: Catalog, collection: Collection, queries: Matrix, seconds: float
) -> tuple[Matrix, int]:
    """The best scores of each query, and over how many passages."""
    clock = asyncio.get_running_loop().time
    end, compared = clock() + seconds, 0
    best = np.full((len(queries), TOP), -np.inf, dtype=np.float32)
    after, more = None, True
    while more:
        page = [
            document
            async for document in catalog.documents.list(collection.index, after=after, limit=PAGE)
        ]
        more = len(page) == PAGE
        for ids in batches({document.id: document.chunks for document in page}, BATCH_CHUNKS):
            entries = await catalog.index.entries(collection.index, ids)
            vectors = np.concatenate([entry.vectors for entry in entries])
            scores = np.concatenate([best, queries @ vectors.T], axis=1)
            best = -np.sort(-scores, axis=1)[:, :TOP]
            compared += len(vectors)
            after = ids[-1]
            if clock() >= end:
                return best, compared
    return best, compared


async def _share(
    catalog: Catalog, collection: Collection, query: Matrix, found: set[ChunkId], best: Matrix
) -> float:
    """By scores, not by names: passages of equal text are equally near."""
    wanted = best[np.isfinite(best)]
    kept = await catalog.index.rows(collection.index, list(found))
    scores = np.asarray([row.vector @ query for row in kept.values()])
    good = int(np.count_nonzero(scores >= wanted.min(initial=1.0) - TOLERANCE))
    return min(good, len(wanted)) / max(len(wanted), 1)
