"""An answer held for a human: what they are shown, and what becomes of it."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict

from bedplate.domain.answers import REFUSAL
from bedplate.domain.chat import Passage
from bedplate.domain.checks import Checked, Failure
from bedplate.domain.reviews import NewReview, Review
from bedplate.errors import BedplateError
from bedplate.markers import MarkerFilter
from bedplate.rag.checks.inspection import Inspect, Inspection
from bedplate.rag.checks.outcome import Outcome, instead
from bedplate.rag.checks.subject import Subject
from bedplate.review.protocol import AskHuman

logger = logging.getLogger(__name__)

HELD = "This answer waits for a reviewer."
"""What is said while nobody has decided."""


class Holding:
    def __init__(self, reviews: AskHuman, inspect: Inspect) -> None:
        self._reviews = reviews
        self._inspect = inspect

    async def decided(self, subject: Subject, found: Inspection, *, tries: int) -> Outcome:
        """What the human says, where they do in time; otherwise that it waits.

        A queue that cannot take it refuses the answer.
        """
        try:
            review = await self._reviews.ask(_new_review(subject, found))
            if subject.check.hold.wait and review.state == "pending":
                review = await self._reviews.decided(
                    review.id, tenant=subject.account.tenant, seconds=_wait(subject)
                )
        except BedplateError as error:
            logger.warning("answer not held", extra={"code": error.code, "error": error.message})
            failure = Failure("grounding", f"It could not be held for a human ({error.code}).")
            return instead(REFUSAL, Checked("refused", (*found.failures, failure), tries))
        return await self._outcome(subject, found, review, tries)

    async def _outcome(
        self, subject: Subject, found: Inspection, review: Review, tries: int
    ) -> Outcome:
        if review.state == "pending":
            checked = Checked("held", found.failures, tries, review=review.id, state="pending")
            return instead(HELD, checked, refused=False)
        text = _text(found, review)
        if text is None:
            checked = Checked(
                "refused", found.failures, tries, review=review.id, state=review.state
            )
            return instead(REFUSAL, checked)
        if text != found.text:
            # What a human writes is looked at like any other text; its claims are marked.
            edited = text if subject.json else _resolving(text, subject.passages)
            found = await self._inspect.whole(subject, edited)
            if any(failure.rule in ("terms", "json") for failure in found.failures):
                checked = Checked(
                    "refused", found.failures, tries, review=review.id, state=review.state
                )
                return instead(REFUSAL, checked)
        checked = Checked("reviewed", found.failures, tries, review=review.id, state=review.state)
        return Outcome(found.text, found.grounding, checked, found.citations, refused=found.refused)


def _text(found: Inspection, review: Review) -> str | None:
    """What is sent by the decision; None for nothing."""
    decision = review.decision
    verdict = decision.verdict if decision else review.request.default
    if verdict == "reject":
        return None
    if decision is not None and verdict == "edit":
        return decision.value if isinstance(decision.value, str) else None
    return found.text


def _resolving(text: str, passages: Sequence[Passage]) -> str:
    markers = MarkerFilter([passage.number for passage in passages])
    return markers.push(text) + markers.finish()


def _wait(subject: Subject) -> float:
    wait = subject.check.hold.wait
    if subject.deadline is None:
        return wait
    # A second is left to say that it waits.
    return max(0.0, min(wait, subject.deadline - asyncio.get_running_loop().time() - 1.0))


def _new_review(subject: Subject, found: Inspection) -> NewReview:
    hold = subject.check.hold
    return NewReview(
        "answer",
        {
            "question": subject.question,
            "answer": found.text,
            "passages": [shown(passage) for passage in subject.passages],
            "citations": [asdict(citation) for citation in found.citations],
            "claims": [asdict(claim) for claim in found.grounding.claims],
            "failures": [asdict(failure) for failure in found.failures],
            "score": found.grounding.score,
            "model": subject.model,
            **_wanted(subject),
        },
        tenant=subject.account.tenant,
        assistant=subject.account.assistant,
        trace=subject.trace,
        priority=hold.priority,
        seconds=hold.seconds,
        default=hold.default,
        webhook=hold.webhook,
    )


def _wanted(subject: Subject) -> dict[str, object]:
    """The schema of an answer in JSON, which an edit has to fit as well."""
    output = subject.prompt.output
    return {} if output is None else {"schema": dict(output.schema or {})}


def shown(passage: Passage) -> dict[str, object]:
    """A passage as a reviewer is shown it."""
    hit = passage.hit
    return {
        "number": passage.number,
        "document_id": hit.document_id,
        "chunk_id": hit.chunk_id,
        "title": hit.title,
        "source": hit.source,
        "text": hit.text,
    }
