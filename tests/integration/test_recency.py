"""Dates of documents in the search flow."""

from pathlib import Path

import pytest

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.ingest.incoming import Upload
from bedplate.rag.retrieve import SearchRequest

YEARS = {"a": "2021-01-01", "b": "2025-01-01", "c": "2023-01-01"}


@pytest.mark.parametrize(
    ("query", "recency", "first"),
    [
        ("current entry fee", 0.5, "b"),
        ("entry fee as of 2024", 0.5, "c"),
        ("entry fee", 0.5, "a"),
        ("current entry fee", 0.0, "a"),
    ],
)
async def test_the_newest_of_equal_hits_is_first_where_the_question_asks_for_it(
    tmp_path: Path, query: str, recency: float, first: str
) -> None:
    arguments = {"data.dir": str(tmp_path), "embedder.use": "hashing", "search.recency": recency}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        uploads = [
            Upload(Blob(b"The entry fee of the pool.", f"{name}/pool.txt"), None, {"date": date})
            for name, date in YEARS.items()
        ]
        uploads.append(Upload(Blob(b"Boots and hats.", "d.txt")))
        await app.ingest.run(app.scope("c"), uploads)
        found = await app.search.search(app.scope("c"), SearchRequest(query, limit=1))
    assert [hit.source for hit in found.hits] == [f"{first}/pool.txt"]
