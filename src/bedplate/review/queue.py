"""The human queue: what is asked waits for one reviewer's decision, or for its default."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.reviews import STATES, Decision, NewReview, Review
from bedplate.errors import Conflict, GuardFailed, InvalidInput, NotFound, TooLarge
from bedplate.review.edits import Edits
from bedplate.review.webhooks import Webhooks
from bedplate.reviews.protocol import MOST_LISTED, Ending, ReviewQuery, Reviews

POLL_SECONDS = 0.5
"""How often who waits looks for what another process decided."""

MOST_SUBJECT_BYTES = 2_000_000
LONGEST_SECONDS = 90 * 86_400.0
MOST_TEXT = 200
MOST_REASON = 10_000
EXPIRED = 100
"""How many expire at once."""

BY_DEFAULT = "default"
"""Who decides what nobody decided."""

BY_SERVER = "server"
"""Who takes back what nobody waits for."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """`pending` is of each tenant; further ones are refused."""

    pending: int = 1_000


class ReviewQueue:
    """AskHuman, and what reviewers do. Without `edits` none is taken. `clock` is the wall clock."""

    def __init__(
        self,
        reviews: Reviews,
        edits: Edits | None,
        webhooks: Webhooks,
        limits: QueueLimits,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._reviews = reviews
        self._edits = edits
        self._webhooks = webhooks
        self._limits = limits
        self._clock = clock
        self._news: dict[TenantId, asyncio.Event] = {}

    async def ask(self, request: NewReview) -> Review:
        _check(request)
        if request.webhook is not None:
            self._webhooks.check(request.webhook)
        now = self._clock()
        review = Review(
            id=new_id(),
            request=request,
            state="pending",
            created_at=now,
            due_at=now + timedelta(seconds=request.seconds),
        )
        kept = await self._reviews.add(review, most=self._limits.pending)
        self._tell(request.tenant)
        return await self._current(kept)

    async def get(self, id: str, *, tenant: TenantId) -> Review:
        return await self._current(await self._reviews.get(tenant, id))

    async def decided(self, id: str, *, tenant: TenantId, seconds: float) -> Review:
        until = asyncio.get_running_loop().time() + seconds
        while True:
            news = self._news_of(tenant)
            found = await self.get(id, tenant=tenant)
            left = until - asyncio.get_running_loop().time()
            if found.decided or left <= 0:
                return found
            await _either(news, min(left, POLL_SECONDS))

    async def list(self, tenant: TenantId, query: ReviewQuery) -> tuple[Review, ...]:
        """A page of them, none of which is due.

        Raises:
            InvalidInput: a limit over MOST_LISTED.
            NotFound: `query.after` is none of the tenant's.
        """
        if not 1 <= query.limit <= MOST_LISTED:
            raise InvalidInput(
                f"limit is {query.limit}; it must be 1 to {MOST_LISTED}.", param="limit"
            )
        while len(await self.expire(tenant)) == EXPIRED:
            pass
        return await self._reviews.list(tenant, query)

    async def decide(self, id: str, decision: Decision, *, tenant: TenantId) -> Review:
        """End it by a reviewer's decision, and let whoever waits know.

        Raises:
            Conflict: it is decided, or another reviewer's.
            InvalidInput: an edit without a value that fits, or labels that do not.
            GuardBlocked: an edit holds what must not leave.
        """
        found = await self.get(id, tenant=tenant)
        if found.decided:
            raise decided_already(found)
        _check_decision(found, decision)
        labels: Mapping[str, Any] = {}
        if decision.verdict == "edit":
            if self._edits is None:
                raise GuardFailed("No edit is taken where no guard is open to look at it.")
            labels = await self._edits.check(found, decision.value)
        ending = Ending(STATES[decision.verdict], decision, self._clock(), labels)
        ended = await self._reviews.end(tenant, id, ending)
        self._tell(tenant)
        return ended

    async def withdraw(self, id: str, reason: str, *, tenant: TenantId) -> None:
        decision = Decision("reject", BY_SERVER, reason)
        with suppress(Conflict, NotFound):
            await self._reviews.end(
                tenant, id, Ending("rejected", decision, self._clock(), {}, withdrawn=True)
            )
            self._tell(tenant)

    async def assign(
        self, id: str, assignee: str | None, *, was: str | None, tenant: TenantId
    ) -> Review:
        """Hand it from `was` to `assignee`; None is nobody. Conflict where `was` has not got it."""
        if assignee is not None:
            _check_name(assignee, "assignee")
        await self.get(id, tenant=tenant)
        now = self._clock()
        handed = await self._reviews.assign(tenant, id, assignee, was=was, at=now)
        self._tell(tenant)
        return handed

    async def follow(self, tenant: TenantId, *, after: int) -> AsyncGenerator[Review]:
        """Reviews that changed after that number, each as it then is, as they come, without end."""
        while True:
            news = self._news_of(tenant)
            await self.expire(tenant)
            found = await self._reviews.changed(tenant, after=after, limit=MOST_LISTED)
            for review in found:
                after = review.changed
                yield review
            if not found:
                await _either(news, POLL_SECONDS)

    async def expire(self, tenant: TenantId | None = None) -> tuple[Review, ...]:
        """Let some that are due be decided by their defaults, of one tenant or of all."""
        now = self._clock()
        due = await self._reviews.upkeep.due(now, limit=EXPIRED, tenant=tenant)
        return tuple([await self._expire(await self._reviews.get(*each)) for each in due])

    async def latest(self, tenant: TenantId) -> int:
        """The number of the last change, from which on `follow` tells what a list does not show."""
        return await self._reviews.upkeep.latest(tenant)

    async def waiting(self) -> int:
        """How many are pending, of all tenants."""
        return await self._reviews.upkeep.waiting()

    def secret(self, tenant: TenantId) -> str:
        """What the tenant's webhooks are signed with; NotFound where there are none."""
        return self._webhooks.secret(tenant)

    async def _current(self, review: Review) -> Review:
        due = not review.decided and review.due_at <= self._clock()
        return await self._expire(review) if due else review

    async def _expire(self, review: Review) -> Review:
        request = review.request
        reason = f"Nobody decided by {review.due_at:%Y-%m-%d %H:%M:%S} UTC."
        decision = Decision(request.default, BY_DEFAULT, reason)
        ending = Ending("expired", decision, max(self._clock(), review.due_at), {})
        try:
            ended = await self._reviews.end(request.tenant, review.id, ending)
        except Conflict:
            # Another process was first.
            return await self._reviews.get(request.tenant, review.id)
        self._tell(request.tenant)
        return ended

    def _news_of(self, tenant: TenantId) -> asyncio.Event:
        return self._news.setdefault(tenant, asyncio.Event())

    def _tell(self, tenant: TenantId) -> None:
        if (news := self._news.pop(tenant, None)) is not None:
            news.set()


def decided_already(review: Review) -> Conflict:
    by = "" if review.decision is None else f" by {review.decision.by!r}"
    return Conflict(f"Review {review.id!r} was {review.state}{by} already.")


async def _either(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return


def _check(request: NewReview) -> None:
    if not 0 <= request.priority <= 9:
        raise InvalidInput(f"priority is {request.priority}; it must be 0 to 9.", param="priority")
    if not 0 < request.seconds <= LONGEST_SECONDS:
        raise InvalidInput(
            f"seconds is {request.seconds:g}; a review waits more than 0 and at most "
            f"{LONGEST_SECONDS:,.0f} seconds.",
            param="seconds",
        )
    for name, text in (("once", request.once), ("assistant", request.assistant)):
        if text is not None:
            _check_name(text, name)
    _check_subject(request)
    size = len(json.dumps(request.subject))
    if size > MOST_SUBJECT_BYTES:
        raise TooLarge(
            f"subject has {size:,} bytes as JSON; a reviewer is shown at most "
            f"{MOST_SUBJECT_BYTES:,}."
        )


def _check_subject(request: NewReview) -> None:
    """There must be something to decide on, and to go on with once it is approved."""
    name = "answer" if request.kind == "answer" else "tool"
    found = request.subject.get(name)
    if not isinstance(found, str) or not found.strip():
        raise InvalidInput(
            f"subject.{name} is {_short(found)}: a review of the kind {request.kind!r} needs it, as text.",
            param=f"subject.{name}",
        )


def _short(value: object) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False)[:MOST_TEXT]


def _check_decision(review: Review, decision: Decision) -> None:
    _check_name(decision.by, "by")
    if len(decision.reason) > MOST_REASON:
        raise InvalidInput(
            f"reason has {len(decision.reason):,} characters; it may have {MOST_REASON:,}.",
            param="reason",
        )
    if decision.verdict == "reject" and not decision.reason.strip():
        raise InvalidInput("reason is missing: say why it is rejected.", param="reason")
    if decision.verdict != "edit" and decision.value is not None:
        raise InvalidInput(f"value is of edit, not of {decision.verdict}.", param="value")
    claims = review.request.subject.get("claims") or ()
    if decision.claims and len(decision.claims) != len(claims):
        raise InvalidInput(
            f"claims has {len(decision.claims)} labels; the answer has {len(claims)} claims.",
            param="claims",
        )


def _check_name(text: str, param: str) -> None:
    if not text.strip() or len(text) > MOST_TEXT or not text.isprintable():
        raise InvalidInput(
            f"{param} is {text[:MOST_TEXT]!r}: give 1 to {MOST_TEXT} printable characters.",
            param=param,
        )
