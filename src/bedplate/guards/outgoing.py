"""The events of an answer, held back as long as they could become what must not leave."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from bedplate.domain.chat import (
    ChatEvent,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from bedplate.guards.spans import OpenFinder
from bedplate.guards.stream import Replace, Stage, StreamGuard, guarded
from bedplate.guards.stream_json import JsonGuard


class Outgoing:
    """Text, thoughts and the arguments of each tool call are texts of their own.

    Thoughts end where something else is said, and may begin again.
    """

    def __init__(self, open_finder: OpenFinder, replace: Replace, *, json: bool = False) -> None:
        """`json`: the answer itself is JSON."""

        def counted(type: str, value: str) -> str | None:
            put = replace(type, value)
            self.replaced += put != value
            return put

        self.replaced = 0
        """Findings in whose place something else left, or nothing."""
        self._open = open_finder
        self._replace = counted
        self._refuses = False
        self._text: Stage = JsonGuard(open_finder, counted) if json else self._plain()
        self._thoughts: Stage | None = None
        self._call: tuple[ToolCallDelta, Stage] | None = None
        self.stopped: str | None = None
        """The type of the finding that ended the answer."""

    def take(self, event: ChatEvent) -> list[ChatEvent]:
        """What may leave by now, in order."""
        if self.stopped is not None:
            return []
        if type(event) is TextDelta and not event.refusal:
            left = self.take_text(event.text)
            if left is not None:
                return [TextDelta(left)] if left else []
        return list(self._taken(event))

    def take_text(self, text: str) -> str | None:
        """See GuardedCall."""
        if self._refuses or self._thoughts is not None or self.stopped is not None:
            return None
        stage = self._text
        left = stage.push(text)
        self.stopped = stage.stopped
        return left

    def _taken(self, event: ChatEvent) -> Iterator[ChatEvent]:
        if not isinstance(event, ReasoningDelta):
            yield from self._end_thoughts()
        match event:
            case TextDelta(text=text):
                if event.refusal and not self._refuses:
                    # A refusal is prose, whatever was asked for.
                    yield from self._end_text()
                    self._refuses, self._text = True, self._plain()
                yield from _some(self._text_of(self._text.push(text)))
            case ReasoningDelta(text=text):
                stage = self._thoughts = self._thoughts or self._plain()
                yield from _some(ReasoningDelta(self._said(stage, stage.push(text))))
            case ToolCallDelta():
                yield from self._called(event)
            case Finished():
                yield from self._finish(event)

    def _called(self, part: ToolCallDelta) -> Iterator[ChatEvent]:
        if self._call is None or self._call[0].index != part.index:
            yield from self._end_call()
            # What a custom tool is called with is no JSON.
            stage = self._plain() if part.custom else JsonGuard(self._open, self._replace)
            self._call = (part, stage)
        stage = self._call[1]
        left = self._said(stage, stage.push(part.arguments))
        if left or part.id:
            yield replace(part, arguments=left)

    def _end_text(self) -> Iterator[ChatEvent]:
        yield from _some(self._text_of(self._text.finish()))

    def _text_of(self, text: str) -> TextDelta:
        return TextDelta(self._said(self._text, text), refusal=self._refuses)

    def _end_thoughts(self) -> Iterator[ChatEvent]:
        if self._thoughts is not None:
            stage, self._thoughts = self._thoughts, None
            yield from _some(ReasoningDelta(self._said(stage, stage.finish())))

    def _end_call(self) -> Iterator[ChatEvent]:
        if self._call is not None:
            (first, stage), self._call = self._call, None
            rest = self._said(stage, stage.finish())
            if rest:
                yield ToolCallDelta(first.index, rest, custom=first.custom)

    def _finish(self, end: Finished) -> Iterator[ChatEvent]:
        yield from self._end_text()
        yield from self._end_call()
        if self.stopped is None:
            yield end if self._is_clean(end.reasoning) else replace(end, reasoning=None)

    def _is_clean(self, value: Any) -> bool:
        """A provider signs its thoughts, so that they go on as they are or not at all."""
        if isinstance(value, str):
            return guarded(StreamGuard(self._open(""), self._replace), value) == value
        if isinstance(value, dict):
            return all(map(self._is_clean, cast("dict[str, Any]", value).values()))
        if isinstance(value, list | tuple):
            return all(map(self._is_clean, cast("Sequence[Any]", value)))
        return True

    def _said(self, stage: Stage, text: str) -> str:
        self.stopped = self.stopped or stage.stopped
        return text

    def _plain(self) -> Stage:
        return StreamGuard(self._open(""), self._replace)


def _some(delta: TextDelta | ReasoningDelta) -> Iterator[ChatEvent]:
    if delta.text:
        yield delta
