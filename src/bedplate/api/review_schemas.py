"""Bodies of /api/reviews, as the OpenAPI document shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue

from bedplate.api.schemas import Body, Shown, Text
from bedplate.domain import reviews as domain
from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Default, Delivery, NewReview, ReviewKind, ReviewState, Verdict
from bedplate.errors import InvalidInput
from bedplate.rag.checks.json_schema import AnswerSchema
from bedplate.reviews.protocol import MOST_LISTED, ReviewQuery

ABOUT_CHARACTERS = 300

Name = Annotated[Text, Field(min_length=1, max_length=200)]


class AskedReview(Body):
    """What a human is to decide. `subject` is shown to reviewers: of an answer question, answer,
    passages, citations, claims, score and model; of a tool call tool, arguments, run and context.
    With `schema` the answer is JSON, and so must an edit be.
    """

    kind: ReviewKind = "answer"
    subject: dict[str, JsonValue]
    assistant: Name | None = None
    trace_id: Annotated[str, Field(pattern="^([0-9a-f]{32})?$")] = ""
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    seconds: Annotated[float, Field(gt=0)] = 86_400.0
    default: Default = "reject"
    webhook: Text | None = None
    once: Name | None = None

    def request(self, tenant: TenantId) -> NewReview:
        """InvalidInput for a `schema` that no edit could be held to."""
        schema = self.subject.get("schema")
        if self.kind == "answer" and schema is not None:
            if not isinstance(schema, dict):
                raise InvalidInput(
                    "subject.schema must be a JSON Schema as an object, or be left out.",
                    param="subject.schema",
                )
            AnswerSchema(schema, param="subject.schema")
        return NewReview(
            kind=self.kind,
            subject=self.subject,
            tenant=tenant,
            assistant=self.assistant,
            trace=self.trace_id,
            priority=self.priority,
            seconds=self.seconds,
            default=self.default,
            webhook=self.webhook,
            once=self.once,
        )


class GivenDecision(Body):
    """`by` is the reviewer's name, else that of the key. `value` is of "edit". `claims` says of each
    claim whether the passages carry it, `supported` the same of the whole answer.
    """

    verdict: Verdict
    by: Name | None = None
    reason: Annotated[Text, Field(max_length=10_000)] = ""
    value: JsonValue = None
    supported: bool | None = None
    claims: Annotated[list[bool], Field(default_factory=list[bool], max_length=10_000)]


class Assigned(Body):
    """`was` is who has it now; null is nobody."""

    assignee: Name | None
    was: Name | None = None


class Wanted(Body):
    """Which reviews are listed: all conditions together."""

    state: Annotated[list[ReviewState], Field(default_factory=list[ReviewState])]
    kind: ReviewKind | None = None
    assistant: Text | None = None
    assignee: Annotated[Text | None, Field(description='"" is nobody.')] = None
    since: Annotated[AwareDatetime | None, Field(description="Decided since then.")] = None
    order: Annotated[
        Literal["queue", "newest"], Field(description="By priority and due time, or newest first.")
    ] = "queue"
    after: Annotated[str | None, Field(description="`next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 50

    @property
    def query(self) -> ReviewQuery:
        return ReviewQuery(
            states=tuple(self.state),
            kind=self.kind,
            assistant=self.assistant,
            assignee=self.assignee,
            since=self.since,
            order=self.order,
            after=self.after,
            limit=self.limit,
        )


class ReviewLine(Shown):
    """`about` is the beginning of the question, or the tool's name. `score` is the answer's."""

    id: str
    kind: ReviewKind
    state: ReviewState
    assistant: str | None
    priority: int
    created_at: datetime
    due_at: datetime
    assignee: str | None
    decided_at: datetime | None
    verdict: Verdict | None
    by: str | None
    about: str
    score: float | None
    trace_id: str
    changed: int

    @classmethod
    def of(cls, review: domain.Review) -> Self:
        return cls(**line_of(review))


class ReviewList(Shown):
    """`next` goes into `after` for the next page; null where there is none. `changed` goes into
    `after` of /api/reviews/events, to be told what changes from here on.
    """

    reviews: list[ReviewLine]
    next: str | None
    changed: int


class Decided(Shown):
    verdict: Verdict
    by: str
    key: str | None
    reason: str
    value: Any
    supported: bool | None
    claims: list[bool]


class Review(ReviewLine):
    """`labels` are what guards found in an edit. Texts of `subject` are data, never to be run."""

    subject: dict[str, Any]
    default: Default
    decision: Decided | None
    labels: dict[str, Any]
    webhook: str | None
    delivery: Delivery

    @classmethod
    def of(cls, review: domain.Review) -> Self:
        decision = review.decision
        return cls(
            **line_of(review),
            subject=dict(review.request.subject),
            default=review.request.default,
            decision=None if decision is None else Decided.model_validate(decision),
            labels=dict(review.labels),
            webhook=review.request.webhook,
            delivery=review.delivery,
        )


class Outcome(Shown):
    """What whoever asked may know: `value`, the answer's text or the call's arguments, once accepted."""

    id: str
    kind: ReviewKind
    state: ReviewState
    accepted: bool
    due_at: datetime
    decided_at: datetime | None
    reason: str
    value: Any

    @classmethod
    def of(cls, review: domain.Review) -> Self:
        return cls(
            id=review.id,
            kind=review.request.kind,
            state=review.state,
            accepted=review.accepted,
            due_at=review.due_at,
            decided_at=review.decided_at,
            reason="" if review.decision is None else review.decision.reason,
            value=review.value if review.accepted else None,
        )


class WebhookSecret(Shown):
    secret: str


def line_of(review: domain.Review) -> dict[str, Any]:
    request, decision = review.request, review.decision
    return {
        "id": review.id,
        "kind": request.kind,
        "state": review.state,
        "assistant": request.assistant,
        "priority": request.priority,
        "created_at": review.created_at,
        "due_at": review.due_at,
        "assignee": review.assignee,
        "decided_at": review.decided_at,
        "verdict": None if decision is None else decision.verdict,
        "by": None if decision is None else decision.by,
        "about": about(request.kind, request.subject),
        "score": _number(request.subject.get("score")),
        "trace_id": request.trace,
        "changed": review.changed,
    }


def about(kind: ReviewKind, subject: Mapping[str, Any]) -> str:
    found = subject.get("question" if kind == "answer" else "tool")
    return found[:ABOUT_CHARACTERS] if isinstance(found, str) else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
