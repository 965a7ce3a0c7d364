"""The contract of every embedder."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.fixtures.embeddings_wire import serve_embeddings_wire
from tests.fixtures.extras import load_or_skip
from tests.fixtures.sentence_transformer import write_sentence_transformer
from tests.fixtures.static_model import write_static_model
from tests.fixtures.tiny_encoder import write_encoder

from bedplate.embedders import EMBEDDERS
from bedplate.embedders.cache import open_embedder_cache
from bedplate.embedders.protocol import Embedder, TokenEmbedder, gives_tokens
from bedplate.errors import ConfigError
from bedplate.terms import TermVector

TEXTS = ["a red umbrella", "", "日本語のテキスト", "long " * 2000, "\x00 odd \ufffd"]


@pytest.fixture(params=EMBEDDERS.names())
def name(request: pytest.FixtureRequest) -> str:
    load_or_skip(EMBEDDERS, request.param)
    return request.param


@pytest.fixture
async def options(name: str, tmp_path: Path) -> AsyncIterator[Mapping[str, Any]]:
    """What the adapter cannot do without."""
    match name:
        case "openai":
            async with serve_embeddings_wire() as wire:
                yield {"base_url": wire.base_url, "model": "m"}
        case "static":
            yield {"path": write_static_model(tmp_path / "model")}
        case "fastembed":
            yield {"folder": write_encoder(tmp_path / "model")}
        case "sentence_transformers":
            yield {"folder": write_sentence_transformer(tmp_path / "model")}
        case _:
            yield {}


@pytest.fixture(params=[False, True], ids=["plain", "cached"])
async def embedder(
    name: str, options: Mapping[str, Any], request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Embedder]:
    """Each adapter as it is, and behind the cache."""
    file = tmp_path / "embeddings.db"
    async with (
        EMBEDDERS.load(name)(options) as opened,
        open_embedder_cache(opened, file, max_bytes=10_000_000) as remembering,
    ):
        yield remembering if request.param else opened


async def test_vectors_are_unit_rows_of_the_promised_shape(embedder: Embedder) -> None:
    vectors = await embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)


async def test_rows_stay_in_order_whatever_the_lengths(embedder: Embedder) -> None:
    together = await embedder.embed(TEXTS)
    for row, text in zip(together, TEXTS, strict=True):
        assert float(row @ (await embedder.embed([text]))[0]) > 0.99


async def test_nothing_gives_no_rows(embedder: Embedder) -> None:
    assert (await embedder.embed([])).shape == (0, embedder.dimensions)


async def test_shared_words_bring_texts_nearer(embedder: Embedder) -> None:
    query, near, far = await embedder.embed(
        ["umbrella for rain", "a rain umbrella", "chocolate cake recipe"]
    )
    assert query @ near > query @ far


async def test_the_fingerprint_is_the_same_at_every_start(
    name: str, options: Mapping[str, Any]
) -> None:
    async with EMBEDDERS.load(name)(options) as first, EMBEDDERS.load(name)(options) as second:
        assert first.fingerprint == second.fingerprint != ""


async def test_unknown_options_are_refused(name: str, options: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError, match="extra"):
        async with EMBEDDERS.load(name)({**options, "nonsense": 1}):
            pass


async def test_token_vectors_point_into_the_text() -> None:
    async with EMBEDDERS.load("onnx")({}) as embedder:
        assert isinstance(embedder, TokenEmbedder)
        text = "Größe: an umbrella, 19.99"
        [found] = await embedder.embed_tokens([text])
        words = [text[start:end] for start, end in found.spans.tolist()]
        assert "".join(words) == text.replace(" ", "")
        assert found.vectors.shape == (len(words), embedder.dimensions)


async def test_late_vectors_are_the_same_pass_without_stop_words_and_marks() -> None:
    async with EMBEDDERS.load("onnx")({}) as embedder:
        assert gives_tokens(embedder)
        texts = ["The umbrellas, and an umbrella!", "", "the and of"]
        first, empty, stops = await embedder.embed_late(texts)
        assert len(empty.tokens) == len(stops.tokens) == 0
        # Two words of which the longer is cut into pieces: all of them stand for one term.
        assert set(first.terms.tolist()) == set(TermVector.of("umbrella").ids.tolist())
        assert first.tokens.shape == (len(first.terms), embedder.token_width)
        words = "".join(texts[0][start:end] for start, end in first.spans.tolist())
        assert words == "umbrellasumbrella"
        spans = await embedder.late_spans(texts)
        assert [each.tolist() for each in spans] == [first.spans.tolist(), [], []]
        lengths = np.linalg.norm(first.tokens.astype(np.float32), axis=1)
        assert lengths == pytest.approx(np.full(len(lengths), 127.0), abs=3)
        alone = await embedder.embed(texts)
        assert all(
            float(late.vector @ row) > 0.99
            for late, row in zip((first, empty, stops), alone, strict=True)
        )


async def test_a_text_by_itself_is_remembered_for_who_asks_next() -> None:
    async with EMBEDDERS.load("onnx")({}) as embedder:
        assert gives_tokens(embedder)
        [first] = await embedder.embed_late(["umbrella"])
        [again] = await embedder.embed_late(["umbrella"])
        assert again is first


async def test_late_vectors_bring_related_words_nearer() -> None:
    async with EMBEDDERS.load("onnx")({}) as embedder:
        assert gives_tokens(embedder)
        query, near, far = await embedder.embed_late(["umbrella", "a parasol", "a sandwich"])
        asked = query.tokens.astype(np.float32)
        best = [
            (asked @ text.tokens.astype(np.float32).T).max(axis=1).sum() for text in (near, far)
        ]
        assert best[0] > 2 * best[1]


async def test_onnx_knows_meaning_without_shared_words() -> None:
    async with EMBEDDERS.load("onnx")({}) as embedder:
        query, near, far = await embedder.embed(
            ["rainy weather gear", "a sturdy umbrella", "a chocolate cake"]
        )
        assert query @ near > query @ far + 0.2


async def test_onnx_needs_model_and_tokenizer_together() -> None:
    with pytest.raises(ValidationError, match="go together"):
        async with EMBEDDERS.load("onnx")({"model": "x.onnx"}):
            pass


async def test_onnx_names_a_file_it_cannot_read() -> None:
    with pytest.raises(ConfigError, match=r"missing\.onnx"):
        async with EMBEDDERS.load("onnx")({"model": "missing.onnx", "tokenizer": "t.json"}):
            pass


async def test_half_a_surrogate_pair_is_read_as_any_odd_character(embedder: Embedder) -> None:
    vectors = await embedder.embed(["rain \ud800 coat"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0], abs=1e-4)
