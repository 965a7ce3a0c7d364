"""The whole server with its index in Qdrant: the answers are those of the built-in store."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.qdrant_server import serve_qdrant

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.retrieval import Hit
from bedplate.ingest.incoming import Upload
from bedplate.rag.retrieve import SearchRequest

ROWS = [
    {"id": f"p{n}", "text": text, "price": 5 * n, "name": name, "day": f"2026-01-{n + 1:02}"}
    for n, (name, text) in enumerate(
        [
            ("anorak", "A light coat against rain and wind"),
            ("boots", "Rubber boots for rain and mud"),
            ("cap", "A cap against the sun"),
            ("jacket", "A jacket for snow, rain and storm"),
            ("umbrella", "An umbrella for heavy rain"),
        ]
    )
]
FILTERS: list[str | None] = [
    None,
    "price < 16 and day >= 2026-01-02",
    # Qdrant has no order of text: the catalog looks it up.
    'name > "b" and not price == 10',
    'name in ("cap", "anorak") or price > 15',
]


async def search(folder: Path, **arguments: Any) -> list[list[Hit]]:
    settings = {"data.dir": str(folder), "embedder.use": "hashing", **arguments}
    config = load_config(environment={}, arguments=settings).config
    async with open_app(config) as app:
        scope = app.scope("c")
        lines = "\n".join(json.dumps(row) for row in ROWS)
        await app.ingest.run(scope, [Upload(Blob(lines.encode(), "rows.jsonl"))])
        results = [
            await app.search.search(scope, SearchRequest("coat for rain", filter=filter))
            for filter in FILTERS
        ]
        assert {result.recall for result in results} == {"exact"}
        return [list(result.hits) for result in results]


async def test_the_answers_are_those_of_the_built_in_store(tmp_path: Path) -> None:
    async with serve_qdrant() as server:
        outside = await search(tmp_path / "q", **{"store.use": "qdrant", "store.url": server.url})
    inside = await search(tmp_path / "s")
    assert [len(hits) for hits in inside] == [5, 3, 3, 3]
    for ours, theirs in zip(inside, outside, strict=True):
        assert [hit.chunk_id for hit in theirs] == [hit.chunk_id for hit in ours]
        assert [hit.score for hit in theirs] == pytest.approx([h.score for h in ours], abs=0.01)
