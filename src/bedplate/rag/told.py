"""What is told of an answer in its trace."""

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, Grounding
from bedplate.telemetry.conventions import (
    ANSWER,
    CHECKED,
    CITATIONS,
    CLAIMS,
    EVALUATION,
    EVALUATION_LABEL,
    EVALUATION_SCORE,
    FAILED_RULES,
    OPERATION,
    QUESTION,
    REFUSED,
    REQUEST_MODEL,
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
