"""Files that come with a request: read by the parser, as text for the model."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from bedplate.domain.documents import Blob
from bedplate.errors import InvalidInput, Unreadable
from bedplate.parsers.protocol import Parser
from bedplate.responses.items import FunctionCallOutput, InputFile, Item, Message, Part

P = TypeVar("P", bound=Part)


async def read_files(parser: Parser, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items with the text of their files in place of the bytes.

    Raises:
        InvalidInput: what is no base64.
        Unreadable: a file, or a part of it, cannot be read; TooLarge as the parser raises it.
    """
    return tuple([await _read(parser, item) for item in items])


async def _read(parser: Parser, item: Item) -> Item:
    match item:
        case Message() if any(isinstance(part, InputFile) for part in item.content):
            return msgspec.structs.replace(item, content=await _parts(parser, item.content))
        case FunctionCallOutput(output=tuple() as output):
            return msgspec.structs.replace(item, output=await _parts(parser, output))
        case _:
            return item


async def _parts(parser: Parser, parts: Sequence[P]) -> tuple[P | InputFile, ...]:
    return tuple(
        [
            await _file(parser, part) if isinstance(part, InputFile) and part.file_data else part
            for part in parts
        ]
    )


async def _file(parser: Parser, file: InputFile) -> InputFile:
    header, comma, data = (file.file_data or "").partition(",")
    encoded = data if comma and header.startswith("data:") else file.file_data or ""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            f"file_data of {file.filename!r} is not base64: {error}.", param="input"
        ) from error
    parsed = await parser.parse(Blob(content, file.filename))
    if parsed.failures:
        raise Unreadable(parsed.failures[0].message, reason=parsed.failures[0].code)
    text = "\n\n".join(document.text for document in parsed.documents)
    if not text.strip():
        raise Unreadable(f"{file.filename!r} holds no text.", reason="empty")
    return InputFile(file.filename, text=text)
