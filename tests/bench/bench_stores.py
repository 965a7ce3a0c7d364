"""Stores side by side: the same passages, queries and filters through the same calls.

Each store is opened as the contract suite opens it, with the server it needs on this machine, and
filled through the catalog. A query is what search asks: the store's candidates with exact scores.
`chroma` is Chroma's own client on its own files, vectors and filter only, where it is installed; its
keyword leg is not ranked, so there is no hybrid. CPU is that of this process and of the servers it
started. Recall is against a comparison with every vector. Data as in bench_search.
"""

import argparse
import asyncio
import importlib
import json
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tests.bench.bench_search import DIMENSIONS, SCOPE, Corpus, entries
from tests.contract.shelves import SHELVES

from bedplate.domain.filters import Comparison, Filter
from bedplate.domain.retrieval import Mode
from bedplate.embedders.protocol import Matrix
from bedplate.rag.scoring import nominate
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores.protocol import Store, StoreQuery
from bedplate.terms import TermVector

BATCH = 500
WANTED = 10
CANDIDATES = 100
ONE_PERCENT = Comparison("price", "eq", 7.0, "number")
HALF = Comparison("price", "lt", 50.0, "number")

Find = Callable[[Matrix, TermVector, Filter | None, Mode], Awaitable[Sequence[str]]]
"""Chunk ids, best first by cosine where the mode is vector."""


def cpu_seconds() -> float:
    own = psutil.Process()
    total = sum(own.cpu_times()[:2])
    for server in own.children(recursive=True):
        try:
            total += sum(server.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


def resident_mb() -> int:
    own = psutil.Process()
    return sum(p.memory_info().rss for p in [own, *own.children(recursive=True)]) >> 20


async def measured(
    find: Find, corpus: Corpus, queries: int, mode: Mode, filter: Filter | None
) -> dict[str, float]:
    asked = [(corpus.vectors(1)[0], TermVector.of(corpus.text(8))) for _ in range(queries)]
    for vector, terms in asked[:3]:
        await find(vector, terms, filter, mode)
    walls: list[float] = []
    cpu = cpu_seconds()
    for vector, terms in asked:
        start = time.perf_counter()
        await find(vector, terms, filter, mode)
        walls.append((time.perf_counter() - start) * 1000)
    return {
        "p50_ms": round(float(np.percentile(walls, 50)), 2),
        "p99_ms": round(float(np.percentile(walls, 99)), 2),
        "cpu_s_per_1000": round((cpu_seconds() - cpu) * 1000 / queries, 2),
    }


class Truth:
    """Every vector with its price: what an exact search finds."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.vectors: list[Matrix] = []
        self.prices: list[float] = []

    def add(self, batch: Sequence[Entry]) -> None:
        self.names.extend(entry.chunks[0].id for entry in batch)
        self.vectors.extend(entry.vectors for entry in batch)
        self.prices.extend(float(entry.document.metadata["price"]) for entry in batch)  # type: ignore[arg-type]

    async def recall(self, find: Find, corpus: Corpus, filter: Filter | None) -> float:
        matrix = np.concatenate(self.vectors)
        passes = np.ones(len(matrix), dtype=bool)
        if filter is ONE_PERCENT:
            passes = np.asarray(self.prices) == ONE_PERCENT.value
        names = np.asarray(self.names)
        found = 0
        for query in corpus.vectors(50):
            scores = np.where(passes, matrix @ query, -2.0)
            best = {str(name) for name in names[np.argpartition(-scores, WANTED)[:WANTED]]}
            hits = await find(query, TermVector.of(""), filter, "vector")
            found += len(best & set(hits[:WANTED]))
        return round(found / (50 * WANTED), 4)


def through(catalog: Catalog, store: Store) -> Find:
    async def find(
        vector: Matrix, terms: TermVector, filter: Filter | None, mode: Mode
    ) -> Sequence[str]:
        limit = CANDIDATES if mode == "hybrid" else WANTED
        query = StoreQuery(mode, terms, None if mode == "keyword" else vector, limit, filter)
        found = await nominate(catalog.index, store, SCOPE, query)
        return [c.chunk_id for c in sorted(found.items, key=lambda c: -(c.cosine or 0.0))]

    return find


Keep = Callable[[Sequence[Entry]], Awaitable[None]]


@asynccontextmanager
async def opened(name: str, folder: Path) -> AsyncGenerator[tuple[Keep, Keep, Find]]:
    """How to keep entries, what to do when all are kept, and how to find."""
    if name == "chroma":
        yield chroma(folder)
        return
    shelf = next(shelf for shelf in SHELVES if shelf.id == name)
    async with shelf.open(folder) as (catalog, store):
        await catalog.collections.create(SCOPE, embedder="planted", dimensions=DIMENSIONS)

        async def keep(batch: Sequence[Entry]) -> None:
            await catalog.documents.replace(SCOPE, batch)
            await store.upsert(SCOPE, batch)

        async def settle(_: Sequence[Entry]) -> None:
            await store.settle(SCOPE)

        yield keep, settle, through(catalog, store)


def chroma(folder: Path) -> tuple[Keep, Keep, Find]:
    chromadb: Any = importlib.import_module("chromadb")
    settings = chromadb.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(path=str(folder), settings=settings)
    space = {"hnsw": {"space": "cosine", "ef_search": 100}}
    collection = client.create_collection("bench", embedding_function=None, configuration=space)

    async def keep(batch: Sequence[Entry]) -> None:
        await asyncio.to_thread(
            collection.add,
            ids=[entry.chunks[0].id for entry in batch],
            embeddings=[entry.vectors[0] for entry in batch],
            metadatas=[dict(entry.document.metadata) for entry in batch],
        )

    async def settle(_: Sequence[Entry]) -> None:
        """It indexes as it adds."""

    async def find(
        vector: Matrix, terms: TermVector, filter: Filter | None, mode: Mode
    ) -> Sequence[str]:
        where: dict[str, Any] | None = None
        if isinstance(filter, Comparison):
            where = {filter.field: {f"${filter.operator}": filter.value}}
        query: Any = collection.query
        found = await asyncio.to_thread(
            query, query_embeddings=[vector], n_results=WANTED, where=where, include=["distances"]
        )
        return found["ids"][0]

    return keep, settle, find


async def measure(name: str, chunks: int, queries: int, folder: Path) -> dict[str, Any]:
    corpus, truth = Corpus(7), Truth()
    result: dict[str, Any] = {"store": name, "chunks": chunks}
    async with opened(name, folder) as (keep, settle, find):
        cpu, wall, spared = cpu_seconds(), time.perf_counter(), 0.0
        for first in range(0, chunks, BATCH):
            making = time.process_time()
            batch = entries(corpus, first, min(BATCH, chunks - first))
            truth.add(batch)
            spared += time.process_time() - making
            await keep(batch)
        await settle([])
        result["build_s"] = round(time.perf_counter() - wall - spared, 1)
        result["build_cpu_s"] = round(cpu_seconds() - cpu - spared, 1)
        result["vector"] = await measured(find, corpus, queries, "vector", None)
        result["vector, 1 %"] = await measured(find, corpus, queries, "vector", ONE_PERCENT)
        result["vector, 50 %"] = await measured(find, corpus, queries, "vector", HALF)
        if name != "chroma":
            result["hybrid"] = await measured(find, corpus, queries, "hybrid", None)
        result["recall@10"] = await truth.recall(find, corpus, None)
        result["recall@10, 1 %"] = await truth.recall(find, corpus, ONE_PERCENT)
        result["rss_mb"] = resident_mb()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*", default=["sqlite", "pgvector", "lancedb", "chroma"])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args()
    for name in options.stores:
        folder = Path(tempfile.mkdtemp(prefix="bench-stores-"))
        try:
            result = asyncio.run(measure(name, options.chunks, options.queries, folder))
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
            print(json.dumps({**result, "disk_mb": size >> 20}), flush=True)
        except ModuleNotFoundError as missing:
            print(f"skipped {name}: {missing.name} is not installed")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
