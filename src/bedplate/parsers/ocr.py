"""Text in pictures by RapidOCR (extra `ocr`): one thread, the models of its own package.

Without the extra, Tesseract serves where the server found it (`tesseract.py`). RapidOCR works
within the usual memory of a parser process: pictures are scaled down to what the models look at,
and the runtime keeps no arena.
"""

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.documents import Blob, Failure
from bedplate.errors import Unreadable
from bedplate.parsers.decode import clean
from bedplate.parsers.drawing import Box, cut_in_order
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import SHARE_OF_TIME, ParseLimits
from bedplate.parsers.tesseract import Tesseract

LONGEST_SIDE = 2_000
"""Pixels; a larger picture is scaled down to this before it is read."""

_LEAST_SCORE = 0.5
# A single sign is what the model makes of an edge or a plain surface.
_LEAST_LETTERS = 2
_LEAST_SIDE = 32
_MOST_NARROW = 8
_LEAST_MEMORY = 1_500_000_000
_OPTIONS = {
    "Global.use_cls": False,
    "Global.log_level": "error",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
}

Picture = NDArray[np.uint8]
"""Rows of pixels of three bytes each: blue, green, red."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    box: Box


class Ocr:
    """Reads pictures one after another."""

    def __init__(self, source: str, limits: ParseLimits) -> None:
        """Unreadable "unsupported" when the extra is missing, or memory too short for it."""
        if limits.memory < _LEAST_MEMORY:
            raise Unreadable(
                f"{source!r} is a picture of text; reading it needs an ingest.parse_memory_bytes "
                f"of {_LEAST_MEMORY:,} or more.",
                reason="unsupported",
            )
        try:
            library = importlib.import_module("rapidocr")
        except ModuleNotFoundError as error:
            raise Unreadable(
                f"{source!r} is a picture of text; reading it needs an optional dependency, "
                "pip install 'bedplate[ocr]', or the program tesseract on the server's PATH.",
                reason="unsupported",
            ) from error
        self._engine: Callable[[Picture], Any] = library.RapidOCR(params=_OPTIONS)

    def paragraphs(self, picture: Picture) -> list[str]:
        """What the picture shows, in reading order; lines that follow closely are joined."""
        found = self._engine(_padded(picture))
        if not found.txts:
            return []
        lines = [
            _Line(" ".join(clean(text).split()), _box(corners))
            for text, corners, score in zip(found.txts, found.boxes, found.scores, strict=True)
            if score >= _LEAST_SCORE and text.strip()
        ]
        if sum(map(str.isalnum, "".join(line.text for line in lines))) < _LEAST_LETTERS:
            return []
        return list(_joined(list(cut_in_order(lines, [line.box for line in lines]))))


class Pictures:
    """The pages of one file that are pictures: their text goes to the outline while there is time.

    A page that would not be done within `limits.seconds` is not begun; it and those after it are
    one failure that names them, and what was read is kept.
    """

    def __init__(self, outline: Outline, blob: Blob, limits: ParseLimits) -> None:
        """Unreadable "unsupported" as `Ocr` has it."""
        self._outline = outline
        self._source = blob.source
        self._seconds = limits.seconds
        self._start = time.monotonic() - limits.spent
        self._slowest = 0.0
        self._late: list[int] = []
        pipes = limits.tesseract_pipes
        self._ocr = Tesseract(blob.source, pipes) if pipes else Ocr(blob.source, limits)

    def add(self, page: int, picture: Callable[[], Picture]) -> None:
        begun = time.monotonic()
        spent = begun - self._start
        if self._late or spent + self._slowest > SHARE_OF_TIME * self._seconds:
            self._late.append(page)
            return
        for paragraph in self._ocr.paragraphs(picture()):
            self._outline.add(paragraph, page=page)
        self._slowest = max(self._slowest, time.monotonic() - begun)

    @property
    def failures(self) -> tuple[Failure, ...]:
        if not self._late:
            return ()
        first, last, count = self._late[0], self._late[-1], len(self._late)
        shown = f"page {first}" if count == 1 else f"pages {first} to {last} ({count} of them)"
        message = (
            f"{self._source!r}: the pictures on {shown} were not read; that would take longer "
            f"than the {self._seconds:g} s of ingest.parse_seconds."
        )
        return (Failure(f"{self._source}#{first}", "timeout", message),)


def _padded(picture: Picture) -> Picture:
    """The picture with white below and beside it: the library blows narrow ones up without bound."""
    height, width = picture.shape[:2]
    least = max(_LEAST_SIDE, max(height, width) // _MOST_NARROW)
    extra = (0, max(0, least - height)), (0, max(0, least - width)), (0, 0)
    return np.pad(picture, extra, constant_values=255)


def _box(corners: Sequence[Sequence[float]]) -> Box:
    across, down = [int(x) for x, _ in corners], [int(y) for _, y in corners]
    return Box(min(across), min(down), max(across), max(down))


def _joined(lines: Sequence[_Line]) -> Iterator[str]:
    paragraph: list[str] = []
    before: _Line | None = None
    for line in lines:
        if before is not None and not _follows(before.box, line.box):
            yield " ".join(paragraph)
            paragraph = []
        if paragraph and paragraph[-1].endswith("-") and line.text[0].islower():
            paragraph[-1] = paragraph[-1][:-1] + line.text
        else:
            paragraph.append(line.text)
        before = line
    if paragraph:
        yield " ".join(paragraph)


def _follows(above: Box, below: Box) -> bool:
    """Whether a line stands right under another, in the same column and about as high."""
    height, other = above.bottom - above.top, below.bottom - below.top
    overlap = min(above.right, below.right) - max(above.left, below.left)
    near = -height < below.top - above.bottom < 0.8 * height
    return near and overlap > 0 and 0.6 < other / max(1, height) < 1.6
