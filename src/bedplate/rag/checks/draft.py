"""One text that a model writes, with only markers that resolve."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from bedplate.markers import MarkerFilter

Write = Callable[[ChatRequest], AsyncGenerator[ChatEvent]]
"""What writes an answer: one model call, or several with tools between them."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What is no text of the answer and is handed on as it comes: thoughts, calls of functions."""

    event: ReasoningDelta | ToolCallDelta


class Draft:
    """`text` is what has come so far, `end` how it ended."""

    def __init__(self, write: Write, prompt: ChatRequest, numbers: Sequence[int]) -> None:
        self._write = write
        self._prompt = prompt
        self._markers = MarkerFilter(numbers) if numbers and prompt.output is None else None
        self.text = ""
        self.end: Finished | None = None

    async def pieces(self) -> AsyncGenerator[str | Aside]:
        """Text that is final now, never empty, and asides. Errors as those of what writes."""
        async with aclosing(self._write(self._prompt)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    ready = self._markers.push(event.text) if self._markers else event.text
                else:
                    thinks = isinstance(event, ReasoningDelta)
                    ready = "" if thinks or not self._markers else self._markers.finish()
                if ready:
                    self.text += ready
                    yield ready
                if isinstance(event, Finished):
                    self.end = event
                elif not isinstance(event, TextDelta):
                    yield Aside(event)

    async def written(self) -> list[Aside]:
        """All of it; its asides, in order."""
        async with aclosing(self.pieces()) as pieces:
            return [piece async for piece in pieces if isinstance(piece, Aside)]
