"""The last lines that a managed server wrote."""

import re
from collections import deque
from collections.abc import Sequence

LONGEST_LINE = 1_000
"""In characters; what is longer is cut."""

_LONGEST_BYTES = 8 * LONGEST_LINE
_ENDS = re.compile(rb"[\r\n]+")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MASK = "***"


class ServerLog:
    """At most `lines` lines, without terminal codes; `hide` are texts shown as `***`."""

    def __init__(self, lines: int) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._open = b""
        self.hide: tuple[str, ...] = ()

    def feed(self, written: bytes) -> None:
        *whole, self._open = _ENDS.split(self._open + written)
        for line in whole:
            self._keep(line)
        while len(self._open) > _LONGEST_BYTES:
            self._keep(self._open[:_LONGEST_BYTES])
            self._open = self._open[_LONGEST_BYTES:]

    def note(self, line: str) -> None:
        """A line of Bedplate's own among the server's."""
        self._flush()
        self._lines.append(f"[bedplate] {line}")

    def tail(self, lines: int) -> Sequence[str]:
        self._flush()
        return list(self._lines)[-lines:] if lines > 0 else []

    def _flush(self) -> None:
        if self._open:
            self._keep(self._open)
            self._open = b""

    def _keep(self, line: bytes) -> None:
        text = _CONTROLS.sub("", _ESCAPES.sub("", line.decode("utf-8", "replace")))
        for secret in self.hide:
            text = text.replace(secret, _MASK)
        if text.strip():
            self._lines.append(text.rstrip()[:LONGEST_LINE])
