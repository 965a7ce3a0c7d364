"""An embedder whose vectors are not what it says they are."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.errors import UpstreamError
from bedplate.ingest.embedding import embed_texts
from bedplate.ingest.incoming import Upload
from bedplate.rag.retrieve import Ranking, Retrieve, SearchRequest

Spoil = Callable[[Matrix], Matrix]
SPOILT = {
    "longer": (lambda rows: np.hstack([rows, rows]), "of the shape"),
    "fewer": (lambda rows: rows[:-1], "of the shape"),
    "NaN": (lambda rows: rows * np.float32(np.nan), "NaN"),
    "infinite": (lambda rows: rows + np.float32(np.inf), "NaN or an infinite"),
}


class Spoilt:
    def __init__(self, embedder: Embedder, spoil: Spoil) -> None:
        self._embedder = embedder
        self._spoil = spoil
        self.fingerprint, self.dimensions = embedder.fingerprint, embedder.dimensions

    async def embed(self, texts: Sequence[str]) -> Matrix:
        rows = await self._embedder.embed(texts)
        return self._spoil(rows) if texts else rows


@pytest.mark.parametrize(("spoil", "says"), SPOILT.values(), ids=SPOILT)
async def test_they_are_refused_when_written_and_when_asked(
    tmp_path: Path, spoil: Spoil, says: str
) -> None:
    arguments = {"data.dir": str(tmp_path), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        await app.ingest.run(app.scope("c"), [Upload(Blob(b"Boots are brown.", "a.txt"))])
        embedder = Spoilt(app.embedder, spoil)
        with pytest.raises(UpstreamError, match=says):
            await embed_texts(embedder, ["a", "b", "c"], batch=2, tokens=True)
        search = Retrieve(app.catalog, app.store, embedder, ranking=Ranking())
        with pytest.raises(UpstreamError, match=says):
            await search.search(app.scope("c"), SearchRequest("boots"))
        found = await search.search(app.scope("c"), SearchRequest("boots", "keyword"))
        assert [hit.source for hit in found.hits] == ["a.txt"]
