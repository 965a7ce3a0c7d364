"""Files in the messages of a chat completion: read by the parser, as text for the model.

Source: OpenAI API reference, "Create chat completion", file content parts.
"""

from collections.abc import Mapping
from typing import Any, cast

from msgspec import Struct

from bedplate.api.attached import attached
from bedplate.api.reading import convert, kind, wrong
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput, TooLarge, Unreadable
from bedplate.responses.context import text_of
from bedplate.responses.files import MOST_FILES
from bedplate.responses.items import InputFile, Message


class File(Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


async def with_files(app: App, tenant: TenantId, raw: dict[str, Any]) -> dict[str, Any]:
    """The body with the text of its users' files in their place.

    Raises:
        InvalidInput: a file that is none, or one too many.
        NotFound: a stored file is not there.
        Unreadable: a file, or a part of it, cannot be read; TooLarge as the parser raises it.
    """
    files = 0
    for at, message in enumerate(_objects(raw.get("messages"))):
        if message.get("role") != "user":
            continue
        for place, part in enumerate(_objects(message.get("content"))):
            if part.get("type") != "file":
                continue
            files += 1
            if files > MOST_FILES:
                raise wrong("messages", f"at most {MOST_FILES} files of a request are read")
            where = f"messages.{at}.content.{place}.file"
            text = await _read(app, tenant, part.get("file"), where)
            part.clear()
            part.update(type="text", text=text)
    return raw


async def _read(app: App, tenant: TenantId, given: object, where: str) -> str:
    if not isinstance(given, dict):
        raise wrong(where, f"expected object, got {kind(given)}")
    file = convert(cast(Mapping[str, Any], given), File, where)
    if bool(file.file_data) == bool(file.file_id):
        raise wrong(where, "expected file_data or file_id, and not both")
    part = InputFile(file.filename or "file", file.file_data or None, file.file_id or None)
    try:
        [read] = await attached(app, tenant, where).read([Message("user", (part,))])
    except (Unreadable, TooLarge):
        raise
    except InvalidInput as error:
        raise InvalidInput(error.message, param=where) from error
    return text_of(cast(Message, read).content)


def _objects(given: object) -> list[dict[str, Any]]:
    """Of a list; what is no object counts as an empty one, and is refused later."""
    if not isinstance(given, list):
        return []
    return [
        cast(dict[str, Any], each) if isinstance(each, dict) else {}
        for each in cast(list[object], given)
    ]
