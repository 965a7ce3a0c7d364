"""An app whose vectors come from a server: another Bedplate, and one that counts its requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.embeddings_wire import refuses, serve_embeddings_wire
from tests.fixtures.serving import serving

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.errors import UpstreamError
from bedplate.ingest.files import find_files
from bedplate.rag.retrieve import SearchRequest

CACHE = {"embedder_cache.max_bytes": 10_000_000}


@asynccontextmanager
async def opened(folder: Path, base_url: str, model: str, **settings: Any) -> AsyncIterator[App]:
    arguments = {
        "data.dir": str(folder / "data"),
        "embedder": {"use": "openai", "base_url": base_url, "model": model},
        **settings,
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


def write_documents(folder: Path) -> list[Path]:
    (folder / "docs").mkdir()
    for name, text in (
        ("umbrella.txt", "The red umbrella keeps rain away."),
        ("cake.txt", "A chocolate cake needs cocoa and butter."),
    ):
        (folder / "docs" / name).write_text(text)
    return list(find_files([str(folder / "docs")], max_files=10))


async def nearest(app: App, collection: str, text: str) -> str:
    request = SearchRequest(text, mode="vector")
    hits = (await app.search.search(app.scope(collection), request)).hits
    return hits[0].title


async def test_one_bedplate_searches_by_the_vectors_of_another(tmp_path: Path) -> None:
    files = write_documents(tmp_path)
    async with (
        serving(tmp_path / "other") as other,
        opened(tmp_path, f"{other.url}/v1", "default") as app,
    ):
        report = await app.ingest.run(app.scope("c"), files)
        assert report.added == 2
        assert app.embedder.fingerprint == "openai-default-256"
        assert "umbrella" in await nearest(app, "c", "rain umbrella")
        assert "cake" in await nearest(app, "c", "cocoa cake")


async def test_a_cache_asks_the_server_once_for_a_text(tmp_path: Path) -> None:
    files = write_documents(tmp_path)
    async with (
        serve_embeddings_wire() as wire,
        opened(tmp_path, wire.base_url, "m", **CACHE) as app,
    ):
        await app.ingest.run(app.scope("one"), files)
        await nearest(app, "one", "rain")
        asked = len(wire.seen)
        await app.ingest.run(app.scope("two"), files)
        assert "umbrella" in await nearest(app, "two", "rain")
        assert len(wire.seen) == asked


async def test_the_readiness_check_reaches_the_server_past_the_cache(tmp_path: Path) -> None:
    async with (
        serve_embeddings_wire() as wire,
        opened(tmp_path, wire.base_url, "m", **CACHE) as app,
    ):
        await app.check()
        wire.script(refuses(401))
        with pytest.raises(UpstreamError, match="set api_key"):
            await app.check()


async def test_without_a_cache_no_file_of_vectors_is_made(tmp_path: Path) -> None:
    async with serve_embeddings_wire() as wire, opened(tmp_path, wire.base_url, "m"):
        assert not (tmp_path / "data" / "embeddings.db").exists()
