"""An answer that somebody else makes, turned into items and events of a response."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from bedplate.domain.answers import Answer, AnswerDelta, AnswerEvent, ClaimJudged, Retrieved
from bedplate.domain.chat import ChatEvent, Finished, ReasoningDelta, TextDelta, added
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.response import Grounded
from bedplate.responses.rounds import closing
from bedplate.responses.searching import citation_annotations, result_of


class Telling:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._thoughts: Any = None

    def take(self, event: AnswerEvent | ChatEvent) -> Iterator[Event]:
        draft = self._draft
        begun = draft.begin()
        match event:
            case Retrieved(query, hits):
                results = [result_of(hit) for hit in hits]
                yield from chain(begun, draft.start_search([query]), draft.end_search(results))
            case AnswerDelta(text):
                yield from chain(begun, draft.say(text))
            case TextDelta(text, refusal=True):
                yield from chain(begun, draft.refuse(text))
            case TextDelta(text, logprobs):
                yield from chain(begun, draft.say(text, logprobs))
            case ReasoningDelta(text):
                yield from chain(begun, draft.think(text))
            case Finished(reasoning=thoughts, extra=extra):
                self._thoughts = thoughts
                draft.serve(extra.get("service_tier"))
            case ClaimJudged():
                return
            case Answer():
                yield from chain(begun, self._answered(event))
            case call:
                yield from chain(begun, draft.call(call))

    def _answered(self, answer: Answer) -> Iterator[Event]:
        draft = self._draft
        draft.usage = added(draft.usage, answer.usage)
        annotations = citation_annotations(answer.text, answer.citations)
        if draft.text:
            yield from draft.cite(annotations)
        if self._thoughts is not None:
            cut_off = answer.finish_reason == "length"
            yield from draft.close("incomplete" if cut_off else "completed")
            yield from draft.keep_thoughts(self._thoughts)
        grounding = Grounded(
            answer.citations,
            answer.grounded,
            answer.refused,
            answer.trace_id,
            answer.checked,
            answer.conflicts,
        )
        yield from closing(draft, answer.finish_reason, grounding)
