"""A configured reranker in the search flow."""

from pathlib import Path

import pytest

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.errors import ConfigError
from bedplate.ingest.incoming import Upload
from bedplate.rag.retrieve import SearchRequest

TEXTS = {"a": "rain " * 9 + "boots", "b": "rain coat", "c": "a coat against rain and snow"}


async def search(folder: Path, mode: str = "hybrid", **arguments: object) -> list[str]:
    settings = {"data.dir": str(folder), "embedder.use": "hashing", "search.smoothing": 0}
    config = load_config(environment={}, arguments={**settings, **arguments}).config
    async with open_app(config) as app:
        uploads = [Upload(Blob(text.encode(), f"{name}.txt")) for name, text in TEXTS.items()]
        await app.ingest.run(app.scope("c"), uploads)
        request = SearchRequest("snow coat", mode=mode, limit=2)  # type: ignore[arg-type]
        hits = (await app.search.search(app.scope("c"), request)).hits
        return [hit.source for hit in hits]


async def test_the_reranker_decides_the_order_of_the_best(tmp_path: Path) -> None:
    arguments = {"search.keyword_weight": 0, "reranker.use": "terms", "search.rerank_weight": 1.0}
    found = await search(tmp_path, **arguments)
    assert found == ["c.txt", "b.txt"]


async def test_a_hit_beyond_the_limit_can_be_raised_by_the_reranker(tmp_path: Path) -> None:
    arguments = {"search.rerank_weight": 1.0, "reranker.use": "terms", "search.rerank_top": 3}
    assert (await search(tmp_path, **arguments))[0] == "c.txt"


async def test_one_score_alone_is_left_alone(tmp_path: Path) -> None:
    plain = await search(tmp_path, mode="vector")
    assert await search(tmp_path / "again", mode="vector", **{"reranker.use": "terms"}) == plain


async def test_more_passages_than_a_search_gives_are_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ask\.passages is 8, more than search\.max_limit \(5\)"):
        await search(tmp_path, **{"search.max_limit": 5})


async def test_a_search_can_do_without_the_reranker(tmp_path: Path) -> None:
    arguments = {"search.keyword_weight": 0, "reranker.use": "terms", "search.rerank_weight": 1.0}
    settings = {"data.dir": str(tmp_path), "embedder.use": "hashing", "search.smoothing": 0}
    config = load_config(environment={}, arguments={**settings, **arguments}).config
    async with open_app(config) as app:
        uploads = [Upload(Blob(text.encode(), f"{name}.txt")) for name, text in TEXTS.items()]
        await app.ingest.run(app.scope("c"), uploads)

        async def top(*, rerank: bool) -> list[float]:
            request = SearchRequest("snow coat", limit=3, rerank=rerank)
            return [hit.score for hit in (await app.search.search(app.scope("c"), request)).hits]

        # Mixed scores sum to nothing; those of the search itself need not.
        assert await top(rerank=True) != await top(rerank=False)
