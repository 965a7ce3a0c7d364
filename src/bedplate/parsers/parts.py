"""What lies in a container, and how much of it may be unpacked."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from bedplate.domain.documents import Blob, Document, Failure, Metadata, MetadataValue
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.protocol import SHARE_OF_TIME, ParseLimits

INSIDE = "!/"
"""Between a container and what lies in it: "letters.zip!/2024/march.pdf"."""

_LONGEST_NAME = 150
_STEP = 1 << 20
_FREE_BYTES = 16 << 20
_MOST_RATIO = 300
_SEPARATORS = re.compile(r"[/\\]+")


@dataclass(frozen=True, slots=True)
class Part:
    """What lies in a container. Of an `optional` one, failing to be read is only a remark."""

    name: str
    content: bytes
    media_type: str | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])
    optional: bool = False


Piece = Document | Part | Failure | str
"""What comes out of a container: its own text, a part, a part that is lost, or a remark."""


class Budget:
    """What is left of the limits for one blob and all that lies in it, however deep."""

    def __init__(self, blob: Blob, limits: ParseLimits) -> None:
        self._source = blob.source
        self._start = time.monotonic() - limits.spent
        self._parts = 0
        self.limits = limits
        self.spent = False

    def unpack(self, read: Callable[[int], bytes], packed: int, name: str) -> bytes:
        """All that `read` gives, step by step, of what takes `packed` bytes in its container.

        Raises:
            TooLarge: more than is left, or so much more than `packed` that it was made to harm.
        """
        steps: list[bytes] = []
        size = 0
        while step := read(_STEP):
            size += len(step)
            self.expand(len(step))
            if size > _FREE_BYTES and size > packed * _MOST_RATIO:
                raise TooLarge(f"{name!r} unpacks to over {_MOST_RATIO} times its size.")
            steps.append(step)
        return b"".join(steps)

    def expand(self, size: int) -> None:
        left = self.limits.expanded - size
        if left < 0:
            raise self._exceeded("unpacks to more bytes than the limit on them allows")
        self.limits = replace(self.limits, expanded=left)

    def part(self) -> None:
        """Count one more; TooLarge past the limit, Unreadable "timeout" when time runs out."""
        self._parts += 1
        if self._parts > self.limits.parts:
            raise self._exceeded(f"holds more than {self.limits.parts:,} parts")
        spent = time.monotonic() - self._start
        if spent > SHARE_OF_TIME * self.limits.seconds:
            self.spent = True
            raise Unreadable(
                f"{self._source!r} takes longer than the {self.limits.seconds:g} s of "
                "ingest.parse_seconds; the rest of it was not opened.",
                reason="timeout",
            )
        self.limits = replace(self.limits, spent=spent)

    def keep(self, document: Document) -> None:
        characters = self.limits.characters - sum(len(block.text) for block in document.blocks)
        documents = self.limits.documents - 1
        if characters < 0 or documents < 0:
            raise self._exceeded("holds more text or documents than the limits allow")
        self.limits = replace(self.limits, characters=characters, documents=documents)

    def _exceeded(self, what: str) -> TooLarge:
        self.spent = True
        return TooLarge(f"{self._source!r} {what}; the rest of it was not opened.")


OpenContainer = Callable[[Blob, Budget], Iterator[Piece]]
"""Yields what a container holds. Raises as a reader does; what came before is kept."""


def harmless_name(name: str) -> str:
    """A part's name as a path that leads nowhere else and shows what would not be seen.

    "../../etc/passwd" is "etc/passwd"; control characters and the like are written %07.
    """
    steps = [_shown(step) for step in _SEPARATORS.split(name)]
    return "/".join(short_name(step) for step in steps if step not in {"", ".", ".."}) or "unnamed"


def is_hidden(name: str) -> bool:
    """Whether a folder of such files would be read without it: .git, .DS_Store, __MACOSX."""
    steps = _SEPARATORS.split(name)
    return any(
        (step.startswith(".") and step not in {".", ".."}) or step == "__MACOSX" for step in steps
    )


def short_name(name: str) -> str:
    """A long name without its middle: the ending stays, for it tells the format."""
    if len(name) <= _LONGEST_NAME:
        return name
    half = _LONGEST_NAME // 2
    return f"{name[:half]}…{name[-half:]}"


def _shown(step: str) -> str:
    tidy = " ".join(step.split()).removesuffix(":")
    return "".join(c if c.isprintable() else f"%{ord(c):02X}" for c in tidy)
