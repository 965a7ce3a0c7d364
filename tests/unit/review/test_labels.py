"""Decisions as labelled rows."""

from datetime import UTC, datetime
from typing import Any

from bedplate.domain.reviews import STATES, Decision, NewReview, Review, ReviewKind, Verdict
from bedplate.review.labels import labelled_rows

NOW = datetime(2026, 3, 30, tzinfo=UTC)
SUBJECT = {
    "question": "How long?",
    "answer": "30 days [1]. Free [2].",
    "passages": [
        {"text": "Refunds take 30 days."},
        "Sent back free of charge.",
        {"title": "no text"},
    ],
    "claims": [{"text": "30 days."}, {"text": "Free."}],
    "model": "m",
}


def decided(verdict: Verdict, kind: ReviewKind = "answer", **said: Any) -> Review:
    request = NewReview(kind, SUBJECT, assistant="shop", trace="t")
    decision = Decision(verdict, "ann", **said)
    return Review("r", request, STATES[verdict], NOW, NOW, decision=decision, decided_at=NOW)


def rows(review: Review) -> list[tuple[str, str, bool]]:
    return [(row["id"], row["answer"], row["supported"]) for row in labelled_rows(review)]


def test_an_approval_supports_the_answer_and_a_rejection_does_not() -> None:
    answer = "30 days [1]. Free [2]."
    assert rows(decided("approve")) == [("r", answer, True)]
    assert rows(decided("reject")) == [("r", answer, False)]
    assert rows(decided("reject", supported=True)) == [("r", answer, True)]


def test_a_row_says_what_it_was_about_and_where_it_is_from() -> None:
    [row] = labelled_rows(decided("reject", reason="wrong"))
    assert row == {
        "id": "r",
        "question": "How long?",
        "context": ["Refunds take 30 days.", "Sent back free of charge.", ""],
        "answer": "30 days [1]. Free [2].",
        "supported": False,
        "model": "m",
        "assistant": "shop",
        "verdict": "reject",
        "reason": "wrong",
        "trace_id": "t",
    }


def test_labelled_claims_are_rows_of_their_own() -> None:
    assert rows(decided("approve", claims=(True, False))) == [
        ("r#1", "30 days.", True),
        ("r#2", "Free.", False),
    ]


def test_an_edit_gives_the_wrong_answer_and_the_right_one() -> None:
    assert rows(decided("edit", value="14 days.")) == [
        ("r", "30 days [1]. Free [2].", False),
        ("r#edited", "14 days.", True),
    ]


def test_what_no_reviewer_decided_and_tool_calls_are_no_labels() -> None:
    pending = Review("r", NewReview("answer", SUBJECT), "pending", NOW, NOW)
    expired = Review(
        "r", pending.request, "expired", NOW, NOW, decision=Decision("approve", "default")
    )
    assert rows(pending) == rows(expired) == rows(decided("approve", "tool_call")) == []
