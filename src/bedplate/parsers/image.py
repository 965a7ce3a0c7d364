"""Pictures by what is written in them: decoded by Pillow, read by OCR (extra `ocr`)."""

import importlib
import io
from functools import partial
from typing import Any

import numpy as np

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.ocr import LONGEST_SIDE, Picture, Pictures
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits

VERSION = "image/1"

_MOST_PIXELS = 50_000_000
_TYPES = {"PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"}
# What Pillow's decoders raise of broken files.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError)


def read_image(blob: Blob, limits: ParseLimits) -> Parsed:
    """The pages of a TIFF are pages; of an animation the first picture is read.

    Of EXIF only the orientation is used. A picture without words is "no_text".
    """
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    try:
        pillow: Any = importlib.import_module("PIL.Image")
    except ModuleNotFoundError as error:
        raise Unreadable(
            f"{blob.source!r} is a picture; reading it needs an optional dependency: "
            "pip install 'bedplate[ocr]'.",
            reason="unsupported",
        ) from error
    # Ours is lower, and checked for every page.
    pillow.MAX_IMAGE_PIXELS = None
    outline = Outline(blob, limits.characters)
    try:
        with pillow.open(io.BytesIO(blob.content), formats=sorted(_TYPES)) as image:
            pages: int = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            media_type = f"image/{image.format.lower()}"
            if pages > limits.pages:
                raise TooLarge(
                    f"{blob.source!r} has {pages:,} pages; the limit is {limits.pages:,}."
                )
            pictures = Pictures(outline, blob, limits)
            for number in range(pages):
                pictures.add(number + 1, partial(_page, image, number, blob))
    except _BROKEN as error:
        raise Unreadable(
            f"{blob.source!r} is no picture that can be read: {error}", reason="malformed"
        ) from error
    if not outline.blocks:
        if pictures.failures:
            raise Unreadable(pictures.failures[0].message, reason="timeout")
        raise Unreadable(f"{blob.source!r} shows no words.", reason="no_text")
    parsed = outline.parsed(VERSION, media_type, title=None, metadata={}, pages=pages)
    return Parsed(parsed.documents, pictures.failures)


def _page(image: Any, number: int, blob: Blob) -> Picture:
    image.seek(number)
    if image.width * image.height > _MOST_PIXELS:
        raise TooLarge(
            f"{blob.source!r} has {image.width:,} by {image.height:,} pixels; "
            f"at most {_MOST_PIXELS:,} are decoded."
        )
    # JPEG decoders can scale on the way, which saves most of the memory.
    image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    turned = importlib.import_module("PIL.ImageOps").exif_transpose(image)
    if turned.mode in {"1", "P"}:
        # Two-coloured and palette pictures can only be scaled by leaving pixels out.
        turned = turned.convert("L" if turned.mode == "1" else "RGBA")
    turned.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clear = turned.convert("RGBA")
    ground = importlib.import_module("PIL.Image").new("RGBA", clear.size, "white")
    ground.alpha_composite(clear)
    pixels = np.asarray(ground.convert("RGB"), dtype=np.uint8)
    return np.ascontiguousarray(pixels[:, :, ::-1])
