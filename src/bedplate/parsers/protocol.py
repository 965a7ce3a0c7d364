"""What a parser is: bytes of one media type in, documents out."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from bedplate.domain.documents import Blob, Parsed

SHARE_OF_TIME = 0.8
"""Of `ParseLimits.seconds`: past it a reader begins no further part, so that what it has is kept."""


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Bounds on one blob. Sizes in bytes, `expanded` counts what archives unpack to,
    `parts` what lies in them and in mails.

    `processes` is how many a reader may start; with 0 the system refuses it, where it can.
    `spent` are those of the `seconds` that went by before this reader began: on the other parts of
    the container that its blob lies in. `speech_model` is the folder of the model that hears what
    is said; without one, sound is refused. `tesseract` is the program that reads pictures in place
    of the extra `ocr`; a parser process starts it and fills in `tesseract_pipes`.
    """

    bytes: int = 100 * 1024 * 1024
    expanded: int = 500 * 1024 * 1024
    parts: int = 50_000
    pages: int = 5_000
    characters: int = 50_000_000
    documents: int = 1_000_000
    seconds: float = 120.0
    memory: int = 2 * 1024 * 1024 * 1024
    processes: int = 0
    spent: float = 0.0
    speech_model: str = ""
    tesseract: str = ""
    tesseract_pipes: tuple[int, int] | None = None


class ReadBlob(Protocol):
    """A format's reader: a plain function, run in a worker process.

    Raises Unreadable (reason: empty, binary, encrypted, truncated, malformed, ...) or TooLarge.
    Rows or parts that fail alone go to `Parsed.failures`; the rest is returned.
    """

    def __call__(self, blob: Blob, limits: ParseLimits) -> Parsed: ...


class Parser(Protocol):
    """Reads any blob whose format is in the table; Unreadable names the format otherwise."""

    async def parse(self, blob: Blob) -> Parsed: ...


class PictureParser(Parser, Protocol):
    """One that also tells what an image shows."""

    async def picture(self, blob: Blob) -> bytes:
        """The first picture of an image file, upright, as a plain one: PPM, not over 2,048 pixels
        wide and high. What cannot be decoded is Unreadable, what is too large TooLarge.
        """
        ...


class OpenParser(Protocol):
    def __call__(self, limits: ParseLimits) -> AbstractAsyncContextManager[Parser]: ...
