"""Text in pictures by a Tesseract that is installed, through `tesseract_process.py`."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bedplate.errors import Unreadable
from bedplate.parsers.decode import clean
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tesseract_process import READ, write_all
from bedplate.parsers.wire import HEADER

_PROCESS = "bedplate.parsers.tesseract_process"
_LEAST_CONFIDENCE = 30.0
_LEAST_LETTERS = 2
_WORD_LEVEL = "5"
_COLUMNS = 12
_STEP = 1 << 20


def start_tesseract(limits: ParseLimits) -> tuple[int, int]:
    """The pipes of a process that reads pictures: where they go in, where answers come out.

    It ends when this process does.
    """
    command = [sys.executable, "-P", "-m", _PROCESS, limits.tesseract, str(limits.seconds)]
    process = subprocess.Popen(  # noqa: S603 - the server's own configuration names the program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if process.stdin is None or process.stdout is None:
        raise OSError("A process came without pipes.")
    # Duplicates outlive the objects here, which close theirs.
    return os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())


class Tesseract:
    """Reads pictures one after another, through the pipes of `start_tesseract`."""

    def __init__(self, source: str, pipes: tuple[int, int]) -> None:
        self._source = source
        self._pictures, self._answers = pipes

    def paragraphs(self, picture: NDArray[np.uint8]) -> list[str]:
        """What the picture shows (rows of blue, green, red), in the program's reading order.

        Unreadable "unsupported" with the program's own words when it fails.
        """
        height, width = picture.shape[:2]
        # A portable pixmap: https://netpbm.sourceforge.net/doc/ppm.html
        content = b"P6\n%d %d\n255\n" % (width, height) + picture[:, :, ::-1].tobytes()
        try:
            write_all(self._pictures, HEADER.pack(len(content)) + content)
            answer = _read(self._answers, *HEADER.unpack(_read(self._answers, HEADER.size)))
        except (OSError, EOFError) as error:
            # No error of the picture's: it ends this process, and the server starts another.
            raise RuntimeError("Tesseract's process has ended.") from error
        if answer[:1] != READ:
            said = " ".join(answer[1:].decode("utf-8", "replace").split())
            raise Unreadable(
                f"{self._source!r} is a picture of text that Tesseract does not read: {said}",
                reason="unsupported",
            )
        paragraphs = list(_paragraphs(answer[1:].decode("utf-8", "replace")))
        if sum(map(str.isalnum, "".join(paragraphs))) < _LEAST_LETTERS:
            return []
        return paragraphs


def _read(pipe: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(pipe, min(size, _STEP))
        if not part:
            raise EOFError("the pipe has ended")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _paragraphs(table: str) -> Iterator[str]:
    """Words of one paragraph, lines joined; the columns are those of Tesseract's TSV output."""
    lines: list[list[str]] = []
    place: Sequence[str] = ()
    for row in table.split("\n"):
        cells = row.split("\t")
        if len(cells) != _COLUMNS or cells[0] != _WORD_LEVEL:
            continue
        word = " ".join(clean(cells[11]).split())
        if not word or float(cells[10]) < _LEAST_CONFIDENCE:
            continue
        if lines and cells[1:4] != place[:3]:
            yield _joined(lines)
            lines = []
        if not lines or cells[1:5] != place:
            lines.append([])
        lines[-1].append(word)
        place = cells[1:5]
    if lines:
        yield _joined(lines)


def _joined(lines: Sequence[Sequence[str]]) -> str:
    text = " ".join(lines[0])
    for line in lines[1:]:
        if text.endswith("-") and line[0][0].islower():
            text = text[:-1] + " ".join(line)
        else:
            text += " " + " ".join(line)
    return text
