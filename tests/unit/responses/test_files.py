"""Files that come with a request are bounded, whichever way they come."""

import base64

import pytest

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import InvalidInput, TooLarge
from bedplate.responses import files
from bedplate.responses.files import Attached, Kept
from bedplate.responses.items import (
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Message,
    Part,
)

PNG = b"\x89PNG\r\n\x1a\n"


class NeverParses:
    async def parse(self, blob: Blob) -> Parsed:
        raise AssertionError(f"{blob.source} was parsed")


def attached(content: bytes = PNG) -> Attached:
    async def load(id: str) -> Kept:
        return Kept(id, content)

    return Attached(NeverParses(), load, load)


def images(count: int) -> tuple[Part, ...]:
    return tuple(InputImage(file_id=f"file-{number}") for number in range(count))


async def test_stored_images_are_counted_over_all_items_and_calls():
    reader = attached()
    [first, _] = await reader.read(
        [Message("user", images(10)), FunctionCallOutput("c", images(10))]  # pyright: ignore[reportArgumentType]
    )
    assert isinstance(first, Message)
    [image, *_] = first.content
    assert isinstance(image, InputImage)
    assert image.image_url == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"

    with pytest.raises(InvalidInput, match="at most 20 files") as raised:
        await reader.read([Message("user", images(1))])
    assert raised.value.param == "input"


async def test_stored_images_have_a_bound_together():
    large = PNG + bytes(files.MOST_IMAGE_BYTES - len(PNG))
    reader = attached(large)
    await reader.read([Message("user", images(2))])

    with pytest.raises(TooLarge, match="'file-0', have 62,914,560 bytes"):
        await reader.read([Message("user", images(1))])


async def test_what_was_read_before_is_not_counted_again():
    read: list[Part] = [InputFile("a.txt", file_id="file-1", text="Told."), InputText("Hi")]
    message = Message("user", tuple(read * 30))

    assert await attached().read([message]) == (message,)
