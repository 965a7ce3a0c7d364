"""One text that a model writes, with only markers that resolve."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bedplate.chat.turn import Turn
from bedplate.domain.chat import ChatRequest, Finished, TextDelta
from bedplate.markers import MarkerFilter


class Draft:
    """`text` is what has come so far, `end` how it ended."""

    def __init__(self, turn: Turn, model: str, prompt: ChatRequest, numbers: Sequence[int]) -> None:
        self._turn = turn
        self._model = model
        self._prompt = prompt
        self._markers = MarkerFilter(numbers) if prompt.output is None else None
        self.text = ""
        self.end: Finished | None = None

    async def pieces(self) -> AsyncGenerator[str]:
        """What is final now, never empty. Errors as `Turn.stream`."""
        async with aclosing(self._turn.stream(self._model, self._prompt)) as events:
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
