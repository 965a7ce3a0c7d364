"""The stores as the contract opens them: each with its catalog, and the server it needs."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.contract.shelf import open_pair
from tests.fixtures.milvus import milvus
from tests.fixtures.pinecone_server import serve_pinecone
from tests.fixtures.postgres import catalog_database
from tests.fixtures.qdrant_server import serve_qdrant
from tests.fixtures.weaviate_server import serve_weaviate

from bedplate.state.protocol import Catalog
from bedplate.stores.protocol import Store

Options = Mapping[str, Any]
Serve = Callable[[Path], AbstractAsyncContextManager[Options]]
"""Starts what a store needs in a folder of its own; the options that reach it."""


@dataclass(frozen=True, slots=True)
class OpenShelf:
    """A store of the table by its name, and how it is opened.

    Options of a store in a PostgreSQL catalog name the `database` of both.
    """

    id: str
    store: str
    serve: Serve
    catalog: str = "sqlite"

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncGenerator[tuple[Catalog, Store]]:
        async with self.serve(folder) as options, self.reach(folder, options) as opened:
            yield opened

    @asynccontextmanager
    async def reach(self, folder: Path, options: Options) -> AsyncGenerator[tuple[Catalog, Store]]:
        """What is served already, from this process or another."""
        async with open_pair(self.catalog, self.store, folder, options) as pair:
            yield pair


def given(options: Options) -> Serve:
    """Nothing to start."""

    @asynccontextmanager
    async def serve(_: Path) -> AsyncGenerator[Options]:
        yield options

    return serve


@asynccontextmanager
async def qdrant(_: Path) -> AsyncGenerator[Options]:
    async with serve_qdrant() as server:
        # Small batches, so that most writes take several.
        yield {"url": server.url, "batch_points": 7}


@asynccontextmanager
async def pinecone(_: Path) -> AsyncGenerator[Options]:
    """Searches see a write only after they have missed it once."""
    async with serve_pinecone(lag=1) as server:
        yield {"api_key": server.key, "base_url": server.url}


@asynccontextmanager
async def weaviate(_: Path) -> AsyncGenerator[Options]:
    async with serve_weaviate() as server:
        yield {"url": server.url, "grpc_url": server.grpc_url}


def in_postgres(options: Options) -> Serve:
    """A database of its own."""

    @asynccontextmanager
    async def serve(_: Path) -> AsyncGenerator[Options]:
        with catalog_database() as address:
            yield {"database": address, **options}

    return serve


SHELVES = (
    OpenShelf("memory", "memory", given({})),
    OpenShelf("sqlite", "sqlite", given({})),
    # With a graph from the first few rows on.
    OpenShelf("sqlite-graph", "sqlite", given({"exact_rows": 8})),
    OpenShelf("qdrant", "qdrant", qdrant),
    OpenShelf("pinecone", "pinecone", pinecone),
    OpenShelf("weaviate", "weaviate", weaviate),
    OpenShelf("lancedb", "lancedb", given({})),
    OpenShelf("lancedb-graph", "lancedb", given({"exact_rows": 8})),
    OpenShelf("milvus", "milvus", milvus),
    OpenShelf("pgvector", "pgvector", in_postgres({}), catalog="postgres"),
    OpenShelf("pgvector-hnsw", "pgvector", in_postgres({"exact_rows": 8}), catalog="postgres"),
)

QUICK = {"memory", "sqlite", "sqlite-graph", "pgvector"}
AT_LENGTH = [
    pytest.param(shelf, id=shelf.id, marks=[] if shelf.id in QUICK else [pytest.mark.slow])
    for shelf in SHELVES
]
"""All of them, for what takes seconds with each; test_stores.py asks every one whatever is run."""
