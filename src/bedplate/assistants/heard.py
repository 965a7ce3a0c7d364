"""What one model call said: what goes on to the client at once, and what the server is to do."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from bedplate.domain.chat import ChatEvent, Finished, TextDelta, ToolCallDelta
from bedplate.domain.tools import ToolCall


class Heard:
    """`functions` are the client's own, whose calls go on to it; with None every call does."""

    def __init__(self, functions: Collection[str] | None) -> None:
        self.text = ""
        self.spoke = False
        self.passed_on = 0
        """How many calls went on to the client."""
        self._functions = functions
        self._calls: list[tuple[str, str, list[str]]] = []
        self._ours = False
        self._end: Finished | None = None

    @property
    def calls(self) -> list[ToolCall]:
        """Those that are the server's to do, unknown ones among them."""
        return [ToolCall(id, name, "".join(parts)) for id, name, parts in self._calls]

    @property
    def finished(self) -> Finished:
        if self._end is None:
            raise AssertionError("a model's events end with Finished")
        return self._end

    def take(self, event: ChatEvent) -> Iterator[ChatEvent]:
        match event:
            case Finished():
                self._end = event
            case ToolCallDelta():
                yield from self._called(event)
            case TextDelta(text):
                self.text += text
                yield event
            case _:
                yield event

    def _called(self, part: ToolCallDelta) -> Iterator[ChatEvent]:
        if part.id:
            self._ours = self._functions is not None and part.name not in self._functions
            if self._ours:
                self._calls.append((part.id, part.name, []))
            else:
                self.passed_on += 1
        if self._ours:
            self._calls[-1][2].append(part.arguments)
        else:
            yield replace(part, index=self.passed_on - 1)
