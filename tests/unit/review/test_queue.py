"""The human queue: asking, waiting, deciding, expiring, and telling webhooks."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.webhook_receiver import WebhookReceiver, receive_webhooks

from bedplate.domain.accounts import Account
from bedplate.domain.guard import Injection, TextKind
from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Decision, NewReview, Review
from bedplate.errors import Busy, Conflict, InvalidInput, NotFound, TooLarge
from bedplate.rag.checks.json_answer import misfits
from bedplate.review.edits import Edits
from bedplate.review.queue import QueueLimits, ReviewQueue
from bedplate.review.upkeep import ReviewUpkeep, UpkeepOptions
from bedplate.review.webhooks import WebhookOptions, open_webhooks
from bedplate.reviews.protocol import ReviewQuery
from bedplate.reviews.sqlite import open_sqlite_reviews
from bedplate.upstream.addresses import AddressRules

T1, T2 = TenantId("t1"), TenantId("t2")
SUBJECT = {"question": "How long?", "answer": "30 days.", "claims": [{"text": "30 days."}]}
SECRET = b"a secret of sixteen or more"
LOCAL = AddressRules(allow_hosts=("127.0.0.1",))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 30, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


class Harmless:
    """Finds no orders anywhere."""

    async def check(
        self, texts: Sequence[str], kind: TextKind, account: Account | None = None
    ) -> list[Injection]:
        return [Injection(0.0, "allow")] * len(texts)


@dataclass
class Desk:
    queue: ReviewQueue
    upkeep: ReviewUpkeep
    clock: Clock


@asynccontextmanager
async def desk_of(
    folder: Path, *, pending: int = 3, secret: bytes | None = SECRET, rules: AddressRules = LOCAL
) -> AsyncGenerator[Desk]:
    clock = Clock()
    hooks = WebhookOptions(secret=secret, rules=rules, seconds=5)
    async with (
        open_sqlite_reviews(folder / "reviews.db") as kept,
        open_webhooks(hooks) as webhooks,
    ):
        limits = QueueLimits(pending=pending)
        queue = ReviewQueue(kept, Edits(None, Harmless(), misfits), webhooks, limits, clock=clock)
        options = UpkeepOptions(keep_days=1, attempts=3, call_seconds=5)
        yield Desk(queue, ReviewUpkeep(queue, kept, webhooks, options, clock=clock), clock)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(tmp_path) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with receive_webhooks() as opened:
        yield opened


def question(**asked: Any) -> NewReview:
    return replace(NewReview("answer", SUBJECT, T1), **asked)


def approve(by: str = "ann", **said: Any) -> Decision:
    return Decision("approve", by, **said)


async def test_who_waits_is_told_as_soon_as_a_reviewer_decides(desk: Desk) -> None:
    asked = await desk.queue.ask(question())
    assert (asked.decided, asked.accepted) == (False, False)
    waiting = asyncio.create_task(desk.queue.decided(asked.id, tenant=T1, seconds=60))
    await asyncio.sleep(0)
    ended = await desk.queue.decide(asked.id, approve(reason="fine"), tenant=T1)
    assert await waiting == ended
    assert (ended.state, ended.accepted, ended.value) == ("approved", True, "30 days.")
    assert await desk.queue.decided(asked.id, tenant=T1, seconds=60) == ended


async def test_who_waits_is_told_what_another_process_decided(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as one, desk_of(tmp_path) as other:
        asked = await one.queue.ask(question())
        waiting = asyncio.create_task(one.queue.decided(asked.id, tenant=T1, seconds=60))
        ended = await other.queue.decide(asked.id, approve(), tenant=T1)
        assert await waiting == ended


async def test_who_waits_no_longer_is_given_the_review_as_it_is(desk: Desk) -> None:
    asked = await desk.queue.ask(question())
    assert await desk.queue.decided(asked.id, tenant=T1, seconds=0) == asked


@pytest.mark.parametrize(("default", "accepted"), [("approve", True), ("reject", False)])
async def test_what_nobody_decides_is_decided_by_default_when_it_is_looked_at(
    desk: Desk, default: Any, accepted: bool
) -> None:
    asked = await desk.queue.ask(question(seconds=60, default=default))
    desk.clock.pass_(seconds=59)
    assert (await desk.queue.get(asked.id, tenant=T1)).state == "pending"
    desk.clock.pass_(seconds=1)
    with pytest.raises(Conflict, match="expired by 'default' already"):
        await desk.queue.decide(asked.id, approve(), tenant=T1)
    found = await desk.queue.get(asked.id, tenant=T1)
    assert (found.state, found.accepted, found.decided_at) == ("expired", accepted, found.due_at)
    assert found.decision == Decision(
        default, "default", "Nobody decided by 2026-03-30 12:01:00 UTC."
    )


async def test_the_list_holds_nothing_that_is_due_and_upkeep_ends_it_for_all(desk: Desk) -> None:
    one = await desk.queue.ask(question(seconds=60))
    two = await desk.queue.ask(question(seconds=60, tenant=T2))
    three = await desk.queue.ask(question())
    desk.clock.pass_(seconds=60)
    pending = ReviewQuery(states=("pending",))
    assert [each.id for each in await desk.queue.list(T1, pending)] == [three.id]
    assert await desk.queue.waiting() == 2
    await desk.upkeep.sweep()
    assert await desk.queue.waiting() == 1
    for tenant, id in ((T1, one.id), (T2, two.id)):
        assert (await desk.queue.get(id, tenant=tenant)).state == "expired"


async def test_a_full_queue_refuses_until_something_is_decided(desk: Desk) -> None:
    asked = [await desk.queue.ask(question()) for _ in range(3)]
    with pytest.raises(Busy, match=r"reviews\.max_pending"):
        await desk.queue.ask(question())
    await desk.queue.ask(question(tenant=T2))
    await desk.queue.decide(asked[0].id, Decision("reject", "ann", "wrong"), tenant=T1)
    await desk.queue.ask(question())


@pytest.mark.parametrize(
    ("asked", "error", "named"),
    [
        ({"priority": 10}, InvalidInput, "priority is 10"),
        ({"seconds": 0}, InvalidInput, "seconds is 0"),
        ({"seconds": 1e9}, InvalidInput, "at most 7,776,000"),
        ({"once": "a\nb"}, InvalidInput, "once is"),
        ({"webhook": "ftp://example.com"}, InvalidInput, "no http or https URL"),
        ({"webhook": "http://10.0.0.1/x"}, InvalidInput, "a private address"),
        ({"webhook": "http://169.254.169.254/x"}, InvalidInput, "never connected to"),
        ({"webhook": "https://ann:pw@example.com"}, InvalidInput, "holds credentials"),
        ({"webhook": f"https://example.com/{'x' * 2_000}"}, InvalidInput, "2,000 characters"),
        ({"subject": {"answer": "x" * 2_000_001}}, TooLarge, "at most 2,000,000"),
        ({"subject": {}}, InvalidInput, "subject.answer is missing"),
        ({"subject": {"answer": " "}}, InvalidInput, 'subject.answer is " "'),
        ({"kind": "tool_call", "subject": {"tool": 7}}, InvalidInput, "subject.tool is 7"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    desk: Desk, asked: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        await desk.queue.ask(question(**asked))
    assert await desk.queue.list(T1, ReviewQuery()) == ()


@pytest.mark.parametrize(
    ("decision", "named"),
    [
        (Decision("reject", "ann"), "reason is missing"),
        (Decision("approve", ""), "by is ''"),
        (Decision("approve", "ann", value="x"), "value is of edit"),
        (Decision("approve", "ann", "x" * 10_001), "reason has 10,001"),
        (Decision("approve", "ann", claims=(True, False)), "2 labels; the answer has 1"),
        (Decision("edit", "ann", value=" "), "value is missing"),
        (Decision("edit", "ann", value={"a": 1}), "value is missing"),
    ],
)
async def test_a_decision_that_does_not_fit_leaves_the_review_pending(
    desk: Desk, decision: Decision, named: str
) -> None:
    asked = await desk.queue.ask(question())
    with pytest.raises(InvalidInput, match=named):
        await desk.queue.decide(asked.id, decision, tenant=T1)
    assert await desk.queue.get(asked.id, tenant=T1) == asked


async def test_another_tenant_can_neither_see_nor_decide_it(desk: Desk) -> None:
    asked = await desk.queue.ask(question())
    for refused in (
        desk.queue.get(asked.id, tenant=T2),
        desk.queue.decided(asked.id, tenant=T2, seconds=1),
        desk.queue.decide(asked.id, approve(), tenant=T2),
        desk.queue.assign(asked.id, "ann", was=None, tenant=T2),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_changes_are_followed_as_they_come(desk: Desk) -> None:
    first = await desk.queue.ask(question())
    changes = desk.queue.follow(T1, after=0)
    assert await anext(changes) == first
    following = asyncio.create_task(anext(changes))
    await asyncio.sleep(0)
    handed = await desk.queue.assign(first.id, "ann", was=None, tenant=T1)
    assert await following == handed
    ended = await desk.queue.decide(first.id, approve(), tenant=T1)
    assert await anext(changes) == ended
    await changes.aclose()


async def decided_with(desk: Desk, url: str, decision: Decision) -> Review:
    asked = await desk.queue.ask(question(webhook=url))
    return await desk.queue.decide(asked.id, decision, tenant=T1)


async def test_a_webhook_is_told_once_and_can_tell_that_it_was_us(
    desk: Desk, receiver: WebhookReceiver
) -> None:
    ended = await decided_with(desk, receiver.url, Decision("edit", "ann", "wrong", "14 days."))
    await desk.upkeep.sweep()
    await desk.upkeep.sweep()
    [(headers, body)] = receiver.calls
    assert json.loads(body) == {
        "type": "review.decided",
        "timestamp": "2026-03-30T12:00:00+00:00",
        "data": {
            "id": ended.id,
            "kind": "answer",
            "state": "edited",
            "accepted": True,
            "reason": "wrong",
            "value": "14 days.",
            "trace_id": "",
        },
    }
    secret = desk.queue.secret(T1)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{ended.id}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == ended.id
    assert desk.queue.secret(T2) != secret
    assert (await desk.queue.get(ended.id, tenant=T1)).delivery == "delivered"


async def test_a_rejected_answer_is_not_told_to_a_webhook(
    desk: Desk, receiver: WebhookReceiver
) -> None:
    await decided_with(desk, receiver.url, Decision("reject", "ann", "no"))
    await desk.upkeep.sweep()
    [(_, body)] = receiver.calls
    data = json.loads(body)["data"]
    assert (data["accepted"], data["value"], data["reason"]) == (False, None, "no")
    assert b"30 days" not in body


async def test_a_webhook_that_fails_is_called_again_later_and_so_often(
    desk: Desk, receiver: WebhookReceiver
) -> None:
    receiver.statuses = [500, 302, 500]
    ended = await decided_with(desk, receiver.url, approve())
    calls: list[int] = []
    for seconds in (0, 4, 1, 19, 1, 3_600):
        desk.clock.pass_(seconds=seconds)
        await desk.upkeep.sweep()
        calls.append(len(receiver.calls))
    assert calls == [1, 1, 2, 2, 3, 3]
    assert (await desk.queue.get(ended.id, tenant=T1)).delivery == "failed"


async def test_a_webhook_that_is_gone_or_leads_inwards_is_given_up_at_once(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    receiver.statuses = [410]
    async with desk_of(tmp_path) as desk:
        gone = await decided_with(desk, receiver.url, approve())
        await desk.upkeep.sweep()
        assert (await desk.queue.get(gone.id, tenant=T1)).delivery == "failed"
    # A name that no rule could refuse before it was looked up.
    async with desk_of(tmp_path, rules=AddressRules()) as desk:
        inwards = await decided_with(
            desk, receiver.url.replace("127.0.0.1", "localhost"), approve()
        )
        await desk.upkeep.sweep()
        assert (await desk.queue.get(inwards.id, tenant=T1)).delivery == "failed"
    assert len(receiver.calls) == 1


async def test_a_default_is_told_to_a_webhook_as_well(
    desk: Desk, receiver: WebhookReceiver
) -> None:
    asked = await desk.queue.ask(question(webhook=receiver.url, seconds=60))
    desk.clock.pass_(seconds=60)
    await desk.upkeep.sweep()
    [(_, body)] = receiver.calls
    assert (json.loads(body)["data"]["id"], json.loads(body)["data"]["state"]) == (
        asked.id,
        "expired",
    )


async def test_without_a_secret_no_webhook_is_taken(tmp_path: Path) -> None:
    async with desk_of(tmp_path, secret=None) as desk:
        with pytest.raises(InvalidInput, match=r"reviews\.webhook_secret is not set"):
            await desk.queue.ask(question(webhook="https://example.com/hook"))
        with pytest.raises(NotFound):
            desk.queue.secret(T1)


async def test_what_was_decided_long_ago_is_forgotten(desk: Desk) -> None:
    ended = await decided_with(desk, "http://127.0.0.1:9/", approve())
    desk.clock.pass_(hours=23)
    assert await desk.upkeep.forget() == 0
    desk.clock.pass_(hours=2)
    assert await desk.upkeep.forget() == 1
    with pytest.raises(NotFound):
        await desk.queue.get(ended.id, tenant=T1)
