"""Image files as documents that are found by what they show.

What a parser reads in an image, such as the text on it, are blocks as of any file. An image in
which it reads nothing, or that it does not read at all, is a document of its name.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from bedplate.domain.documents import Blob, Block, Document, Parsed
from bedplate.domain.ids import DocumentId
from bedplate.embedders.protocol import ImageEmbedder
from bedplate.errors import Unreadable
from bedplate.parsers.protocol import PictureParser
from bedplate.state.protocol import ImageVector

WITHOUT_TEXT = frozenset({"empty", "no_text", "unsupported"})
"""Reasons of a parser for which an image is still a picture."""

MAGIC: Sequence[tuple[bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
BETWEEN_WORDS = re.compile(r"[\s_.-]+")


class Pictures:
    """Reads blobs as `parser` does, and images as pictures besides."""

    def __init__(self, parser: PictureParser, embedder: ImageEmbedder) -> None:
        self._parser = parser
        self._embedder = embedder

    async def parse(self, blob: Blob) -> Parsed:
        """As Parser; the one document of an image has a fingerprint that follows the embedder."""
        media_type = image_type(blob.content)
        if media_type is None:
            return await self._parser.parse(blob)
        try:
            parsed = await self._parser.parse(blob)
        except Unreadable as error:
            if error.reason not in WITHOUT_TEXT:
                raise
            parsed = Parsed((_captioned(blob, media_type),))
        return replace(parsed, documents=tuple(self._as_picture(d) for d in parsed.documents))

    async def vector(self, blob: Blob) -> ImageVector | None:
        """What the blob shows; None where it is no image.

        Raises:
            Unreadable: an image that cannot be decoded. TooLarge: one of too many pixels.
        """
        if image_type(blob.content) is None:
            return None
        # Decoded where files are parsed: no hostile one meets a decoder in this process.
        shown = await self._parser.picture(blob)
        rows = await self._embedder.embed_images([shown])
        return ImageVector(self._embedder.fingerprint, rows[0])

    def _as_picture(self, document: Document) -> Document:
        facts = f"{document.sha256}|{self._embedder.fingerprint}"
        return replace(document, sha256=hashlib.sha256(facts.encode()).hexdigest())


def image_type(content: bytes) -> str | None:
    """The media type of an image by its first bytes; None for anything else."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in MAGIC if content.startswith(magic)), None)


def _captioned(blob: Blob, media_type: str) -> Document:
    name = PurePosixPath(blob.source.replace("\\", "/")).stem
    caption = BETWEEN_WORDS.sub(" ", name).strip() or blob.source
    return Document(
        id=DocumentId(blob.source),
        title=caption,
        source=blob.source,
        media_type=media_type,
        blocks=(Block(caption),),
        sha256=blob.sha256,
        origin=blob.source,
    )
