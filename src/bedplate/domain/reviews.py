"""Reviews: what a human is to decide, and what was decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bedplate.domain.ids import DEFAULT_TENANT, TenantId

ReviewKind = Literal["answer", "tool_call"]
ReviewState = Literal["pending", "approved", "edited", "rejected", "expired"]
Default = Literal["approve", "reject"]
Verdict = Literal["approve", "edit", "reject"]
Delivery = Literal["none", "waiting", "delivered", "failed"]
"""How far the webhook is: there is none, or nothing to tell yet; to be told; told; given up."""

STATES: Mapping[Verdict, ReviewState] = {
    "approve": "approved",
    "edit": "edited",
    "reject": "rejected",
}


@dataclass(frozen=True, slots=True)
class NewReview:
    """What is asked. `subject` is JSON: of an answer {question, answer, passages, citations, claims,
    score, model, of an answer in JSON schema}, each passage {text, title, source} and each claim {text, supported, score}; of a
    tool call {tool, arguments, run, context}.

    `priority` is 0 to 9, higher first. After `seconds` without a decision `default` is it. `once`
    makes asking the same thing again find the review that is there. `webhook` is a URL that is told
    the decision.
    """

    kind: ReviewKind
    subject: Mapping[str, Any]
    tenant: TenantId = DEFAULT_TENANT
    assistant: str | None = None
    trace: str = ""
    priority: int = 5
    seconds: float = 86_400.0
    default: Default = "reject"
    webhook: str | None = None
    once: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer says. `value` is of "edit": the answer's text, or the call's arguments.

    `key` is the access key that it came with. `claims` says of each claim of an answer whether the
    passages carry it, `supported` the same of the whole answer; empty and None where nothing was
    said of it.
    """

    verdict: Verdict
    by: str
    reason: str = ""
    value: Any = None
    key: str | None = None
    supported: bool | None = None
    claims: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it stands; `decision` is there once it is decided, by a human or by default.

    `changed` grows with each change of any review of the tenant. `labels` are what guards found in
    an edit that was let pass.
    """

    id: str
    request: NewReview
    state: ReviewState
    created_at: datetime
    due_at: datetime
    assignee: str | None = None
    decision: Decision | None = None
    decided_at: datetime | None = None
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    changed: int = 0
    delivery: Delivery = "none"

    @property
    def decided(self) -> bool:
        return self.state != "pending"

    @property
    def accepted(self) -> bool:
        """Whether what was asked about may go on, as it is or as it was edited."""
        return self.decision is not None and self.decision.verdict != "reject"

    @property
    def value(self) -> Any:
        """What goes on once it is accepted: the answer's text, or the call's arguments."""
        if self.decision is not None and self.decision.verdict == "edit":
            return self.decision.value
        subject = self.request.subject
        return subject.get("answer" if self.request.kind == "answer" else "arguments")
