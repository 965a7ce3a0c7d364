"""An image as a plain picture: decoded by Pillow, where a hostile file can harm nothing else."""

import importlib
import io
import struct
from typing import Any

from bedplate.domain.documents import Blob
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.protocol import ParseLimits

SIDE = 2_048
_MOST_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
# What decoders raise for damaged files; Pillow has no base for them.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)


def show_picture(blob: Blob, _: ParseLimits) -> bytes:
    """See PictureParser. Of an animation or a file of pages the first one."""
    try:
        pillow: Any = importlib.import_module("PIL.Image")
        turn: Any = importlib.import_module("PIL.ImageOps")
    except ModuleNotFoundError as error:
        raise Unreadable(
            f"{blob.source!r} is a picture; to see what it shows needs Pillow: "
            "pip install 'bedplate[fastembed]'.",
            reason="unsupported",
        ) from error
    # Ours is lower.
    pillow.MAX_IMAGE_PIXELS = None
    try:
        with pillow.open(io.BytesIO(blob.content), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS:
                raise TooLarge(
                    f"{blob.source!r} has {width:,} by {height:,} pixels; at most "
                    f"{_MOST_PIXELS:,} are decoded."
                )
            picture = turn.exif_transpose(image).convert("RGB")
            picture.thumbnail((SIDE, SIDE))
    except _DAMAGED as error:
        raise Unreadable(
            f"{blob.source!r} is no picture that can be decoded: {error}", reason="malformed"
        ) from error
    plain = io.BytesIO()
    picture.save(plain, format="PPM")
    return plain.getvalue()
