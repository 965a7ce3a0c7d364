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

MOST_FETCHED = 20
"""By one request."""


class Attached:
    """Puts in place what items only refer to."""

    def __init__(self, parser: Parser, load: Load, fetch: Fetch) -> None:
        self._parser = parser
        self._load = load
        self._fetch = fetch
        self._fetched = 0

    async def read(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The items with the text of their files in place of the bytes, and stored images whole.

        Raises:
            NotFound: a stored file is not there.
            InvalidInput: what is no base64, or no image.
            Unreadable: a file, or a part of it, cannot be read; TooLarge as the parser raises it.
        """
        return tuple([await self._item(item) for item in items])

    async def _item(self, item: Item) -> Item:
        match item:
            case Message() if any(
                isinstance(each, InputFile | InputImage) for each in item.content
            ):
                return structs.replace(item, content=await self._parts(item.content))
            case FunctionCallOutput(output=tuple() as output):
                return structs.replace(item, output=await self._parts(output))
            case _:
                return item

    async def _parts(self, parts: Sequence[P]) -> tuple[P | InputFile | InputImage, ...]:
        return tuple([await self._part(part) for part in parts])

    async def _part(self, part: P) -> P | InputFile | InputImage:
        match part:
            case InputFile(file_id=str(id), text=""):
                kept = await self._load(id)
                return await self._text(part, kept.filename, kept.content)
            case InputFile(file_url=str(url), text=""):
                return await self._away(part, url)
            case InputFile(file_data=str(data)):
                return await self._text(part, part.filename, _decoded(part.filename, data))
            case InputImage(file_id=str(id), image_url=None):
                return _image(part, id, await self._load(id))
            case _:
                return part

    async def _away(self, part: InputFile, url: str) -> InputFile:
        self._fetched += 1
        if self._fetched > MOST_FETCHED:
            raise InvalidInput(
                f"file_url: at most {MOST_FETCHED} files of a request are fetched.", param="input"
            )
        found = await self._fetch(url)
        return await self._text(part, found.filename, found.content, found.media_type)

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


def _decoded(name: str, given: str) -> bytes:
    header, comma, data = given.partition(",")
    try:
        encoded = data if comma and header.startswith("data:") else given
        return base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            f"file_data of {name!r} is not base64: {error}.", param="input"
        ) from error


def _image(part: InputImage, id: str, kept: Kept) -> InputImage:
    if len(kept.content) > MOST_IMAGE_BYTES:
        raise TooLarge(
            f"The image {id!r} has {len(kept.content):,} bytes; at most {MOST_IMAGE_BYTES:,} are sent "
            "to a model."
        )
    media_type = image_type(kept.content)
    if media_type not in SHOWN:
        raise InvalidInput(
            f"The file {id!r} is no PNG, JPEG, GIF or WebP; send it as input_file.", param="input"
        )
    encoded = base64.b64encode(kept.content).decode("ascii")
    return structs.replace(part, image_url=f"data:{media_type};base64,{encoded}")
