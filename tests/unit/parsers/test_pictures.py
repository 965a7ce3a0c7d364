"""What an image shows, decoded in a parser process."""

import io
from collections.abc import Sequence

import numpy as np
import psutil
import pytest

from bedplate.domain.documents import Blob, Parsed
from bedplate.embedders.protocol import Matrix
from bedplate.errors import TooLarge, Unreadable
from bedplate.ingest.pictures import Pictures
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def image(width: int, height: int, kind: str = "PNG", **options: object) -> bytes:
    made = Image.new("RGB", (width, height), (250, 20, 20))
    made.putpixel((0, 0), (20, 20, 250))
    written = io.BytesIO()
    made.save(written, kind, **options)
    return written.getvalue()


async def test_an_image_becomes_a_plain_picture_upright_and_of_bounded_size() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    async with open_parser(ParseLimits(), slots=1) as parser:
        for kind in ("PNG", "BMP", "GIF", "TIFF"):
            plain = await parser.picture(Blob(image(4, 2, kind), "a"))
            assert plain.startswith(b"P6\n4 2\n255\n")
            assert len(plain) == len(b"P6\n4 2\n255\n") + 4 * 2 * 3
        upright = await parser.picture(Blob(image(4, 2, "PNG", exif=turned), "a.png"))
        assert upright.startswith(b"P6\n2 4\n")
        large = await parser.picture(Blob(image(5_000, 100), "large.png"))
        assert large.startswith(b"P6\n2048 41\n")


async def test_what_is_no_image_or_too_large_is_refused_and_the_process_goes_on() -> None:
    wide = image(3, 3).replace(b"\0\0\0\x03\0\0\0\x03", b"\0\0\x90\0\0\0\x90\0")
    async with open_parser(ParseLimits(), slots=1) as parser:
        for content in (image(9, 9)[:60], b"no image", b""):
            with pytest.raises(Unreadable, match="'a.png' is no picture") as caught:
                await parser.picture(Blob(content, "a.png"))
            assert caught.value.reason == "malformed"
        with pytest.raises((TooLarge, Unreadable), match="'wide.png'"):
            await parser.picture(Blob(wide, "wide.png"))
        assert (await parser.parse(Blob(b"fine words", "a.txt"))).documents


async def test_a_decoder_that_dies_takes_nothing_with_it() -> None:
    async with open_parser(ParseLimits(), slots=1) as parser:
        await parser.parse(Blob(b"words", "a.txt"))
        running = psutil.Process().children()
        (worker,) = [each for each in running if "bedplate.parsers.worker" in each.cmdline()]
        worker.kill()
        with pytest.raises(Unreadable, match=r"'a\.png' crashed its parser"):
            await parser.picture(Blob(image(2, 2), "a.png"))
        assert (await parser.picture(Blob(image(2, 2), "a.png"))).startswith(b"P6")


class Recording:
    """An image embedder that keeps what it was given."""

    fingerprint, dimensions, least = "recording", 2, 0.0

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def embed_images(self, images: Sequence[bytes]) -> Matrix:
        self.seen += images
        return np.ones((len(images), 2), dtype=np.float32)

    async def embed_texts(self, texts: Sequence[str]) -> Matrix:
        return np.ones((len(texts), 2), dtype=np.float32)


class Strangers:
    """A parser that has one picture for all."""

    async def parse(self, blob: Blob) -> Parsed:
        raise Unreadable(f"{blob.source!r} shows no words.", reason="no_text")

    async def picture(self, blob: Blob) -> bytes:
        assert blob.content
        return b"P6\n1 1\n255\nabc"


async def test_the_embedder_is_given_plain_pictures_and_never_the_file() -> None:
    embedder = Recording()
    pictures = Pictures(Strangers(), embedder)
    vector = await pictures.vector(Blob(image(2, 2), "a.png"))
    assert vector is not None
    assert vector.embedder == "recording"
    assert embedder.seen == [b"P6\n1 1\n255\nabc"]
    assert await pictures.vector(Blob(b"words", "a.txt")) is None
