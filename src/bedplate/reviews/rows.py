"""Reviews as rows: moments in whole microseconds since 1970, all else of a request as JSON."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Decision, NewReview, Review
from bedplate.sql import Row

START = datetime(1970, 1, 1, tzinfo=UTC)
HIGHEST = 9

COLUMNS = (
    "tenant_id, id, once, changed, state, kind, assistant, rank, created, due, decided, assignee,"
    " body, decision, labels, delivery"
)


def micros(at: datetime) -> int:
    return (at - START) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    return START + timedelta(microseconds=value)


def row_of(review: Review) -> Row:
    """In the order of `COLUMNS`."""
    request = review.request
    body = {
        "subject": request.subject,
        "trace": request.trace,
        "seconds": request.seconds,
        "default": request.default,
        "webhook": request.webhook,
    }
    return (
        request.tenant,
        review.id,
        request.once,
        review.changed,
        review.state,
        request.kind,
        request.assistant,
        HIGHEST - request.priority,
        micros(review.created_at),
        micros(review.due_at),
        None if review.decided_at is None else micros(review.decided_at),
        review.assignee,
        json.dumps(body),
        None if review.decision is None else decision_json(review.decision),
        json.dumps(review.labels),
        review.delivery,
    )


def decision_json(decision: Decision) -> str:
    return json.dumps(asdict(decision))


def review_of(row: Row) -> Review:
    tenant, id, once, changed, state, kind, assistant, rank, created, due = row[:10]
    decided, assignee, body, decision, labels, delivery = row[10:16]
    found: dict[str, Any] = json.loads(body)
    return Review(
        id=id,
        request=NewReview(
            kind=kind,
            tenant=TenantId(tenant),
            assistant=assistant,
            priority=HIGHEST - int(rank),
            once=once,
            **found,
        ),
        state=state,
        created_at=moment(int(created)),
        due_at=moment(int(due)),
        assignee=assignee,
        decision=None if decision is None else _decision(json.loads(decision)),
        decided_at=None if decided is None else moment(int(decided)),
        labels=json.loads(labels),
        changed=int(changed),
        delivery=delivery,
    )


def _decision(found: dict[str, Any]) -> Decision:
    found["claims"] = tuple(found["claims"])
    return Decision(**found)
