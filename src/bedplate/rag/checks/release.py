"""An answer on its way out: sent at once, sentence by sentence, or once all of it is checked."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from bedplate.chat.turn import Turn
from bedplate.domain.answers import ClaimJudged
from bedplate.domain.chat import ChatRequest, ReasoningDelta
from bedplate.domain.checks import Below
from bedplate.judges.protocol import Judge
from bedplate.rag.checks.beside import Beside
from bedplate.rag.checks.draft import Aside, Draft
from bedplate.rag.checks.ending import Ending
from bedplate.rag.checks.grader import Grader
from bedplate.rag.checks.holding import Holding
from bedplate.rag.checks.inspection import Inspect, Inspection
from bedplate.rag.checks.outcome import (
    Outcome,
    Piece,
    calls,
    of_inspection,
    passed_or,
    unchecked,
)
from bedplate.rag.checks.repair import Repair
from bedplate.rag.checks.sentences import FAILED, Sentences
from bedplate.rag.checks.subject import Subject
from bedplate.review.protocol import AskHuman

logger = logging.getLogger(__name__)


class CheckedAnswers:
    def __init__(self, turn: Turn, judge: Judge, reviews: AskHuman) -> None:
        self._inspect = Inspect(judge, Grader(turn))
        self._repair = Repair()
        self._ending = Ending(self._inspect, Holding(reviews, self._inspect))

    async def stream(
        self, subject: Subject
    ) -> AsyncGenerator[Piece | Aside | ClaimJudged | Outcome]:
        """Text as it may leave, in pieces; the outcome last, whose text is theirs. A draft that ends
        in calls of the client's functions is left as it is. Claims are told of where the subject
        asks for it and text leaves before all is checked.

        Raises:
            UpstreamError: the model failed; pieces that came before stand alone.
            UpstreamTimeout: answered or checked too late for the request's deadline.
        """
        if subject.json or subject.check.release == "whole":
            stream = self._whole(subject)
        elif subject.check.release == "sentence":
            stream = Sentences(self._inspect, self._repair, subject).stream()
        else:
            stream = self._after(subject)
        async with aclosing(stream) as events:
            async for event in events:
                yield event

    async def reread(self, subject: Subject, text: str) -> Outcome:
        """What becomes of a text that somebody else wrote, and that nobody will write anew."""
        found = await self._inspect.whole(subject, text)
        if not found.failures:
            return of_inspection(found, "passed")
        below = subject.check.then if subject.check.below == "repair" else subject.check.below
        return await self._ending.of(subject, found, below, tries=1)

    async def _after(
        self, subject: Subject
    ) -> AsyncGenerator[Piece | Aside | ClaimJudged | Outcome]:
        draft, judged = self._draft(subject, subject.prompt), None
        async with (
            Beside(self._inspect.judge, subject) as judge,
            aclosing(draft.pieces()) as pieces,
        ):
            along = subject.tell_claims and subject.has_sources
            async for piece in pieces:
                yield piece if isinstance(piece, Aside) else Piece(piece)
                if along and not isinstance(piece, Aside):
                    judge.hear(piece)
                for claim in judge.judged():
                    yield ClaimJudged(claim)
            if along and not calls(draft):
                judged = await judge.finish()
                for claim in judge.judged():
                    yield ClaimJudged(claim)
        if calls(draft):
            yield unchecked(draft)
            return
        found = await self._inspect.whole(subject, draft.text, grounding=judged)
        yield _of(draft, of_inspection(found, passed_or("annotated", found.failures)))

    async def _whole(
        self, subject: Subject
    ) -> AsyncGenerator[Piece | Aside | ClaimJudged | Outcome]:
        draft = self._draft(subject, replace(subject.prompt, whole_answer=True))
        asides = await draft.written()
        outcome = unchecked(draft) if calls(draft) else await self._settled(subject, draft)
        for aside in asides:
            if isinstance(aside.event, ReasoningDelta):
                yield aside
        if outcome.text:
            yield Piece(outcome.text)
        for aside in asides:
            if not isinstance(aside.event, ReasoningDelta):
                yield aside
        yield outcome

    async def _settled(self, subject: Subject, draft: Draft) -> Outcome:
        found = await self._inspect.whole(subject, draft.text)
        tries, below = 1, subject.check.below
        if _to_repair(found, below):
            draft, found, tries = await self._repaired(subject, draft, found)
        if found.failures:
            below = subject.check.then if below == "repair" else below
            outcome = await self._ending.of(subject, found, below, tries=tries)
        else:
            outcome = of_inspection(found, "passed" if tries == 1 else "repaired", tries=tries)
        return _of(draft, outcome)

    async def _repaired(
        self, subject: Subject, draft: Draft, found: Inspection
    ) -> tuple[Draft, Inspection, int]:
        """The last text written, what is still wrong with it, and how often one was written."""
        tries = 1
        while _to_repair(found, subject.check.below) and tries <= subject.check.tries:
            prompt = self._repair.anew(subject.prompt, draft.text, found.failures)
            other = self._draft(subject, replace(prompt, whole_answer=True))
            tries += 1
            try:
                await other.written()
            except FAILED as error:
                logger.warning(
                    "answer not repaired", extra={"code": error.code, "error": error.message}
                )
                break
            same, draft = other.text == draft.text, other
            if same or calls(other):
                # A model that says the same again will say it a third time.
                break
            found = await self._inspect.whole(subject, other.text)
        return draft, found, tries

    def _draft(self, subject: Subject, prompt: ChatRequest) -> Draft:
        return Draft(subject.write, prompt, subject.numbers)


def _of(draft: Draft, outcome: Outcome) -> Outcome:
    """With how the call ended that wrote it."""
    if draft.end is None:
        return outcome
    cut = outcome.reason or draft.end.reason
    return replace(outcome, reason=cut, model=draft.end.model)


def _to_repair(found: Inspection, below: Below) -> bool:
    """JSON that is none is of no use to anybody, whatever the policy."""
    broken = any(failure.rule == "json" for failure in found.failures)
    return broken or (below == "repair" and bool(found.failures))
