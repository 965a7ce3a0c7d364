"""A guard over JSON that streams: values are read as what they mean, and JSON it stays.

Text that is not JSON is guarded all the same: what stands between double quotes as a string, the
rest as it is.
"""

import json
import re
from collections.abc import Iterator, Sequence

from bedplate.domain.guard import Finding
from bedplate.guards.pii import fold
from bedplate.guards.spans import Finder, OpenFinder
from bedplate.guards.stream import Replace

_NAME = 60
"""Characters of a field's name that tell what its value is."""

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNICODE_ESCAPE = 6
_PLAIN = re.compile(r'[^"\\]+')
_HEX = re.compile(r"\\u[0-9A-Fa-f]{4}")
_NUMBER = "+-.0123456789eE"


class _Part:
    """A string, or what stands between two, in pieces: signs as they mean and as they are written."""

    def __init__(self, finder: Finder, replace: Replace, *, quoted: bool) -> None:
        self._finder = finder
        self._replace = replace
        self._quoted = quoted
        self._meant = ""
        self._written: list[str] = []
        self._left = 0
        self.stopped: str | None = None
        self.last = ""

    @property
    def held(self) -> int:
        return len(self._meant)

    def push(self, meant: str, written: Sequence[str]) -> str:
        self.last = (self.last + meant)[-_NAME:]
        self._meant += meant
        self._written += written
        return self._leave(self._finder.push(fold(meant)))

    def finish(self) -> str:
        return self._leave(self._finder.finish())

    def _leave(self, findings: Sequence[Finding]) -> str:
        return "".join(self._pieces(findings))

    def _pieces(self, findings: Sequence[Finding]) -> Iterator[str]:
        position = 0
        settled = self._finder.settled - self._left
        for found in findings:
            start, end = found.start - self._left, found.end - self._left
            value = self._meant[start:end]
            if not self._quoted and value[-1:].isdigit():
                start, end = self._whole_number(position, start, end, settled)
            yield "".join(self._written[position:start])
            position = end
            if not found.type:
                continue
            put = self._replace(found.type, value)
            if put is None:
                self.stopped = found.type
                break
            if put == value:
                yield "".join(self._written[start:end])
                continue
            text = json.dumps(put, ensure_ascii=False)
            yield text[1:-1] if self._quoted else text
        else:
            yield "".join(self._written[position:settled])
        self._meant = self._meant[settled:]
        del self._written[:settled]
        self._left += settled

    def _whole_number(self, first: int, start: int, end: int, settled: int) -> tuple[int, int]:
        """What stands outside of strings is replaced by one, which no sign of a number may touch."""
        while start > first and self._meant[start - 1] in _NUMBER:
            start -= 1
        while end < settled and self._meant[end] in _NUMBER:
            end += 1
        return start, end


class JsonGuard:
    """Replaces findings in strings, in names of fields, and numbers that are findings by strings."""

    def __init__(self, open_finder: OpenFinder, replace: Replace) -> None:
        self._open_finder = open_finder
        self._replace = replace
        self._pending = ""
        self._string = False
        self._name = ""
        self._part = self._opened(quoted=False)

    @property
    def stopped(self) -> str | None:
        return self._part.stopped

    @property
    def held(self) -> int:
        return self._part.held + len(self._pending)

    def push(self, text: str) -> str:
        if self.stopped is not None:
            return ""
        text, self._pending = self._pending + text, ""
        out: list[str] = []
        position = 0
        while position < len(text) and self.stopped is None:
            plain = _PLAIN.match(text, position)
            if plain:
                out.append(self._part.push(plain[0], list(plain[0])))
                position = plain.end()
            elif text[position] == '"':
                out.append(self._quote())
                position += 1
            else:
                escape = _escape(text, position)
                if escape is None:
                    self._pending = text[position:]
                    break
                out.append(self._part.push(_meaning(escape), [escape]))
                position += len(escape)
        return "".join(out)

    def finish(self) -> str:
        if self.stopped is not None:
            return ""
        rest = self._part.push(self._pending, list(self._pending)) if self._pending else ""
        self._pending = ""
        return rest + self._part.finish()

    def _quote(self) -> str:
        """A string begins or ends."""
        rest = self._part.finish()
        if self._part.stopped is not None:
            return rest
        said = self._part.last
        self._string = not self._string
        if self._string:
            name = self._name if said.strip() == ":" else ""
        else:
            name = self._name = said
        self._part = self._opened(quoted=self._string, name=name)
        return f'{rest}"'

    def _opened(self, *, quoted: bool, name: str = "") -> _Part:
        before = f'{name}": "' if quoted and name else name and f'{name}"'
        return _Part(self._open_finder(fold(before)), self._replace, quoted=quoted)


def _escape(text: str, start: int) -> str | None:
    """The escape that begins at `start`; None where it goes on behind the text."""
    if len(text) - start < 2 or (text[start + 1] == "u" and len(text) - start < _UNICODE_ESCAPE):
        return None
    return text[start : start + (_UNICODE_ESCAPE if _HEX.match(text, start) else 2)]


def _meaning(escape: str) -> str:
    if len(escape) == _UNICODE_ESCAPE:
        return chr(int(escape[2:], 16))
    return _ESCAPES.get(escape[1], escape[1])
