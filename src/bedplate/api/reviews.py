"""/api/reviews: what waits for a human, who decides it, and what became of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime

from bedplate.api.current import CurrentAccount, CurrentApp, Deadline, Tenant
from bedplate.api.review_schemas import (
    AskedReview,
    Assigned,
    GivenDecision,
    Outcome,
    Review,
    ReviewLine,
    ReviewList,
    Wanted,
    WebhookSecret,
)
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import open_stream
from bedplate.api.wire import encode
from bedplate.domain import reviews as domain
from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Decision
from bedplate.review.labels import labelled_rows
from bedplate.review.queue import ReviewQueue
from bedplate.reviews.protocol import ReviewQuery

ROWS = "application/jsonl"
MOST_ROWS = 200
LONGEST_WAIT = 60.0
LOCAL = "local"
"""The reviewer on this machine, while there are no keys."""

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events.", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
}

router = APIRouter(prefix="/api/reviews", tags=["reviews"])


@router.post("", status_code=201)
async def ask_for_review(body: AskedReview, app: CurrentApp, tenant: Tenant) -> Outcome:
    """Put something before a human. The same `once` again gives the review that is there."""
    return Outcome.of(await app.reviews.ask(body.request(tenant)))


@router.get("")
async def list_reviews(
    app: CurrentApp, tenant: Tenant, wanted: Annotated[Wanted, Query()]
) -> ReviewList:
    """The queue, or any other part of what is kept."""
    # Before the list: what changes meanwhile is told by the events as well.
    changed = await app.reviews.latest(tenant)
    found = await app.reviews.list(tenant, wanted.query)
    more = len(found) == wanted.limit
    return ReviewList(
        reviews=[ReviewLine.of(each) for each in found],
        next=found[-1].id if more else None,
        changed=changed,
    )


@router.get("/events", responses=EVENTS, response_class=Response)
async def watch_reviews(
    app: CurrentApp,
    tenant: Tenant,
    deadline: Deadline,
    after: Annotated[int | None, Query(ge=0, description="Changes after this number.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> Response:
    """Each review that changes, as a line of the list, until this request's time is over."""
    first = last_event_id if last_event_id is not None else after
    if first is None:
        first = await app.reviews.latest(tenant)
    return await open_stream(_changes(app.reviews, tenant, first, deadline))


@router.get("/rows", response_class=Response)
async def labelled(
    app: CurrentApp,
    tenant: Tenant,
    since: Annotated[AwareDatetime | None, Query(description="Decided since then.")] = None,
    after: Annotated[str | None, Query(description="`x-next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS,
) -> Response:
    """Decisions on answers as one JSON object a line, newest first: what calibrations read.

    Where there are more, the header `x-next` says what goes into `after`.
    """
    query = ReviewQuery(
        states=("approved", "edited", "rejected"),
        kind="answer",
        since=since,
        order="newest",
        after=after,
        limit=limit,
    )
    found = await app.reviews.list(tenant, query)
    lines = [encode(row) + b"\n" for review in found for row in labelled_rows(review)]
    headers = {"x-next": found[-1].id} if len(found) == limit else {}
    return Response(b"".join(lines), media_type=ROWS, headers=headers)


@router.get("/secret")
async def webhook_secret(app: CurrentApp, tenant: Tenant) -> WebhookSecret:
    """What this tenant's webhooks are signed with."""
    return WebhookSecret(secret=app.reviews.secret(tenant))


@router.get("/{id}")
async def show_review(id: str, app: CurrentApp, tenant: Tenant) -> Review:
    return Review.of(await app.reviews.get(id, tenant=tenant))


@router.get("/{id}/outcome")
async def outcome(
    id: str,
    app: CurrentApp,
    tenant: Tenant,
    deadline: Deadline,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds.")] = 0.0,
) -> Outcome:
    """What became of it: at once, or as soon as it is decided within `wait`."""
    left = deadline - asyncio.get_running_loop().time()
    seconds = max(0.0, min(wait, left))
    return Outcome.of(await app.reviews.decided(id, tenant=tenant, seconds=seconds))


@router.get("/{id}/events", responses=EVENTS, response_class=Response)
async def watch_outcome(id: str, app: CurrentApp, tenant: Tenant, deadline: Deadline) -> Response:
    """`outcome` as it is, and again once it is decided."""
    return await open_stream(_outcomes(app.reviews, tenant, id, deadline))


@router.post("/{id}/decision")
async def decide(
    id: str, body: GivenDecision, app: CurrentApp, tenant: Tenant, account: CurrentAccount
) -> Review:
    """409 where it is decided already, or somebody else's; 403 for an edit that guards refuse."""
    decision = Decision(
        verdict=body.verdict,
        by=body.by or account.key or LOCAL,
        reason=body.reason,
        value=body.value,
        key=account.key,
        supported=body.supported,
        claims=tuple(body.claims),
    )
    return Review.of(await app.reviews.decide(id, decision, tenant=tenant))


@router.put("/{id}/assignee")
async def assign(id: str, body: Assigned, app: CurrentApp, tenant: Tenant) -> Review:
    """Hand it from `was` to `assignee`; 409 where `was` has not got it."""
    found = await app.reviews.assign(id, body.assignee, was=body.was, tenant=tenant)
    return Review.of(found)


async def _changes(
    queue: ReviewQueue, tenant: TenantId, after: int, deadline: float
) -> AsyncGenerator[bytes]:
    # A comment first, as the next change may be long in coming.
    yield b": reviews\n\n"
    async with aclosing(queue.follow(tenant, after=after)) as changes:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    review = await anext(changes)
            except TimeoutError:
                return
            line = ReviewLine.of(review).model_dump(mode="json")
            yield encode_event(line, "review", id=review.changed)


async def _outcomes(
    queue: ReviewQueue, tenant: TenantId, id: str, deadline: float
) -> AsyncGenerator[bytes]:
    found = await queue.get(id, tenant=tenant)
    yield _outcome(found)
    if not found.decided:
        left = deadline - asyncio.get_running_loop().time()
        ended = await queue.decided(id, tenant=tenant, seconds=max(0.0, left))
        if ended.decided:
            yield _outcome(ended)


def _outcome(review: domain.Review) -> bytes:
    return encode_event(Outcome.of(review).model_dump(mode="json"), "outcome")
