"""Decisions as rows that calibrations and evaluations read."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from bedplate.domain.reviews import Review

Row = Mapping[str, Any]


def labelled_rows(review: Review) -> Iterator[Row]:
    """Rows of {id, context, answer, question, supported} and where they are from.

    One a claim where the reviewer labelled claims; else one of the answer, supported where it was
    approved. An edit gives the answer, not supported, and its new text, supported. Nothing of what
    no reviewer decided, and of tool calls.
    """
    decision, request = review.decision, review.request
    if decision is None or review.state == "expired" or request.kind != "answer":
        return
    subject = request.subject
    facts = {
        "question": _text(subject.get("question")),
        "context": context_of(subject),
        "model": subject.get("model"),
        "assistant": request.assistant,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "trace_id": request.trace,
    }
    claims = cast("list[Mapping[str, Any]]", subject.get("claims") or [])
    if decision.claims:
        for number, (claim, supported) in enumerate(zip(claims, decision.claims, strict=False), 1):
            yield _row(
                f"{review.id}#{number}", _text(claim.get("text")), supported=supported, facts=facts
            )
    else:
        approved = decision.verdict == "approve"
        supported = approved if decision.supported is None else decision.supported
        yield _row(review.id, _text(subject.get("answer")), supported=supported, facts=facts)
    if decision.verdict == "edit":
        yield _row(f"{review.id}#edited", _text(decision.value), supported=True, facts=facts)


def context_of(subject: Mapping[str, Any]) -> list[str]:
    """The passages' texts, in the order that markers count them in."""
    passages = cast("list[Any]", subject.get("passages") or [])
    return [
        _text(cast("Mapping[str, Any]", each).get("text") if isinstance(each, dict) else each)
        for each in passages
    ]


def _row(id: str, answer: str, *, supported: bool, facts: Row) -> Row:
    return {"id": id, "answer": answer, "supported": supported, **facts}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
