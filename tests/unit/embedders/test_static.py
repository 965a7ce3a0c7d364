"""The static embedder: rows of a matrix, averaged; and files that do not fit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fixtures.static_model import (
    WORDS,
    matrix_of_words,
    one_tensor,
    safetensors,
    write_static_model,
)

from bedplate.embedders.protocol import Embedder
from bedplate.embedders.static import open_static_embedder
from bedplate.errors import ConfigError

MATRIX = matrix_of_words().astype(np.float32)


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[Embedder]:
    async with open_static_embedder({"path": folder, **options}) as embedder:
        yield embedder


async def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        async with opened(folder):
            pass
    return caught.value.message


def unit(row: Any) -> Any:
    return row / np.linalg.norm(row)


async def test_a_vector_is_the_mean_of_its_tokens(tmp_path: Path) -> None:
    async with opened(write_static_model(tmp_path)) as embedder:
        rain, cake = WORDS.index("rain") + 1, WORDS.index("cake") + 1
        found = await embedder.embed(["rain rain cake", "cake"])
        np.testing.assert_allclose(found[0], unit(2 * MATRIX[rain] + MATRIX[cake]), atol=1e-5)
        np.testing.assert_allclose(found[1], unit(MATRIX[cake]), atol=1e-5)


async def test_unknown_words_change_nothing(tmp_path: Path) -> None:
    async with opened(write_static_model(tmp_path)) as embedder:
        known, mixed, unknown, nothing = await embedder.embed(
            ["red rain", "red zebra rain", "zebra", ""]
        )
        np.testing.assert_array_equal(known, mixed)
        np.testing.assert_array_equal(unknown, nothing)


async def test_texts_beyond_a_step_of_work_stay_in_order(tmp_path: Path) -> None:
    texts = [f"{WORDS[n % 10]} " * (1 + n % 700) for n in range(120)]
    async with opened(write_static_model(tmp_path), window=700) as embedder:
        together = await embedder.embed(texts)
        for n in (0, 1, 60, 119):
            np.testing.assert_allclose(together[n], unit(MATRIX[1 + n % 10]), atol=1e-4)


async def test_the_window_bounds_what_is_read(tmp_path: Path) -> None:
    async with opened(write_static_model(tmp_path), window=16) as embedder:
        cut, whole = await embedder.embed(["rain " * 16 + "cake " * 99, "rain"])
        np.testing.assert_allclose(cut, whole, atol=1e-5)


async def test_the_fingerprint_tells_weights_and_window_apart(tmp_path: Path) -> None:
    folder = write_static_model(tmp_path)
    async with opened(folder) as first, opened(folder, window=99) as second:
        assert first.fingerprint != second.fingerprint
    (folder / "model.safetensors").write_bytes(one_tensor(matrix_of_words(seed=1)))
    async with opened(folder) as other:
        assert other.fingerprint != first.fingerprint


async def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    assert "nowhere/model.safetensors cannot be read" in await refused(tmp_path / "nowhere")


async def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    (write_static_model(tmp_path) / "tokenizer.json").unlink()
    assert "tokenizer.json cannot be read" in await refused(tmp_path)


async def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    (write_static_model(tmp_path) / "tokenizer.json").write_text("{}")
    assert "is no tokenizer" in await refused(tmp_path)


async def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    content = one_tensor(matrix_of_words()[:5])
    (write_static_model(tmp_path) / "model.safetensors").write_bytes(content)
    assert "not of one model" in await refused(tmp_path)


async def test_a_damaged_matrix_is_refused(tmp_path: Path) -> None:
    (write_static_model(tmp_path) / "model.safetensors").write_bytes(safetensors(b"{", b""))
    assert "model.safetensors cannot be used" in await refused(tmp_path)
