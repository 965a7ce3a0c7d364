"""What every place that keeps reviews promises (reviews/protocol.py)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import STATES, Decision, NewReview, Review, Verdict
from bedplate.errors import Busy, Conflict, NotFound, StorageError
from bedplate.reviews import REVIEWS
from bedplate.reviews.protocol import Ending, ReviewQuery, Reviews
from bedplate.state import CATALOGS

T1, T2 = TenantId("t1"), TenantId("t2")
NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUBJECT = {
    "question": "Why?",
    "answer": "So \x00 \ud800.",
    "claims": [{"text": "So", "score": 0.2}],
}


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path | str]:
    if request.param == "sqlite":
        yield tmp_path / "reviews.db"
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        yield address
        with psycopg.connect(address, autocommit=True) as db:
            db.execute("DELETE FROM bedplate.review")
            db.execute("DELETE FROM bedplate.review_tenant")


def open_at(place: Path | str):
    return REVIEWS.load("sqlite" if isinstance(place, Path) else "postgres")(place)


@pytest.fixture
async def kept(place: Path | str) -> AsyncIterator[Reviews]:
    async with open_at(place) as reviews:
        yield reviews


def review(id: str = "r1", *, due: timedelta = HOUR, **asked: Any) -> Review:
    request = replace(NewReview("answer", SUBJECT, T1, seconds=due.total_seconds()), **asked)
    return Review(id, request, "pending", NOON, NOON + due)


def ending(
    verdict: Verdict = "approve", by: str = "ann", *, at: datetime = NOON, **said: Any
) -> Ending:
    return Ending(STATES[verdict], Decision(verdict, by, **said), at, {})


def expiry(at: datetime = NOON + HOUR) -> Ending:
    return Ending("expired", Decision("reject", "default"), at, {})


async def add(kept: Reviews, *reviews: Review) -> list[Review]:
    return [await kept.add(each, most=100) for each in reviews]


def ids(found: tuple[Review, ...]) -> list[str]:
    return [each.id for each in found]


async def test_a_review_and_its_decision_come_back_in_another_process_too(place: Path | str):
    asked = review(
        assistant="shop", trace="t", priority=9, default="approve", webhook="https://a.b", once="o"
    )
    async with open_at(place) as one:
        [added] = await add(one, asked)
        assert added == replace(asked, changed=1)
        said = ending("edit", value={"a": [1, None, "\x00"]}, reason="wrong", claims=(True, False))
        ended = await one.end(T1, "r1", replace(said, labels={"pii": ["EMAIL"]}))
    async with open_at(place) as other:
        assert await other.get(T1, "r1") == ended
    assert (ended.state, ended.decision, ended.decided_at) == ("edited", said.decision, NOON)
    assert (ended.changed, ended.delivery, ended.labels) == (2, "waiting", {"pii": ["EMAIL"]})
    assert ended.request == asked.request


async def test_one_tenant_sees_and_changes_nothing_of_another(kept: Reviews):
    await add(kept, review(once="o", webhook="https://a.b"))
    for refused in (
        kept.get(T2, "r1"),
        kept.end(T2, "r1", ending()),
        kept.assign(T2, "r1", "ann", was=None, at=NOON),
        kept.list(T2, ReviewQuery(after="r1")),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await kept.list(T2, ReviewQuery()) == ()
    assert await kept.changed(T2, after=0, limit=9) == ()
    assert await kept.upkeep.due(NOON + HOUR, limit=9, tenant=T2) == ()
    await kept.upkeep.called(T2, "r1", "failed", again_at=NOON)
    [there] = await add(kept, review("r2", tenant=T2, once="o"))
    assert (there.id, there.changed) == ("r2", 1)
    assert (await kept.get(T1, "r1")).delivery == "none"


async def test_of_many_who_decide_at_once_one_succeeds(place: Path | str):
    async with open_at(place) as one, open_at(place) as other:
        await add(one, review())
        tries = [
            kept.end(T1, "r1", ending("approve" if n % 2 else "reject", by=f"reviewer {n}"))
            for n, kept in enumerate([one, other] * 4)
        ]
        ended = await asyncio.gather(*tries, return_exceptions=True)
        [won] = [each for each in ended if isinstance(each, Review)]
        assert won == await other.get(T1, "r1")
        assert won.decision is not None
        for lost in ended:
            if lost is not won:
                assert isinstance(lost, Conflict)
                assert won.decision.by in lost.message


async def test_what_is_due_expires_and_nothing_else_does(kept: Reviews):
    await add(kept, review("late"), review("soon", due=2 * HOUR), review("t2", tenant=T2))
    at = NOON + HOUR
    assert await kept.upkeep.due(NOON, limit=9) == ()
    assert set(await kept.upkeep.due(at, limit=9)) == {(T1, "late"), (T2, "t2")}
    assert await kept.upkeep.due(at, limit=9, tenant=T1) == ((T1, "late"),)
    for refused in (
        kept.end(T1, "late", ending(at=at)),
        kept.assign(T1, "late", "ann", was=None, at=at),
        kept.end(T1, "soon", expiry(at)),
    ):
        with pytest.raises(Conflict, match="was to be decided by 2026-03-30"):
            await refused
    assert (await kept.end(T1, "late", expiry(at))).state == "expired"
    with pytest.raises(Conflict, match="expired by default already"):
        await kept.end(T1, "late", expiry(at))
    assert await kept.upkeep.due(at, limit=9, tenant=T1) == ()
    assert (await kept.get(T1, "soon")).state == "pending"


async def test_a_review_is_handed_from_one_reviewer_to_another(kept: Reviews):
    await add(kept, review())
    await kept.assign(T1, "r1", "ann", was=None, at=NOON)
    assert (await kept.assign(T1, "r1", "ann", was=None, at=NOON)).assignee == "ann"
    with pytest.raises(Conflict, match="of 'ann', not nobody's"):
        await kept.assign(T1, "r1", "bob", was=None, at=NOON)
    with pytest.raises(Conflict, match="'bob' cannot decide it"):
        await kept.end(T1, "r1", ending(by="bob"))
    handed = await kept.assign(T1, "r1", "bob", was="ann", at=NOON)
    assert handed == await kept.get(T1, "r1")
    assert (await kept.end(T1, "r1", ending(by="bob"))).assignee == "bob"
    with pytest.raises(Conflict, match="approved by 'bob' already"):
        await kept.assign(T1, "r1", None, was="bob", at=NOON)


async def test_what_is_withdrawn_ends_whoever_has_it_but_not_what_is_decided(kept: Reviews):
    await add(kept, review())
    await kept.assign(T1, "r1", "ann", was=None, at=NOON)
    taken_back = replace(ending("reject", by="server"), withdrawn=True)
    assert (await kept.end(T1, "r1", taken_back)).state == "rejected"
    with pytest.raises(Conflict, match="rejected by 'server' already"):
        await kept.end(T1, "r1", taken_back)


async def test_asking_the_same_once_more_finds_what_is_there(kept: Reviews):
    [first] = await add(kept, review(once="o"))
    [second] = await add(kept, review("r2", once="o", priority=9))
    assert second == first
    await add(kept, review("r3"), review("r4"))
    assert len(await kept.list(T1, ReviewQuery())) == 3


async def test_a_tenant_has_so_many_pending_and_no_more(kept: Reviews):
    await add(kept, review("r1"), review("r2", once="o"), review("other", tenant=T2))
    with pytest.raises(Busy, match="2 reviews wait"):
        await kept.add(review("r3"), most=2)
    assert (await kept.add(review("again", once="o"), most=2)).id == "r2"
    await kept.end(T1, "r1", ending())
    assert (await kept.add(review("r3"), most=2)).id == "r3"
    assert await kept.upkeep.waiting() == 3


async def test_the_queue_is_by_priority_then_by_what_is_due_and_comes_in_pages(kept: Reviews):
    await add(
        kept,
        review("a", priority=1),
        review("b", priority=9, due=3 * HOUR),
        review("c", priority=9, due=HOUR),
        review("d", priority=9, due=HOUR),
        review("e", priority=5),
    )
    everything, after = list[str](), None
    while found := ids(await kept.list(T1, ReviewQuery(after=after, limit=2))):
        everything += found
        after = found[-1]
    assert everything == ["c", "d", "b", "e", "a"]
    newest = ReviewQuery(order="newest", limit=2)
    assert ids(await kept.list(T1, newest)) == ["e", "d"]
    assert ids(await kept.list(T1, replace(newest, after="d"))) == ["c", "b"]


async def test_each_condition_narrows_the_list(kept: Reviews):
    await add(
        kept,
        review("a", assistant="shop"),
        review("b", kind="tool_call"),
        review("c", assistant="shop"),
    )
    await kept.assign(T1, "a", "ann", was=None, at=NOON)
    await kept.end(T1, "c", ending("reject", at=NOON + HOUR / 2))

    async def found(**query: Any) -> list[str]:
        return sorted(ids(await kept.list(T1, ReviewQuery(**query))))

    assert await found(states=("pending",)) == ["a", "b"]
    assert await found(states=("pending", "rejected")) == ["a", "b", "c"]
    assert await found(kind="tool_call") == ["b"]
    assert await found(assistant="shop") == ["a", "c"]
    assert await found(assignee="ann") == ["a"]
    assert await found(assignee="") == ["b", "c"]
    assert await found(since=NOON + HOUR / 2) == ["c"]
    assert await found(since=NOON + HOUR) == []
    assert await found(assistant="shop", states=("rejected",)) == ["c"]


async def test_changes_come_in_order_each_review_as_it_is_now(kept: Reviews):
    await add(kept, review("a"), review("b"))
    await kept.assign(T1, "a", "ann", was=None, at=NOON)
    changed = await kept.changed(T1, after=0, limit=9)
    assert [(each.id, each.changed, each.assignee) for each in changed] == [
        ("b", 2, None),
        ("a", 3, "ann"),
    ]
    await kept.end(T1, "b", ending())
    [last] = await kept.changed(T1, after=3, limit=9)
    assert (last.id, last.state) == ("b", "approved")
    assert ids(await kept.changed(T1, after=0, limit=1)) == ["a"]


async def test_a_webhook_is_called_by_one_at_a_time_until_it_was_told(place: Path | str):
    async with open_at(place) as one, open_at(place) as other:
        await add(one, review("a", webhook="https://a.b"), review("b"))
        later = NOON + HOUR / 4
        assert await one.upkeep.calls(NOON, again_at=later, limit=9) == ()
        for id in ("a", "b"):
            await one.end(T1, id, ending())
        taken = await asyncio.gather(
            *(kept.upkeep.calls(NOON, again_at=later, limit=9) for kept in (one, other))
        )
        [call] = [each for calls in taken for each in calls]
        assert (call.review, call.attempt) == (await one.get(T1, "a"), 1)
        [again] = await other.upkeep.calls(later, again_at=later + HOUR, limit=9)
        assert again.attempt == 2
        await one.upkeep.called(T1, "a", "waiting", again_at=later)
        [third] = await one.upkeep.calls(later, again_at=later + HOUR, limit=9)
        assert third.attempt == 3
        await one.upkeep.called(T1, "a", "delivered", again_at=later)
        assert await one.upkeep.calls(later + 9 * HOUR, again_at=later, limit=9) == ()
        assert (await other.get(T1, "a")).delivery == "delivered"


async def test_what_was_decided_long_ago_is_forgotten_and_what_waits_is_not(kept: Reviews):
    await add(kept, review("old"), review("new"), review("waits"), review("other", tenant=T2))
    await kept.end(T1, "old", ending(at=NOON))
    await kept.end(T2, "other", ending(at=NOON))
    await kept.end(T1, "new", ending(at=NOON + HOUR / 2))
    assert await kept.upkeep.forget(NOON + HOUR / 2) == 2
    assert sorted(ids(await kept.list(T1, ReviewQuery()))) == ["new", "waits"]
    assert await kept.upkeep.forget(NOON + HOUR / 2) == 0


async def test_tables_of_a_newer_version_are_refused(tmp_path: Path):
    file = tmp_path / "reviews.db"
    async with open_at(file):
        pass
    with apsw.Connection(str(file)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="newer"):
        async with open_at(file):
            pass
