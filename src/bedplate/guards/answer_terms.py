"""Blocked terms and leaked instructions, taken out of answers as they stream."""

from collections.abc import Sequence
from dataclasses import replace

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note
from bedplate.errors import InvalidInput
from bedplate.guards.outgoing import Outgoing
from bedplate.guards.protocol import GuardedCall
from bedplate.guards.spans import Finder
from bedplate.guards.terms import Instructions, Several, Terms


class AnswerTerms:
    def __init__(self, terms: Sequence[str], instruction_words: int, *, block: bool) -> None:
        self._terms = tuple(terms)
        self._least = instruction_words
        self._block = block

    async def open(self, model: str, request: ChatRequest) -> GuardedCall:
        if request.logprobs is not None:
            raise InvalidInput(
                "logprobs would show what guards.answers takes out of the answer: leave it out.",
                param="logprobs",
            )
        told = "\n".join(m.content for m in request.messages if m.role in ("system", "developer"))

        def open_finder(_before: str) -> Finder:
            finders: list[Finder] = []
            if self._terms:
                finders.append(Terms(self._terms))
            if self._least:
                finders.append(Instructions(told, self._least))
            return Several(finders)

        return _Call(model, request, Outgoing(open_finder, self._mark, json=bool(request.output)))

    def _mark(self, type: str, _value: str) -> str | None:
        return None if self._block else f"[{type}]"


class _Call:
    slow = False

    def __init__(self, model: str, request: ChatRequest, out: Outgoing) -> None:
        self.request = request
        self._model = model
        self._out = out

    @property
    def stopped(self) -> str | None:
        return self._out.stopped

    def passes(self, text: str) -> bool:
        return False

    def take_text(self, text: str) -> str | None:
        return self._out.take_text(text)

    def take(self, event: ChatEvent) -> Sequence[ChatEvent]:
        events = self._out.take(event)
        if isinstance(event, Finished) and self._out.replaced:
            note = Note("guard", self._model, f"answers: {self._out.replaced} replaced")
            return [
                replace(each, notes=(*each.notes, note)) if isinstance(each, Finished) else each
                for each in events
            ]
        return events
