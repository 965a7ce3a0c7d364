"""Search latency and CPU at a number of chunks, through catalog, store and fusion.

Vectors: 200 clusters of low rank in 384 dimensions. Texts: 60 words of 50,000, drawn by Zipf's and
Mandelbrot's law without its 150 most frequent words, which stand for the stop words that are never
indexed. Queries: 8 such words and a vector near a cluster. The query's embedding is measured
apart, with the bundled encoder, and added in a line of its own.
"""

import argparse
import asyncio
import json
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bedplate.domain.documents import Block, Chunk, Document
from bedplate.domain.ids import DEFAULT_TENANT, ChunkId, DocumentId
from bedplate.domain.retrieval import Mode, Scope
from bedplate.embedders import EMBEDDERS
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.rag.retrieve import Ranking, Retrieve
from bedplate.rag.search_request import SearchRequest
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores import STORES
from bedplate.terms import TermVector

SCOPE = Scope(DEFAULT_TENANT, "bench")
DIMENSIONS = 384
WORDS = 60
VOCABULARY = 50_000
STOP_WORDS = 150


class Planted:
    """An embedder that gives prepared vectors, so that the store alone is measured."""

    fingerprint = "planted"
    dimensions = DIMENSIONS

    def __init__(self, corpus: "Corpus") -> None:
        self._corpus = corpus

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return self._corpus.vectors(len(texts))


class Corpus:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.centres = self.random.standard_normal((200, DIMENSIONS))
        weights = 1.0 / np.arange(STOP_WORDS + 1, STOP_WORDS + 1 + VOCABULARY)
        self.cumulative = np.cumsum(weights / weights.sum())
        self.basis = self.random.standard_normal((200, 24, DIMENSIONS)) / 8

    def vectors(self, count: int) -> Matrix:
        cluster = self.random.integers(0, 200, count)
        inner = self.random.standard_normal((count, 1, 24)).astype(np.float32)
        found = self.centres[cluster] + (inner @ self.basis[cluster])[:, 0]
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    def text(self, words: int) -> str:
        ranks = np.searchsorted(self.cumulative, self.random.random(words))
        return " ".join(f"w{rank}" for rank in ranks)


def entries(corpus: Corpus, first: int, count: int) -> list[Entry]:
    vectors = corpus.vectors(count)
    made: list[Entry] = []
    for n in range(count):
        name, text = DocumentId(f"d{first + n}"), corpus.text(WORDS)
        document = Document(
            name, name, name, "text/plain", (Block(text),), "x",
            metadata={"price": float(corpus.random.integers(0, 100))},
        )  # fmt: skip
        chunk = Chunk(ChunkId(f"{name}#0"), name, 0, text, 0, len(text))
        made.append(Entry(document, (chunk,), vectors[n : n + 1], (TermVector.of(text),)))
    return made


@asynccontextmanager
async def opened(path: Path, embedder: Embedder) -> AsyncGenerator[tuple[Catalog, Any, Retrieve]]:
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(CATALOGS.load("sqlite")(path))
        store = await stack.enter_async_context(STORES.load("sqlite")({}, path=path))
        yield (
            catalog,
            store,
            Retrieve(catalog, store, embedder, ranking=Ranking()),
        )


async def timed(
    retrieve: Retrieve, corpus: Corpus, queries: int, mode: Mode, filter: str | None
) -> dict[str, Any]:
    texts = [corpus.text(8) for _ in range(queries)]
    request = [SearchRequest(text, mode=mode, filter=filter) for text in texts]
    last = await retrieve.search(SCOPE, request[0])
    for warm in request[1:5]:
        last = await retrieve.search(SCOPE, warm)
    walls: list[float] = []
    cpu = time.process_time()
    for one in request:
        start = time.perf_counter()
        last = await retrieve.search(SCOPE, one)
        walls.append((time.perf_counter() - start) * 1000)
    return {
        "p50_ms": round(float(np.percentile(walls, 50)), 2),
        "p99_ms": round(float(np.percentile(walls, 99)), 2),
        "cpu_s_per_1000": round((time.process_time() - cpu) * 1000 / queries, 2),
        "recall": last.recall,
    }


async def measure(chunks: int, queries: int, folder: Path) -> dict[str, Any]:
    corpus = Corpus(7)
    path = folder / "catalog.db"
    result: dict[str, Any] = {"chunks": chunks}
    async with opened(path, Planted(corpus)) as (catalog, store, retrieve):
        await catalog.collections.create(SCOPE, embedder="planted", dimensions=DIMENSIONS)
        spent = 0.0
        for first in range(0, chunks, 500):
            batch = entries(corpus, first, min(500, chunks - first))
            cpu = time.process_time()
            await catalog.documents.replace(SCOPE, batch)
            spent += time.process_time() - cpu
        result["write_cpu_s"] = round(spent, 2)
        cpu, wall = time.process_time(), time.perf_counter()
        await store.settle(SCOPE)
        result["settle_cpu_s"] = round(time.process_time() - cpu, 2)
        result["settle_s"] = round(time.perf_counter() - wall, 2)
        for mode in ("hybrid", "vector", "keyword"):
            result[mode] = await timed(retrieve, corpus, queries, mode, None)
        result["hybrid, filter 1 %"] = await timed(
            retrieve, corpus, queries, "hybrid", "price == 7"
        )
        result["hybrid, filter 50 %"] = await timed(
            retrieve, corpus, queries // 4, "hybrid", "price < 50"
        )
    async with opened(path, Planted(corpus)) as (_, _, retrieve):
        start = time.perf_counter()
        await retrieve.search(SCOPE, SearchRequest(corpus.text(8)))
        result["first_search_after_open_ms"] = round((time.perf_counter() - start) * 1000, 1)
    result["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result


async def encode_cost() -> dict[str, Any]:
    async with EMBEDDERS.load("onnx")({}) as embedder:
        text = ["what is the refund policy for umbrellas bought in a sale?"]
        await embedder.embed(text)
        walls: list[float] = []
        cpu = time.process_time()
        for _ in range(100):
            start = time.perf_counter()
            await embedder.embed(text)
            walls.append((time.perf_counter() - start) * 1000)
        return {
            "query_encode_p50_ms": round(float(np.percentile(walls, 50)), 2),
            "cpu_s_per_1000": round((time.process_time() - cpu) * 10, 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(encode_cost())))
    for chunks in options.chunks:
        folder = Path(tempfile.mkdtemp(prefix="bench-search-"))
        try:
            result = asyncio.run(measure(chunks, options.queries, folder))
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
            print(json.dumps({**result, "disk_mb": size // 2**20}), flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
