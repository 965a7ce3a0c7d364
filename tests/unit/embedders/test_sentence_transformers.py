"""sentence-transformers: a folder as that library writes it, and a hub that is not asked."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.fixtures.extras import load_or_skip
from tests.fixtures.sentence_transformer import write_sentence_transformer
from tests.fixtures.tiny_encoder import DIMENSIONS

from bedplate.embedders import EMBEDDERS
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError

MODEL = "team/tiny"
REVISION = "0" * 39 + "1"


@pytest.fixture(autouse=True)
def installed() -> None:
    load_or_skip(EMBEDDERS, "sentence_transformers")


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Embedder]:
    async with EMBEDDERS.load("sentence_transformers")(options) as embedder:
        yield embedder


async def refused(**options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        async with opened(**options):
            pass
    return caught.value.message


async def test_a_prefix_is_read_before_every_text(tmp_path: Path) -> None:
    folder = write_sentence_transformer(tmp_path)
    async with opened(folder=folder, prefix="red ") as prefixed, opened(folder=folder) as plain:
        [found], [wanted] = await prefixed.embed(["cake"]), await plain.embed(["red cake"])
        [other] = await plain.embed(["cake"])
        assert float(found @ wanted) == pytest.approx(1, abs=1e-5)
        assert float(found @ other) < 0.999


async def test_the_window_bounds_what_is_read(tmp_path: Path) -> None:
    async with opened(folder=write_sentence_transformer(tmp_path), window=16) as embedder:
        cut, whole = await embedder.embed(["rain " * 14 + "cake " * 9, "rain " * 14])
        np.testing.assert_allclose(cut, whole, atol=1e-5)


async def test_more_texts_than_a_batch_stay_in_order(tmp_path: Path) -> None:
    texts = ["rain " * (1 + n % 7) if n % 2 else "cake" for n in range(20)]
    async with opened(folder=write_sentence_transformer(tmp_path), batch=3) as embedder:
        together = await embedder.embed(texts)
        for text, found in zip(texts, together, strict=True):
            assert float(found @ (await embedder.embed([text]))[0]) > 0.9999


async def test_the_fingerprint_follows_weights_pooling_window_and_prefix_not_the_place(
    tmp_path: Path,
) -> None:
    folder = write_sentence_transformer(tmp_path / "a")
    moved = Path(shutil.copytree(folder, tmp_path / "b"))
    seen: list[str] = []
    for options in (
        {"folder": folder},
        {"folder": moved},
        {"folder": write_sentence_transformer(tmp_path / "c", seed=1)},
        {"folder": write_sentence_transformer(tmp_path / "d", pooling="cls")},
        {"folder": folder, "window": 16},
        {"folder": folder, "prefix": "query: "},
    ):
        async with opened(**options) as embedder:
            seen.append(embedder.fingerprint)
    assert seen[0] == seen[1]
    assert len(set(seen)) == len(seen) - 1


async def test_a_model_in_the_cache_is_opened_without_the_hub(tmp_path: Path) -> None:
    place = tmp_path / "models--team--tiny"
    write_sentence_transformer(place / "snapshots" / REVISION)
    async with opened(model=MODEL, revision=REVISION, cache=tmp_path, offline=True) as embedder:
        assert embedder.dimensions == DIMENSIONS
        assert embedder.fingerprint.startswith("sentence-transformers-team/tiny-")


async def test_offline_fetches_nothing_and_says_where_it_looked(tmp_path: Path) -> None:
    message = await refused(model=MODEL, cache=tmp_path / "models", offline=True)
    assert str(tmp_path / "models") in message
    assert "offline" in message


async def test_a_fetch_that_was_cut_off_is_no_model_offline(tmp_path: Path) -> None:
    folder = tmp_path / "models--team--tiny" / "snapshots" / REVISION
    (write_sentence_transformer(folder) / "model.safetensors").unlink()
    message = await refused(model=MODEL, revision=REVISION, cache=tmp_path, offline=True)
    assert "not whole" in message


async def test_weights_that_are_pickled_are_not_read(tmp_path: Path) -> None:
    folder = write_sentence_transformer(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert str(folder) in await refused(folder=folder)


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json", "modules.json"])
async def test_a_damaged_file_is_refused_by_the_folder(broken: str, tmp_path: Path) -> None:
    folder = write_sentence_transformer(tmp_path)
    (folder / broken).write_bytes(b"no such thing")
    assert str(folder) in await refused(folder=folder)


async def test_other_dimensions_than_configured_are_refused(tmp_path: Path) -> None:
    message = await refused(folder=write_sentence_transformer(tmp_path), dimensions=384)
    assert "32 numbers; dimensions is 384" in message


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give either model"),
        ({"model": MODEL, "folder": "x"}, "give either model"),
        ({"folder": "x", "revision": "main"}, "only a model on the hub"),
    ],
)
async def test_options_that_contradict_each_other_are_refused(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        async with opened(**options):
            pass
