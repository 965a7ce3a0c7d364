"""Token vectors of passages: kept, remembered or made."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio

from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit, IndexedVectors
from bedplate.embedders.onnx import OnnxEmbedder, open_onnx_embedder
from bedplate.embedders.protocol import LateVectors, Matrix, Spans
from bedplate.models.quote_vectors import PassageVectors

TEXT = "You have sixty days to return an item. The refund takes five more."
LONG = " ".join(f"Hut {n} has {n} beds and a stove." for n in range(60))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bundled() -> AsyncIterator[OnnxEmbedder]:
    async with open_onnx_embedder({}) as opened:
        assert isinstance(opened, OnnxEmbedder)
        yield opened


class Watched:
    """An embedder that notes what it is given to encode, and waits before `held` until told."""

    def __init__(self, embedder: OnnxEmbedder, held: str = "") -> None:
        self._embedder = embedder
        self._held = held
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self.token_width = embedder.token_width
        self.encoded: list[str] = []
        self.waits = asyncio.Event()
        self.go_on = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await self._embedder.embed(texts)

    async def embed_late(self, texts: Sequence[str]) -> list[LateVectors]:
        self.encoded += texts
        if self._held and any(self._held in text for text in texts):
            self.waits.set()
            await self.go_on.wait()
        return await self._embedder.embed_late(texts)

    async def late_spans(self, texts: Sequence[str]) -> list[Spans]:
        return await self._embedder.late_spans(texts)


def passage(text: str, title: str = "Returns", heading: str = "Refunds") -> Passage:
    id = DocumentId(title)
    hit = Hit(id, ChunkId(f"{id}#0"), 1.0, text, title, "", 0, len(text), heading=heading)
    return Passage(1, hit)


async def indexed(embedder: OnnxEmbedder, found: Passage, head: str) -> Passage:
    """As a search gives it, from a collection that embeds passages behind `head`."""
    text = found.hit.text
    [late] = await embedder.embed_late([head + text])
    kept = IndexedVectors(embedder.fingerprint, text, late.vector.tobytes(), late.tokens.tobytes())
    return replace(found, hit=replace(found.hit, indexed=kept))


@pytest.mark.parametrize("head", ["Returns\nRefunds\n", "Returns\n", "Refunds\n", ""])
async def test_what_the_index_kept_is_not_made_again(bundled: OnnxEmbedder, head: str):
    watched = Watched(bundled)
    [found] = await PassageVectors(watched).of([await indexed(bundled, passage(TEXT), head)])

    [made] = await bundled.embed_late([head + TEXT])
    assert watched.encoded == []
    assert found.tokens.tolist() == made.tokens.tolist()
    assert found.vector.tolist() == made.vector.tolist()
    assert "".join(TEXT[a:b] for a, b in found.spans.tolist() if a >= 0) == (
        "sixtydaysreturnitemrefundtakesfive"
    )


async def test_what_was_beyond_the_window_is_made(bundled: OnnxEmbedder):
    watched = Watched(bundled)
    kept = await indexed(bundled, passage(LONG), "Returns\nRefunds\n")
    [found] = await PassageVectors(watched).of([kept])
    [made] = await PassageVectors(watched).of([passage(LONG)])

    assert 0 < len(watched.encoded[0]) < len(LONG)
    assert LONG.endswith(watched.encoded[0])
    assert found.spans.tolist() == made.spans.tolist()
    assert LONG[found.spans[-1, 0] :] == "stove."


@pytest.mark.parametrize("changed", ["text", "embedder"])
async def test_vectors_of_another_text_or_embedder_are_not_used(
    bundled: OnnxEmbedder, changed: str
):
    watched = Watched(bundled)
    kept = await indexed(bundled, passage(TEXT), "Returns\nRefunds\n")
    assert kept.hit.indexed is not None
    index = (
        replace(kept.hit.indexed, embedder="other") if changed == "embedder" else kept.hit.indexed
    )
    text = TEXT.replace("sixty", "ninety") if changed == "text" else TEXT
    await PassageVectors(watched).of(
        [replace(kept, hit=replace(kept.hit, text=text, indexed=index))]
    )

    assert watched.encoded == [f"Returns\nRefunds\n{text}"]


async def test_a_passage_without_kept_vectors_is_made_once(bundled: OnnxEmbedder):
    watched = Watched(bundled)
    vectors = PassageVectors(watched)
    first = await vectors.of([passage(TEXT), passage(TEXT)])
    again = await vectors.of([passage(TEXT)])

    assert len(watched.encoded) == 1
    assert first[0] is first[1] is again[0]


async def test_a_passage_that_others_push_out_of_memory_meanwhile_is_read_all_the_same(
    bundled: OnnxEmbedder,
):
    watched = Watched(bundled, held="Hut seven")
    vectors = PassageVectors(watched, most_bytes=20_000)
    await vectors.of([passage(TEXT)])
    waiting = asyncio.create_task(vectors.of([passage(TEXT), passage("Hut seven is closed.")]))
    await watched.waits.wait()
    await vectors.of([passage(f"{LONG} {n}") for n in range(2)])
    watched.go_on.set()

    assert len(await waiting) == 2
    await vectors.of([passage(f"{LONG} 0")])
    assert watched.encoded.count(f"Returns\nRefunds\n{LONG} 0") == 2


@pytest.mark.parametrize("text", ["", "   ", "???", "the and of"])
async def test_a_passage_without_words_has_no_tokens(bundled: OnnxEmbedder, text: str):
    [found] = await PassageVectors(bundled).of([passage(text, "", "")])

    assert len(found.tokens) == len(found.spans) == 0
    assert np.isfinite(found.vector).all()
