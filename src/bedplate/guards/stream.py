"""A guard over text that streams: what leaves equals the guard applied to the whole."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from bedplate.domain.guard import Finding
from bedplate.guards.pii import fold
from bedplate.guards.spans import Finder

Replace = Callable[[str, str], str | None]
"""What stands in place of a finding, by its type and the value; None ends the text there."""


class Stage(Protocol):
    """Text in pieces to text in pieces; `finish` gives what was held back, once, at the end."""

    @property
    def stopped(self) -> str | None:
        """The type of the finding that ended the text; nothing leaves after it."""
        ...

    @property
    def held(self) -> int:
        """Characters that are held back."""
        ...

    def push(self, text: str) -> str: ...

    def finish(self) -> str: ...


class StreamGuard:
    """Replaces findings. Held back is the shortest end that could still become part of one."""

    def __init__(self, finder: Finder, replace: Replace) -> None:
        self._finder = finder
        self._replace = replace
        self._text = ""
        self._left = 0
        self.stopped: str | None = None

    @property
    def held(self) -> int:
        return len(self._text)

    def push(self, text: str) -> str:
        if self.stopped is not None:
            return ""
        self._text += text
        findings = self._finder.push(text if text.isascii() else fold(text))
        if findings:
            return "".join(self._leave(findings))
        settled = self._finder.settled - self._left
        left, self._text = self._text[:settled], self._text[settled:]
        self._left += settled
        return left

    def finish(self) -> str:
        if self.stopped is not None:
            return ""
        return "".join(self._leave(self._finder.finish()))

    def _leave(self, findings: Sequence[Finding]) -> Iterator[str]:
        position = 0
        for found in findings:
            start, end = found.start - self._left, found.end - self._left
            yield self._text[position:start]
            position = end
            if not found.type:
                continue
            put = self._replace(found.type, self._text[start:end])
            if put is None:
                self.stopped, self._text = found.type, ""
                return
            yield put
        settled = self._finder.settled - self._left
        yield self._text[position:settled]
        self._text = self._text[settled:]
        self._left += settled


def guarded(stage: Stage, text: str) -> str:
    """The whole of a text at once."""
    return stage.push(text) + stage.finish()
