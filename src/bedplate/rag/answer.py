"""Ask: find passages, let a model answer from them alone, resolve and check what it cites."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from bedplate.chat.turn import Turn
from bedplate.domain.answers import (
    REFUSAL,
    Answer,
    AnswerDelta,
    AnswerEvent,
    Citation,
    ClaimJudged,
    Conflict,
    Retrieved,
)
from bedplate.domain.bills import Bill
from bedplate.domain.chat import ChatRequest, Passage
from bedplate.domain.checks import Checked
from bedplate.evaluation.protocol import WatchAnswers
from bedplate.quality.language import Languages
from bedplate.rag.ask_request import AskRequest, check_question
from bedplate.rag.checks.conflicts import conflicts, in_prompt, note
from bedplate.rag.checks.contract import TextRules
from bedplate.rag.checks.draft import Write
from bedplate.rag.checks.json_schema import AnswerSchema
from bedplate.rag.checks.outcome import Outcome, Piece, instead
from bedplate.rag.checks.release import CheckedAnswers
from bedplate.rag.checks.subject import Subject
from bedplate.rag.checks.sufficiency import insufficient
from bedplate.rag.gather import Gather, Gathered, shown, whole
from bedplate.rag.prompt import Prompts
from bedplate.rag.told import asking, told, watched
from bedplate.telemetry.trace import trace_id

ANSWERED = frozenset({"passed", "annotated", "repaired", "dropped"})
"""What becomes of an answer that is still the model's own."""


@dataclass(slots=True)
class _Progress:
    """An answer under way: what is known of it before its outcome."""

    started: float = field(default_factory=time.perf_counter)
    first_ms: float = 0.0
    text: str = ""

    def delta(self, text: str) -> AnswerDelta:
        self.first_ms = self.first_ms or (time.perf_counter() - self.started) * 1000
        self.text += text
        return AnswerDelta(text)


class Ask:
    def __init__(
        self,
        turn: Turn,
        gather: Gather,
        checked: CheckedAnswers,
        watch: WatchAnswers | None = None,
    ) -> None:
        """`watch` is told of answers as they leave."""
        self._watch = watch
        self._turn = turn
        self._gather = gather
        self._checked = checked
        self._languages = Languages()
        self._prompts = Prompts()

    @property
    def checked(self) -> CheckedAnswers:
        """What checks answers, for those who have others write them."""
        return self._checked

    async def stream(self, request: AskRequest) -> AsyncGenerator[AnswerEvent]:
        """Text as it is final, then the Answer, which repeats the whole text.

        Raises:
            InvalidInput: an empty question, or one that is too long; a schema that is none.
            NotFound: an unknown collection or model.
            UpstreamError: the model failed; text that was streamed before stands alone.
            UpstreamTimeout: found, answered or checked too late for the deadline.
        """
        progress = _Progress()
        check_question(request.question)
        self._turn.model(request.model)
        _schema(request)
        bill = Bill()
        request = replace(request, account=replace(request.account, bill=bill))
        with asking(request.question, request.model, request.account) as step:
            found = await self.gather(request)
            if request.tell_retrieved:
                yield Retrieved(found.rewritten.text, tuple(found.found.hits))
            outcome = without_model(request, found)
            contradictions: tuple[Conflict, ...] = ()
            if outcome is None:
                contradictions = await self.conflicts(request, found)
                prompt = self.prompt(request, found, contradictions)
                subject = self.subject(request, prompt, contradictions)
                async with aclosing(self._checked.stream(subject)) as events:
                    async for event in events:
                        if isinstance(event, Piece):
                            yield progress.delta(event.text)
                        elif isinstance(event, ClaimJudged):
                            yield event
                        elif isinstance(event, Outcome):
                            outcome = event
            if outcome is None:
                raise AssertionError("a checked answer ends with its outcome")
            if rest := unsent(request, outcome, progress.text, contradictions):
                yield progress.delta(rest)
            answer = Answer(
                text=progress.text,
                citations=cited_in(outcome, progress.text, contradictions),
                grounded=outcome.grounding,
                refused=outcome.refused,
                model=outcome.model or request.model,
                usage=bill.usage,
                ttft_ms=round(progress.first_ms, 1),
                trace_id=step.trace.id,
                finish_reason=outcome.reason or "stop",
                rewritten=shown(found.rewritten, request.question),
                self_query=found.found.self_query,
                checked=outcome.checked,
                conflicts=contradictions,
                sufficiency=found.sufficiency,
            )
            watched(self._watch, request, found.passages, answer)
            told(step, answer)
        # Outside of the step: whoever has the answer closes the stream, which is no failure of it.
        yield answer

    async def answer(self, request: AskRequest) -> Answer:
        """The stream, collected."""
        async with aclosing(self.stream(request)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return event
        raise AssertionError("an answer stream ends with an Answer")

    async def gather(self, request: AskRequest) -> Gathered:
        """As `Gather.gather`."""
        return await self._gather.gather(request)

    async def conflicts(self, request: AskRequest, found: Gathered) -> tuple[Conflict, ...]:
        """What the passages contradict each other in, where the check asks for it."""
        if not request.check.conflicts or len(found.passages) < 2:
            return ()
        return await asyncio.to_thread(
            conflicts, request.question, found.passages, current=found.current
        )

    def prompt(
        self, request: AskRequest, found: Gathered, contradictions: tuple[Conflict, ...] = ()
    ) -> ChatRequest:
        """What a model is asked, with the passages in front of it."""
        return ChatRequest(
            messages=self._prompts.messages(
                request.question,
                found.passages,
                instructions=request.instructions,
                history=request.history,
                note=in_prompt(contradictions),
                output=request.output,
            ),
            asked=request.question,
            whole=whole(found.rewritten, request),
            passages=found.passages,
            max_output_tokens=request.max_output_tokens,
            temperature=request.temperature,
            output=request.output,
            deadline=request.deadline,
            knowledge=found.knowledge,
            account=request.account,
        )

    def subject(
        self,
        request: AskRequest,
        prompt: ChatRequest,
        contradictions: tuple[Conflict, ...] = (),
        *,
        write: Write | None = None,
        told: Callable[[], Sequence[Passage]] = tuple,
    ) -> Subject:
        """The question as its checks see it; `write` where it is more than the model's one call,
        `told` what tools answered meanwhile.
        """
        return Subject(
            question=request.question,
            model=request.model,
            write=write or partial(self._turn.stream, request.model),
            check=request.check,
            rules=TextRules(request.check.contract, self._languages),
            prompt=prompt,
            passages=prompt.passages,
            account=request.account,
            trace=trace_id(),
            conflicts=contradictions,
            json=prompt.output is not None,
            schema=_schema(request),
            deadline=request.deadline,
            told=told,
            tell_claims=request.tell_claims,
        )


def _schema(request: AskRequest) -> AnswerSchema | None:
    if request.output is None or not request.output.schema:
        return None
    return AnswerSchema(request.output.schema, param="response_format")


def without_model(request: AskRequest, found: Gathered) -> Outcome | None:
    """What is said where no model need be asked."""
    if not found.passages:
        return instead(REFUSAL, Checked("passed", tries=0))
    score = found.sufficiency
    if score is not None and score.score < request.check.sufficiency:
        return insufficient(request.check, score.score, found.passages)
    return None


def unsent(request: AskRequest, outcome: Outcome, sent: str, found: tuple[Conflict, ...]) -> str:
    """What is yet to be sent: all where no model was asked, or a note on contradictions."""
    if not sent:
        return outcome.text
    mine = outcome.checked.action in ANSWERED and not outcome.refused
    mine = mine and request.output is None
    return note(found, sent) if mine else ""


def cited_in(outcome: Outcome, text: str, found: tuple[Conflict, ...]) -> tuple[Citation, ...]:
    """The answer's citations, and those of the contradictions whose note stands in `text`."""
    if text == outcome.text:
        return outcome.citations
    sides = [side.citation for each in found for side in each.sides if side.citation.marker in text]
    return tuple(dict.fromkeys([*outcome.citations, *sides]))
