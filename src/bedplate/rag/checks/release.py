"""An answer on its way out: sent at once, sentence by sentence, or once all of it is checked."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from bedplate.chat.turn import Turn
from bedplate.domain.chat import ChatRequest
from bedplate.judges.protocol import Judge
from bedplate.rag.checks.draft import Draft
from bedplate.rag.checks.ending import Ending
from bedplate.rag.checks.grader import Grader
from bedplate.rag.checks.holding import Holding
from bedplate.rag.checks.inspection import Inspect, Inspection
from bedplate.rag.checks.outcome import Outcome, Piece, of_inspection, passed_or
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

    async def stream(self, subject: Subject) -> AsyncGenerator[Piece | Outcome]:
        """Text as it may leave, in pieces; the outcome last, whose text is theirs.

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

    async def inspected(self, subject: Subject, text: str) -> Inspection:
        """A whole text as it would be checked; errors as `stream`."""
        return await self._inspect.whole(subject, text)

    async def settled(self, subject: Subject, draft: Draft) -> Outcome:
        """What becomes of a whole draft before any of it is sent; errors as `stream`."""
        found = await self._inspect.whole(subject, draft.text)
        tries, below = 1, subject.check.below
        if found.failures and below == "repair":
            draft, found, tries = await self._repaired(subject, draft, found)
            below = subject.check.then
        if found.failures:
            outcome = await self._ending.of(subject, found, below, tries=tries)
        else:
            outcome = of_inspection(found, "passed" if tries == 1 else "repaired", tries=tries)
        return _of(draft, outcome)

    async def _after(self, subject: Subject) -> AsyncGenerator[Piece | Outcome]:
        draft = self._draft(subject, subject.prompt)
        async with aclosing(draft.pieces()) as pieces:
            async for piece in pieces:
                yield Piece(piece)
        found = await self._inspect.whole(subject, draft.text)
        yield _of(draft, of_inspection(found, passed_or("annotated", found.failures)))

    async def _whole(self, subject: Subject) -> AsyncGenerator[Piece | Outcome]:
        draft = self._draft(subject, replace(subject.prompt, whole_answer=True))
        await draft.written()
        outcome = await self.settled(subject, draft)
        if outcome.text:
            yield Piece(outcome.text)
        yield outcome

    async def _repaired(
        self, subject: Subject, draft: Draft, found: Inspection
    ) -> tuple[Draft, Inspection, int]:
        """The last text written, how often one was, and what is still wrong with it."""
        tries = 1
        while found.failures and tries <= subject.check.tries:
            prompt = self._repair.anew(subject.prompt, draft.text, found.failures)
            other = self._draft(subject, replace(prompt, whole_answer=True))
            tries += 1
            try:
                text = await other.written()
            except FAILED as error:
                logger.warning(
                    "answer not repaired", extra={"code": error.code, "error": error.message}
                )
                break
            same, draft = text == draft.text, other
            if same:
                # A model that says the same again will say it a third time.
                break
            found = await self._inspect.whole(subject, text)
        return draft, found, tries

    def _draft(self, subject: Subject, prompt: ChatRequest) -> Draft:
        return Draft(subject.write, prompt, subject.numbers)


def _of(draft: Draft, outcome: Outcome) -> Outcome:
    """With how the call ended that wrote it."""
    if draft.end is None:
        return outcome
    cut = outcome.reason or draft.end.reason
    return replace(outcome, reason=cut, model=draft.end.model)
