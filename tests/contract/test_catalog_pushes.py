"""The contract of every catalog's pushed documents."""

import asyncio
import hashlib

import pytest
from tests.contract.test_catalog_sources import (
    T1,
    T2,
    catalog,  # noqa: F401 - a fixture
    claimed,
    spec,
)

from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import Push, PushLimits
from bedplate.domain.sources import NEVER, Claim, Outcome, SourceSpec, Sync
from bedplate.errors import Busy, Conflict, NotFound, TooLarge, Unreadable
from bedplate.state.protocol import Catalog

LIMITS = PushLimits(documents=100, waiting=100, waiting_bytes=1_000)


def push(key: str, text: str = "text") -> Push:
    content = text.encode()
    version = hashlib.sha256(content).hexdigest()
    return Push(key, version, content, "text/plain", {"tags": ["ä", "b"], "n": 1.5})


@pytest.fixture
async def pushed(catalog: Catalog) -> Catalog:  # noqa: F811
    """A catalog with a source that is pushed to, called "shop"."""
    for tenant in (T1, T2):
        await catalog.sources.add(SourceSpec(tenant, "shop", "notes", "push", {}))
    return catalog


async def put(
    catalog: Catalog,  # noqa: F811
    *pushes: Push,
    tenant: TenantId = T1,
    limits: PushLimits = LIMITS,
) -> list[bool]:
    found = [await catalog.pushes.put(tenant, "shop", each, limits) for each in pushes]
    return [each.changed for each in found]


async def states(catalog: Catalog, *keys: str) -> list[str]:  # noqa: F811
    return [(await catalog.pushes.get(T1, "shop", key)).state for key in keys]


async def rows(catalog: Catalog, since: int = 0) -> list[tuple[str, bool]]:  # noqa: F811
    found = await catalog.pushed_rows.list(T1, "shop", since=since, limit=100)
    assert [row.sequence for row in found] == sorted({row.sequence for row in found})
    return [(row.key, row.gone) for row in found]


async def read(catalog: Catalog, key: str, tenant: TenantId = T1) -> Push:  # noqa: F811
    return await catalog.pushed_rows.read(tenant, "shop", key, max_bytes=1_000)


async def synced(
    catalog: Catalog,  # noqa: F811
    *,
    failed: tuple[str, ...] = (),
    attempts: int = 3,
) -> Claim:
    """What a sync notes of a listing, and of what it is to make of it; then it settles."""
    claim = await claimed(catalog, force=True)
    listing = await catalog.source_items.begin(claim, afresh=False)
    found = await catalog.pushed_rows.list(T1, "shop", since=0, limit=100)
    there = [(row.key, row.version, row.size) for row in found if not row.gone]
    await catalog.source_items.note(claim, listing, there)
    await catalog.source_items.unlist(claim, [row.key for row in found if row.gone], told=True)
    cursor = str(found[-1].sequence) if found else None
    await catalog.source_leases.level(claim, cursor=cursor, complete=False, recipe="r")
    gone = await catalog.source_documents.gone(claim, NEVER, 100)
    await catalog.source_documents.forget(claim, gone)
    outcomes = [
        Outcome(key, code="bad", error="Bad.") if key in failed else Outcome(key, version, 1)
        for key, version, _ in there
    ]
    await catalog.source_items.finish(claim, outcomes, [], attempts=attempts)
    await catalog.pushed_rows.settle(T1, "shop", judged=None)
    return claim


async def test_what_was_put_is_listed_in_order_and_read(pushed: Catalog) -> None:
    assert await put(pushed, push("b"), push("a", "other"), push("b", "newer")) == [True] * 3
    assert await rows(pushed) == [("a", False), ("b", False)]
    assert await read(pushed, "b") == push("b", "newer")
    assert await states(pushed, "a", "b") == ["waiting", "waiting"]
    with pytest.raises(NotFound, match="'c'"):
        await read(pushed, "c")
    with pytest.raises(TooLarge, match="4 bytes"):
        await pushed.pushed_rows.read(T1, "shop", "b", max_bytes=4)


async def test_the_same_again_changes_nothing_until_it_is_needed(pushed: Catalog) -> None:
    await put(pushed, push("a"))
    assert await put(pushed, push("a")) == [False]
    await synced(pushed)
    assert await states(pushed, "a") == ["indexed"]
    assert await put(pushed, push("a")) == [False]
    with pytest.raises(Unreadable, match="send it again"):
        await read(pushed, "a")
    # As when the settings that shape documents changed.
    claim = await claimed(pushed, force=True)
    await pushed.source_items.begin(claim, afresh=True)
    assert await states(pushed, "a") == ["wanted"]
    assert await put(pushed, push("a")) == [True]
    assert await read(pushed, "a") == push("a")


async def test_contents_are_dropped_once_indexed_or_dead_and_no_others(pushed: Catalog) -> None:
    await put(pushed, push("a"), push("b"), push("c"))
    await synced(pushed, failed=("b", "c"), attempts=2)
    assert await states(pushed, "a", "b", "c") == ["indexed", "failed", "failed"]
    assert (await read(pushed, "b")).content == b"text"
    await put(pushed, push("c", "newer"))
    await synced(pushed, failed=("b", "c"), attempts=2)
    assert await states(pushed, "a", "b", "c") == ["indexed", "dead", "failed"]
    with pytest.raises(Unreadable):
        await read(pushed, "b")
    # Who sends it again wants it tried again.
    assert await put(pushed, push("b")) == [True]
    assert await states(pushed, "b") == ["waiting"]
    assert [each.source for each in await pushed.pushed_rows.backlog()] == ["shop"]
    await synced(pushed)
    assert await pushed.pushed_rows.backlog() == ()


async def test_a_content_that_came_meanwhile_is_not_dropped(pushed: Catalog) -> None:
    await put(pushed, push("a", "old"))
    claim = await synced(pushed, failed=("a",))
    await put(pushed, push("a", "new"))
    old = push("a", "old").version
    await pushed.source_items.finish(claim, [Outcome("a", old, 1)], [], attempts=3)
    await pushed.pushed_rows.settle(T1, "shop", judged=None)
    assert (await read(pushed, "a")).content == b"new"
    assert await states(pushed, "a") == ["waiting"]


async def test_a_removal_is_listed_until_a_sync_saw_to_it(pushed: Catalog) -> None:
    await put(pushed, push("a"), push("b"))
    await synced(pushed)
    assert (await pushed.pushes.remove(T1, "shop", "a")).changed
    assert not (await pushed.pushes.remove(T1, "shop", "a")).changed
    assert not (await pushed.pushes.remove(T1, "shop", "never")).changed
    assert await rows(pushed) == [("b", False), ("a", True)]
    assert await states(pushed, "a") == ["removed"]
    await pushed.pushed_rows.settle(T1, "shop", judged=None)
    assert await states(pushed, "a") == ["removed"]
    assert len(await pushed.pushed_rows.backlog()) == 1
    claim = await synced(pushed)
    assert await pushed.source_documents.owned(claim, ["a"]) == {}
    assert await rows(pushed) == [("b", False)]
    assert await pushed.pushed_rows.backlog() == ()
    with pytest.raises(NotFound):
        await states(pushed, "a")


async def test_a_removal_of_what_was_never_listed_is_forgotten_after_a_listing(
    pushed: Catalog,
) -> None:
    await put(pushed, push("a"))
    await pushed.pushes.remove(T1, "shop", "a")
    await pushed.pushed_rows.settle(T1, "shop", judged=None)
    assert await rows(pushed) == [("a", True)]
    await synced(pushed)
    assert await rows(pushed) == []


async def test_a_stated_listing_makes_absent_what_lacks(pushed: Catalog) -> None:
    await put(pushed, push("a"), push("b"), push("c"))
    await synced(pushed)
    await put(pushed, push("d"))
    stated = await pushed.pushes.state(T1, "shop", {"a", "x"}, as_of=None)
    assert (stated.listed, stated.absent, stated.unknown, stated.unknown_count) == (1, 3, ("x",), 1)
    assert await states(pushed, "a", "b", "d") == ["indexed", "absent", "absent"]
    assert await rows(pushed) == [("a", False)]
    standing = await pushed.pushed_rows.standing(T1, "shop")
    assert standing.stated == stated.sequence > standing.judged
    # What was never indexed is forgotten; what was stays until a sync believes it.
    await pushed.pushed_rows.settle(T1, "shop", judged=standing.stated)
    with pytest.raises(NotFound):
        await states(pushed, "d")
    assert await states(pushed, "b") == ["absent"]
    assert await pushed.pushed_rows.backlog() == ()
    # They come back by being listed, or sent, again.
    again = await pushed.pushes.state(T1, "shop", {"a", "b", "d"}, as_of=None)
    assert (again.listed, again.absent, again.unknown) == (2, 1, ("d",))
    assert await put(pushed, push("c")) == [True]
    assert await states(pushed, "a", "b", "c") == ["indexed", "indexed", "indexed"]


async def test_a_listing_says_nothing_of_what_was_pushed_after_it(pushed: Catalog) -> None:
    await put(pushed, push("a"), push("b"))
    before = (await pushed.pushes.get(T1, "shop", "b")).sequence
    await put(pushed, push("c"))
    stated = await pushed.pushes.state(T1, "shop", {"a"}, as_of=before)
    assert (stated.listed, stated.absent) == (1, 1)
    assert await states(pushed, "a", "b", "c") == ["waiting", "absent", "waiting"]


async def test_what_waits_is_bounded_and_given_back(pushed: Catalog) -> None:
    few = PushLimits(documents=3, waiting=2, waiting_bytes=20)
    await put(pushed, push("a", "x" * 8), limits=few)
    with pytest.raises(Busy, match="max_waiting_bytes") as refused:
        await put(pushed, push("b", "x" * 13), limits=few)
    assert refused.value.retry_after
    # The bytes are counted over all sources.
    with pytest.raises(Busy, match="max_waiting_bytes"):
        await put(pushed, push("a", "x" * 13), tenant=T2, limits=few)
    # A newer content takes the place of the former.
    assert await put(pushed, push("a", "x" * 20), limits=few) == [True]
    assert await put(pushed, push("a", "x"), push("b"), limits=few) == [True, True]
    with pytest.raises(Busy, match="max_waiting allows"):
        await put(pushed, push("c"), limits=few)
    await synced(pushed)
    assert await put(pushed, push("c", "y" * 20), limits=few) == [True]
    with pytest.raises(TooLarge, match="max_documents"):
        await put(pushed, push("d", "y"), limits=few)
    await pushed.pushes.remove(T1, "shop", "c")
    await synced(pushed)
    assert await put(pushed, push("d", "y" * 20), limits=few) == [True]


async def test_at_once_each_push_has_a_sequence_of_its_own(pushed: Catalog) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(12):
            tasks.create_task(put(pushed, push(f"k{number % 6}", f"text {number}")))
    assert len(await rows(pushed)) == 6
    assert (await pushed.pushed_rows.standing(T1, "shop")).sequence == 12


async def test_the_backlog_names_the_last_sync_that_ended(pushed: Catalog) -> None:
    await put(pushed, push("a"))
    (first,) = await pushed.pushed_rows.backlog()
    assert (first.tenant, first.source, first.sequence, first.last) == (T1, "shop", 1, None)
    claim = await claimed(pushed)
    sync = Sync("01", (await pushed.sources.get(T1, "shop")).created_at)
    await pushed.source_leases.record(claim, sync)
    assert (await pushed.pushed_rows.backlog())[0].last is None
    await pushed.source_leases.record(
        claim, Sync(sync.id, sync.started_at, "failed", ended_at=sync.started_at)
    )
    (seen,) = await pushed.pushed_rows.backlog()
    assert (seen.last, seen.last_failed) == ("01", True)


async def test_tenants_and_kinds_are_apart(pushed: Catalog) -> None:
    await put(pushed, push("a"))
    with pytest.raises(NotFound):
        await pushed.pushes.get(T2, "shop", "a")
    assert await pushed.pushed_rows.list(T2, "shop", since=0, limit=9) == ()
    assert await put(pushed, push("a", "theirs"), tenant=T2) == [True]
    assert (await read(pushed, "a")).content == b"text"
    await pushed.sources.add(spec("folders"))
    with pytest.raises(Conflict, match="'folder'"):
        await pushed.pushes.put(T1, "folders", push("a"), LIMITS)
    with pytest.raises(NotFound, match="'shpo'"):
        await pushed.pushes.remove(T1, "shpo", "a")
    assert await pushed.pushed_rows.list(T1, "nowhere", since=0, limit=9) == ()


async def test_a_source_that_is_dropped_leaves_nothing(pushed: Catalog) -> None:
    await put(pushed, push("a", "x" * 900))
    await pushed.sources.drop(await claimed(pushed, force=True))
    assert await pushed.pushed_rows.backlog() == ()
    assert await put(pushed, push("a", "x" * 900), tenant=T2) == [True]
