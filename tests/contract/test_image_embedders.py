"""The contract of every image embedder."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.fixtures.tiny_towers import picture, write_siglip, write_towers

from bedplate.embedders import IMAGE_EMBEDDERS
from bedplate.embedders.protocol import ImageEmbedder
from bedplate.errors import ConfigError, TooLarge, Unreadable

FORMS = ("fastembed-clip", "fastembed-siglip")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def options(form: str, tmp_path: Path) -> Mapping[str, Any]:
    """What the adapter cannot do without."""
    if form == "fastembed-clip":
        return {"folder": write_towers(tmp_path / "model")}
    return {
        "model": "siglip2-base-patch16-224",
        "folder": write_siglip(tmp_path / "model"),
    }


@pytest.fixture
async def embedder(form: str, options: Mapping[str, Any]) -> AsyncIterator[ImageEmbedder]:
    async with IMAGE_EMBEDDERS.load(form.partition("-")[0])(options) as opened:
        yield opened


def test_the_suite_holds_every_adapter_to_it() -> None:
    assert {form.partition("-")[0] for form in FORMS} == set(IMAGE_EMBEDDERS.names())


async def test_both_towers_give_unit_rows_of_the_promised_shape(embedder: ImageEmbedder) -> None:
    images = await embedder.embed_images([picture(200, 10, 10), picture(0, 0, 0)])
    texts = await embedder.embed_texts(["red", "", "\ud800 blue", "red " * 500])
    for rows in (images, texts):
        assert rows.dtype == np.float32
        assert rows.shape[1] == embedder.dimensions
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-4)


async def test_nothing_gives_no_rows(embedder: ImageEmbedder) -> None:
    assert (await embedder.embed_images([])).shape == (0, embedder.dimensions)
    assert (await embedder.embed_texts([])).shape == (0, embedder.dimensions)


async def test_a_text_is_nearest_to_the_image_that_shows_it(embedder: ImageEmbedder) -> None:
    shown = [picture(250, 5, 5), picture(5, 250, 5, kind="JPEG"), picture(5, 5, 250, kind="WEBP")]
    images = await embedder.embed_images(shown)
    texts = await embedder.embed_texts(["red", "a green one", "blue"])
    cosines = texts @ images.T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2]
    assert all(float(cosines[n, n]) >= embedder.least for n in range(3))


async def test_rows_stay_in_order_beyond_a_batch(embedder: ImageEmbedder) -> None:
    shown = [picture(n * 12, 255 - n * 12, 40) for n in range(20)]
    together = await embedder.embed_images(shown)
    for content, row in zip(shown, together, strict=True):
        assert float(row @ (await embedder.embed_images([content]))[0]) > 0.9999


async def test_the_fingerprint_is_the_same_at_every_start_and_follows_the_weights(
    form: str, options: Mapping[str, Any]
) -> None:
    adapter = IMAGE_EMBEDDERS.load(form.partition("-")[0])
    async with adapter(options) as first, adapter(options) as second:
        assert first.fingerprint == second.fingerprint != ""
    [network] = [path for path in options["folder"].rglob("*.onnx") if "text" in str(path)]
    network.write_bytes(network.read_bytes().replace(b"words", b"parts"))
    async with adapter(options) as other:
        assert other.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", picture(1, 2, 3)[:60], picture(9, 9, 9, kind="JPEG")[:300]],
    ids=["empty", "text", "cut-png", "cut-jpeg"],
)
async def test_what_cannot_be_decoded_is_unreadable(
    embedder: ImageEmbedder, content: bytes
) -> None:
    with pytest.raises(Unreadable):
        await embedder.embed_images([content])


async def test_more_pixels_than_allowed_are_refused(form: str, options: Mapping[str, Any]) -> None:
    adapter = IMAGE_EMBEDDERS.load(form.partition("-")[0])
    async with adapter({**options, "max_pixels": 100}) as embedder:
        assert len(await embedder.embed_images([picture(1, 1, 1, side=10)])) == 1
        with pytest.raises(TooLarge, match="11 x 11"):
            await embedder.embed_images([picture(1, 1, 1, side=11)])


async def test_unknown_options_are_refused(form: str, options: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError, match="extra"):
        async with IMAGE_EMBEDDERS.load(form.partition("-")[0])({**options, "nonsense": 1}):
            pass


async def test_towers_of_two_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not of one model"):
        async with IMAGE_EMBEDDERS.load("fastembed")({"folder": write_towers(tmp_path, numbers=4)}):
            pass


async def test_a_folder_without_a_network_is_refused_by_its_name(tmp_path: Path) -> None:
    (write_towers(tmp_path) / "vision" / "model.onnx").unlink()
    with pytest.raises(ConfigError, match=r"vision' holds no model\.onnx"):
        async with IMAGE_EMBEDDERS.load("fastembed")({"folder": tmp_path}):
            pass


async def test_offline_fetches_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="offline"):
        async with IMAGE_EMBEDDERS.load("fastembed")({"cache": tmp_path / "m", "offline": True}):
            pass
    assert not (tmp_path / "m").exists()
