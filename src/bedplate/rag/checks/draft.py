"""One text that a model writes, with only markers that resolve."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, TextDelta
from bedplate.markers import MarkerFilter

Write = Callable[[ChatRequest], AsyncGenerator[ChatEvent]]
"""What writes an answer: one model call, or several with tools between them."""


class Draft:
    """`text` is what has come so far, `end` how it ended."""

    def __init__(self, write: Write, prompt: ChatRequest, numbers: Sequence[int]) -> None:
        self._write = write
        self._prompt = prompt
        self._markers = MarkerFilter(numbers) if prompt.output is None else None
        self.text = ""
        self.end: Finished | None = None

    async def pieces(self) -> AsyncGenerator[str]:
        """What is final now, never empty. Errors as those of what writes."""
        async with aclosing(self._write(self._prompt)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self.end = event
                    ready = self._markers.finish() if self._markers else ""
                elif isinstance(event, TextDelta):
                    ready = self._markers.push(event.text) if self._markers else event.text
                else:
                    continue
                if ready:
                    self.text += ready
                    yield ready

    async def written(self) -> str:
        """The whole of it."""
        async with aclosing(self.pieces()) as pieces:
            async for _ in pieces:
                pass
        return self.text
