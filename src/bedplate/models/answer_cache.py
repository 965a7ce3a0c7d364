"""Answers given before, given again: a wrapper around any model."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, ToolCallDelta
from bedplate.embedders.protocol import Embedder
from bedplate.errors import BedplateError
from bedplate.models.answer_keys import AnswerKeys, answer_keys
from bedplate.models.answer_shelf import Kept, Shelf, Vector, event_bytes
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.sections import AnswerCacheConfig

logger = logging.getLogger(__name__)

TOOL_FIELDS = ("tools", "functions")
FREE = Decimal(0)


class Caching:
    """The same request gets the same answer, and so does a question that is nearly the same.

    "Nearly" is a cosine of `settings.semantic` or more, all else but the passages being equal, the
    state of their collections included. A hit is streamed as the answer was, at no cost, and a note
    marks it. Not kept: errors, answers cut off or of another model, and, unless the settings say
    otherwise, those to requests with tools. `name` is what the model is configured as.
    """

    def __init__(
        self,
        name: str,
        model: MeteredModel,
        settings: AnswerCacheConfig,
        embedder: Embedder,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inner = model
        self._name = name
        self._settings = settings
        self._embedder = embedder
        self.shelf = Shelf(max_bytes=settings.max_bytes, seconds=settings.seconds, now=now)

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        """Of a call that finds nothing."""
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        if _has_tools(request) and not self._settings.tools:
            async with aclosing(self.inner.stream(request)) as events:
                async for event in events:
                    yield event
            return
        keys = answer_keys(self._name, self.name, request)
        vector = await self._vector(request, keys)
        if (found := self._found(request, keys, vector)) is not None:
            kept, how = found
            for event in kept.events:
                yield self._hit(event, kept, how) if isinstance(event, Finished) else event
            return
        answer: list[ChatEvent] = []
        size = 0
        async with aclosing(self.inner.stream(request)) as events:
            async for event in events:
                size += event_bytes(event)
                if size <= self._settings.max_bytes:
                    answer.append(event)
                if isinstance(event, Finished) and self._is_sound(answer, event):
                    answer[-1] = replace(event, notes=())
                    self.shelf.keep(keys, request.question, request.knowledge, answer, vector)
                yield event

    def _found(
        self, request: ChatRequest, keys: AnswerKeys, vector: Vector | None
    ) -> tuple[Kept, str] | None:
        self.shelf.renew(request.knowledge)
        if (kept := self.shelf.exact(keys)) is not None:
            return kept, "the same request"
        if vector is None:
            return None
        near = self.shelf.nearest(keys, request.question, vector, least=self._settings.semantic)
        return None if near is None else (near[0], f"a question of cosine {near[1]:.3f}")

    async def _vector(self, request: ChatRequest, keys: AnswerKeys) -> Vector | None:
        """Of the question, where others like it are looked for."""
        if not self._settings.semantic or keys.alike is None:
            return None
        if self._settings.exact and self.shelf.exact(keys) is not None:
            return None
        try:
            return (await self._embedder.embed([request.question]))[0]
        except BedplateError as error:
            extra = {"model": self._name, "error": error.code}
            logger.warning("question not compared with those answered before", extra=extra)
            return None

    def _hit(self, end: Finished, kept: Kept, how: str) -> Finished:
        seconds = self.shelf.age(kept)
        note = Note("cache", self._name, f"Answered {seconds:.0f} s ago for {how}; no call made.")
        return replace(end, usage=replace(end.usage, cost_usd=FREE), notes=(note,))

    def _is_sound(self, answer: Sequence[ChatEvent], end: Finished) -> bool:
        """Whether the answer may be given again; `answer` is what was kept of it."""
        whole = len(answer) > 1 and answer[-1] is end
        calls = any(isinstance(event, ToolCallDelta) for event in answer)
        right = end.reason == "stop" or (end.reason == "tool_calls" and self._settings.tools)
        own = not any(self._is_elsewhere(note) for note in end.notes)
        return whole and right and own and (self._settings.tools or not calls)

    def _is_elsewhere(self, note: Note) -> bool:
        """Whether it says that another model answered, which may not do so the next time."""
        return note.kind == "fallback" or (note.kind == "hedge" and note.model != self._name)


def _has_tools(request: ChatRequest) -> bool:
    return bool(request.tools) or any(request.extra.get(name) for name in TOOL_FIELDS)
