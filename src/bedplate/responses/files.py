"""Files that come with a request: read by the parser, as text for the model; images as they are."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec import structs

from bedplate.domain.documents import Blob
from bedplate.errors import InvalidInput, TooLarge, Unreadable
from bedplate.ingest.pictures import image_type
from bedplate.parsers.protocol import Parser
from bedplate.responses.items import (
    CustomToolCallOutput,
    FunctionCallOutput,
    InputFile,
    InputImage,
    Item,
    Message,
    Part,
)

MOST_IMAGE_BYTES = 20 * 1024 * 1024
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored file, or one that was fetched."""

    filename: str
    content: bytes
    media_type: str | None = None


Load = Callable[[str], Awaitable[Kept]]
"""By its id; NotFound where there is none."""


Fetch = Callable[[str], Awaitable[Kept]]
"""By its URL; InvalidInput where it cannot be had."""

MOST_FILES = 20
"""Of one request: files, and stored images."""

MOST_STORED_IMAGE_BYTES = 50 * 1024 * 1024
"""Of all stored images of one request."""


class Attached:
    """Puts in place what items only refer to."""

    def __init__(self, parser: Parser, load: Load, fetch: Fetch) -> None:
        self._parser = parser
        self._load = load
        self._fetch = fetch
        self._files = 0
        self._image_bytes = 0

    async def read(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The items with the text of their files in place of the bytes, and stored images whole.

        Raises:
            NotFound: a stored file is not there.
            InvalidInput: what is no base64, or no image; more than MOST_FILES, over all calls.
            Unreadable: a file, or a part of it, cannot be read; TooLarge as the parser raises it.
        """
        return tuple([await self._item(item) for item in items])

    async def _item(self, item: Item) -> Item:
        match item:
            case Message() if any(
                isinstance(each, InputFile | InputImage) for each in item.content
            ):
                return structs.replace(item, content=await self._parts(item.content))
            case (
                FunctionCallOutput(output=tuple() as output)
                | CustomToolCallOutput(output=tuple() as output)
            ):
                return structs.replace(item, output=await self._parts(output))
            case _:
                return item

    async def _parts(self, parts: Sequence[P]) -> tuple[P | InputFile | InputImage, ...]:
        return tuple([await self._part(part) for part in parts])

    async def _part(self, part: P) -> P | InputFile | InputImage:
        match part:
            case InputFile(file_id=str(id), text=""):
                self._count()
                kept = await self._load(id)
                return await self._text(part, kept.filename, kept.content)
            case InputFile(file_url=str(url), text=""):
                self._count()
                found = await self._fetch(url)
                return await self._text(part, found.filename, found.content, found.media_type)
            case InputFile(file_data=str(data)):
                self._count()
                return await self._text(part, part.filename, _decoded(part.filename, data))
            case InputImage(file_id=str(id), image_url=None):
                self._count()
                return self._image(part, id, await self._load(id))
            case _:
                return part

    def _count(self) -> None:
        self._files += 1
        if self._files > MOST_FILES:
            raise InvalidInput(
                f"input: at most {MOST_FILES} files and stored images of a request are read; send "
                "the others with a further request.",
                param="input",
            )

    async def _text(
        self, file: InputFile, name: str, content: bytes, media_type: str | None = None
    ) -> InputFile:
        parsed = await self._parser.parse(Blob(content, name, media_type))
        if parsed.failures:
            raise Unreadable(parsed.failures[0].message, reason=parsed.failures[0].code)
        text = "\n\n".join(document.text for document in parsed.documents)
        if not text.strip():
            raise Unreadable(f"{name!r} holds no text.", reason="empty")
        return InputFile(name, file_id=file.file_id, file_url=file.file_url, text=text)

    def _image(self, part: InputImage, id: str, kept: Kept) -> InputImage:
        size = len(kept.content)
        if size > MOST_IMAGE_BYTES:
            raise TooLarge(
                f"The image {id!r} has {size:,} bytes; at most {MOST_IMAGE_BYTES:,} are sent to a "
                "model."
            )
        self._image_bytes += size
        if self._image_bytes > MOST_STORED_IMAGE_BYTES:
            raise TooLarge(
                f"The stored images of the request, up to {id!r}, have {self._image_bytes:,} bytes; "
                f"at most {MOST_STORED_IMAGE_BYTES:,} are sent to a model."
            )
        media_type = image_type(kept.content)
        if media_type not in SHOWN:
            raise InvalidInput(
                f"The file {id!r} is no PNG, JPEG, GIF or WebP; send it as input_file.",
                param="input",
            )
        encoded = base64.b64encode(kept.content).decode("ascii")
        return structs.replace(part, image_url=f"data:{media_type};base64,{encoded}")


def _decoded(name: str, given: str) -> bytes:
    header, comma, data = given.partition(",")
    try:
        encoded = data if comma and header.startswith("data:") else given
        return base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            f"file_data of {name!r} is not base64: {error}.", param="input"
        ) from error
