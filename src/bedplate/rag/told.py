"""What is told of an answer in its trace."""

from collections.abc import Sequence

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, Grounding
from bedplate.domain.chat import Passage
from bedplate.domain.evaluations import Answered
from bedplate.evaluation.protocol import WatchAnswers
from bedplate.rag.ask_request import AskRequest
from bedplate.telemetry.conventions import (
    ANSWER,
    CHECKED,
    CITATIONS,
    CITED_CLAIMS,
    CLAIMS,
    EVALUATION,
    EVALUATION_LABEL,
    EVALUATION_SCORE,
    FAILED_RULES,
    OPERATION,
    QUESTION,
    REFUSED,
    REQUEST_MODEL,
    VALID_CITATIONS,
)
from bedplate.telemetry.trace import Span, span


def asking(question: str, model: str, account: Account) -> Span:
    """The step that answers a question, to be entered."""
    step = span("ask")
    step.set(OPERATION, "invoke_workflow")
    step.set(REQUEST_MODEL, model)
    step.bill(account)
    step.content(QUESTION, question)
    return step


def told(step: Span, answer: Answer) -> Answer:
    """The answer, once its trace knows it."""
    step.set(REFUSED, answer.refused)
    step.set(CHECKED, answer.checked.action)
    if answer.checked.failures:
        step.set(FAILED_RULES, sorted({each.rule for each in answer.checked.failures}))
    step.set(CITATIONS, [each.chunk_id for each in answer.citations])
    step.content(ANSWER, answer.text)
    if cited := [claim for claim in answer.grounded.claims if claim.cited]:
        step.set(CITED_CLAIMS, len(cited))
        step.set(VALID_CITATIONS, sum(claim.supported for claim in cited))
    return answer


def tell_grounded(step: Span, grounded: Grounding) -> None:
    step.set(EVALUATION, "groundedness")
    step.set(EVALUATION_LABEL, grounded.verdict)
    if grounded.verdict in ("supported", "unsupported"):
        step.set(EVALUATION_SCORE, grounded.score)
    step.content(
        CLAIMS,
        [
            {"text": claim.text, "supported": claim.supported, "score": round(claim.score, 4)}
            for claim in grounded.claims
        ],
    )


INSTEAD = frozenset({"refused", "asked_back", "held"})
"""What became of an answer that did not leave: something else is said in its place."""


def watched(
    watch: WatchAnswers | None, request: AskRequest, passages: Sequence[Passage], answer: Answer
) -> None:
    """Tell whoever evaluates answers of one that a model made, as it leaves."""
    if watch is None or answer.refused or answer.checked.action in INSTEAD:
        return
    watch.saw(
        Answered(
            question=request.question,
            text=answer.text,
            passages=tuple(passages),
            grounded=answer.grounded,
            model=request.model,
            collections=tuple(scope.collection for scope in request.scopes),
            account=request.account,
            trace_id=answer.trace_id,
        )
    )
