"""/api/feedback: what people thought of answers, and the same as rows for an evaluation."""

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field, model_validator

from bedplate.api.current import CurrentAccount, CurrentApp, Tenant
from bedplate.api.schemas import Body, Shown, Text
from bedplate.api.wire import encode
from bedplate.domain.ids import new_id
from bedplate.domain.traces import EndedSpan, Feedback, Rating
from bedplate.telemetry.conventions import ANSWER, INPUT_MESSAGES, OUTPUT_MESSAGES, QUESTION

MEDIA_TYPE = "application/jsonl"
MOST = 10_000

router = APIRouter(prefix="/api/feedback", tags=["feedback"])


class Said(Body):
    """About the answer whose `trace_id` it is: a thumb, what would have been right, or free text."""

    trace_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    rating: Rating | None = None
    correction: Annotated[Text | None, Field(min_length=1, max_length=20_000)] = None
    comment: Annotated[Text | None, Field(min_length=1, max_length=20_000)] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.rating is None and self.correction is None and self.comment is None:
            raise ValueError("give a rating, a correction or a comment")
        return self


class Kept(Shown):
    """`question` and `answer` are as the trace holds them, null where it holds no content."""

    id: str
    trace_id: str
    at: datetime
    rating: Rating | None
    correction: str | None
    comment: str | None
    key: str | None
    question: str | None
    answer: str | None


@router.post("", status_code=201)
async def give_feedback(
    body: Said, app: CurrentApp, tenant: Tenant, account: CurrentAccount
) -> Kept:
    """Keep it with the trace; it stays when the trace is forgotten."""
    await app.tracing.recorder.flush()
    spans = await app.tracing.kept.spans(tenant, body.trace_id)
    given = Feedback(
        id=new_id(),
        trace_id=body.trace_id,
        at=datetime.now(UTC),
        rating=body.rating,
        correction=body.correction,
        comment=body.comment,
        key=account.key,
        question=_said(spans, QUESTION, INPUT_MESSAGES),
        answer=_said(spans, ANSWER, OUTPUT_MESSAGES),
    )
    await app.tracing.kept.add_feedback(tenant, given)
    return Kept.model_validate(given)


@router.get("/rows", response_class=Response)
async def evaluation_rows(
    app: CurrentApp,
    tenant: Tenant,
    since: Annotated[AwareDatetime | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 1_000,
) -> Response:
    """One JSON object a line, oldest first: what was asked, answered, and would have been right."""
    found = await app.tracing.kept.list_feedback(tenant, since=since, limit=limit)
    lines = [encode(_row(each)) for each in found]
    return Response(b"".join(line + b"\n" for line in lines), media_type=MEDIA_TYPE)


def _row(given: Feedback) -> dict[str, object]:
    return {
        "id": given.id,
        "trace_id": given.trace_id,
        "at": given.at.isoformat(),
        "question": given.question,
        "answer": given.answer,
        "rating": given.rating,
        "expected": given.correction,
        "comment": given.comment,
    }


def _said(spans: tuple[EndedSpan, ...], *names: str) -> str | None:
    """Of the first step that holds it, by the first of the names."""
    for name in names:
        for span in spans:
            if name in span.content:
                return span.content[name]
    return None
