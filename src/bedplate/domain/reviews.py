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


@dataclass(frozen=True, slots=True)
class NewReview:
    """What is asked. `subject` is JSON: of an answer {question, answer, passages, citations, claims,
    score, model}, of a tool call {tool, arguments, run, context}.

    `priority` is 0 to 9, higher first. After `seconds` without a decision `default` is it. `once`
    makes asking the same thing again find the review that is there.
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
    """What a reviewer says. `value` is of "edit": the answer's text, or the call's arguments."""

    verdict: Verdict
    by: str
    reason: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it stands; `decision` is there once it is decided, by a human or by default."""

    id: str
    request: NewReview
    state: ReviewState
    created_at: datetime
    due_at: datetime
    assignee: str | None = None
    decision: Decision | None = None
    decided_at: datetime | None = None
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
