import io
import sys
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.image import read_image
from bedplate.parsers.ocr import Pictures
from bedplate.parsers.outline import Outline
from bedplate.parsers.pdf import read_pdf
from bedplate.parsers.protocol import ParseLimits


def drawn(*lines: str) -> Image.Image:
    image = Image.new("RGB", (900, 60 + 50 * len(lines)), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(32)
    for place, line in enumerate(lines):
        pen.text((30, 30 + 50 * place), line, "black", font)
    return image


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def scan(pages: Sequence[str]) -> bytes:
    """A PDF whose pages are pictures of these words; an empty one is blank."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(900, 200), invariant=True)
    for words in pages:
        if words:
            canvas.drawImage(ImageReader(drawn(words)), 0, 50)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def read(content: bytes, limits: ParseLimits | None = None) -> Parsed:
    return read_image(Blob(content, "a/photo.png"), limits or ParseLimits())


def test_the_words_in_a_picture_are_read_in_order() -> None:
    (document,) = read(saved(drawn("Keep the umbrella", "dry and folded."), "PNG")).documents
    assert [block.text for block in document.blocks] == ["Keep the umbrella dry and folded."]
    assert (document.media_type, document.pages, document.title) == ("image/png", 1, "photo")


def test_a_turned_photograph_is_turned_back() -> None:
    turned = drawn("Keep the umbrella dry").rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Secret Artist"
    parsed = read(saved(turned, "JPEG", exif=exif))
    assert parsed.documents[0].text == "Keep the umbrella dry"
    assert parsed.documents[0].metadata == {}


def test_the_pages_of_a_tiff_are_pages() -> None:
    first, second = drawn("First page").convert("1"), drawn("Second page").convert("1")
    parsed = read(saved(first, "TIFF", save_all=True, append_images=[second]))
    blocks = parsed.documents[0].blocks
    assert [(block.page, block.text) for block in blocks] == [(1, "First page"), (2, "Second page")]
    assert parsed.documents[0].media_type == "image/tiff"


def test_a_picture_without_words_says_so() -> None:
    with pytest.raises(Unreadable, match="shows no words") as caught:
        read(saved(Image.new("L", (40, 30), "white"), "PNG"))
    assert caught.value.reason == "no_text"


def test_a_decompression_bomb_is_not_decoded() -> None:
    size = (60_000).to_bytes(4, "big")
    head = b"IHDR" + size * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + zlib.crc32(head).to_bytes(4, "big")
    with pytest.raises(TooLarge, match="60,000 by 60,000 pixels"):
        read(bomb + b"\0\0\0\0IDAT\x35\xaf\x06\x1e")


def test_without_the_extra_a_picture_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(Unreadable, match=r"pip install 'bedplate\[ocr\]'") as caught:
        read(saved(drawn("x"), "PNG"))
    assert caught.value.reason == "unsupported"
    with pytest.raises(Unreadable, match=r"pip install 'bedplate\[ocr\]'") as caught:
        read_pdf(Blob(scan(["x"]), "a.pdf"), ParseLimits())
    assert caught.value.reason == "no_text"


def test_too_little_memory_for_the_models_is_said_so() -> None:
    with pytest.raises(Unreadable, match="parse_memory_bytes of 1,500,000,000"):
        read(saved(drawn("x"), "PNG"), ParseLimits(memory=1 << 30))


def test_only_pages_without_text_are_read_as_pictures() -> None:
    blob = Blob(scan(["Keep it dry", "", "Fold it well"]), "a.pdf")
    parsed = read_pdf(blob, ParseLimits())
    assert [(b.page, b.text) for b in parsed.documents[0].blocks] == [
        (1, "Keep it dry"),
        (3, "Fold it well"),
    ]
    assert parsed.warnings == (
        "No text on page(s) 2. Nothing can be read in pictures there either.",
    )


def test_pages_that_would_take_too_long_are_named_and_the_rest_is_kept() -> None:
    outline = Outline(Blob(b"", "a.pdf"), 1_000)
    pictures = Pictures(outline, Blob(b"", "a.pdf"), ParseLimits(seconds=0.4))
    page = np.asarray(drawn("Keep it dry"))
    for number in range(1, 4):
        pictures.add(number, lambda: page)
    assert [block.page for block in outline.blocks] == [1]
    (failure,) = pictures.failures
    assert (failure.source, failure.code) == ("a.pdf#2", "timeout")
    assert "pages 2 to 3 (2 of them) were not read" in failure.message


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + bytes(64), saved(drawn("x"), "PNG")[:200], b"GIF89a"]
)
def test_broken_pictures_are_malformed(content: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content)
    assert caught.value.reason == "malformed"
