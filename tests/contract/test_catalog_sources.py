"""The contract of every catalog's sources."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.contract.test_catalogs import place

from bedplate.domain.ids import DocumentId, TenantId, new_id
from bedplate.domain.sources import (
    Claim,
    KnownItem,
    Lease,
    Outcome,
    SourceSpec,
    Survey,
    Sync,
    SyncCounts,
)
from bedplate.errors import Conflict, NotFound
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog
from bedplate.state.source_items import PART
from bedplate.state.source_rows import KEPT_SYNCS

T1, T2 = TenantId("t1"), TenantId("t2")
A, B, C = DocumentId("a"), DocumentId("b"), DocumentId("c")


@pytest.fixture(params=CATALOGS.names())
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    with place(request.param, tmp_path) as there:
        async with CATALOGS.load(request.param)(there) as opened:
            yield opened
            # The PostgreSQL database is used again.
            for state in await opened.sources.list(None):
                claim = await claimed(opened, state.spec.tenant, state.spec.name, force=True)
                await opened.sources.drop(claim)


def spec(name: str = "shop", tenant: TenantId = T1, collection: str = "notes") -> SourceSpec:
    return SourceSpec(tenant, name, collection, "folder", {"path": "/x", "n": [1]}, "15m")


async def claimed(
    catalog: Catalog, tenant: TenantId = T1, name: str = "shop", *, force: bool = False
) -> Claim:
    owner = new_id()
    claim, lease = await catalog.source_leases.take(tenant, name, owner, over=None)
    if force and lease.owner != owner:
        claim, lease = await catalog.source_leases.take(tenant, name, owner, over=lease)
    assert lease.owner == owner
    return claim


@pytest.fixture
async def claim(catalog: Catalog) -> Claim:
    await catalog.sources.add(spec())
    return await claimed(catalog)


async def due(catalog: Catalog, claim: Claim, since: int = 0) -> list[str]:
    found = await catalog.source_items.due(claim, since=since, after="", limit=100)
    return [item.key for item in found]


async def ingested(catalog: Catalog, claim: Claim, **versions: str | None) -> int:
    """List these items and finish them, each with one document of its own name."""
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [(k, v, 1) for k, v in versions.items()])
    for key in versions:
        assert not await catalog.source_documents.own(
            claim, listing, dict.fromkeys([DocumentId(key)], key)
        )
    done = [Outcome(key, version, 1) for key, version in versions.items()]
    await catalog.source_items.finish(claim, done, [], attempts=3)
    return listing


async def test_a_source_comes_back_as_it_was_added(catalog: Catalog) -> None:
    await catalog.sources.add(spec())
    state = await catalog.sources.get(T1, "shop")
    assert state.spec == spec()
    assert (state.cursor, state.partial, state.items, state.last) == (None, 0, {}, None)
    assert [each.spec for each in await catalog.sources.list(T1)] == [spec()]
    with pytest.raises(Conflict, match="'shop'"):
        await catalog.sources.add(spec(collection="other"))
    with pytest.raises(NotFound, match="'shpo'. Did you mean 'shop'"):
        await catalog.sources.get(T1, "shpo")
    await catalog.sources.schedule(T1, "shop", None)
    assert (await catalog.sources.get(T1, "shop")).spec.schedule is None


async def test_tenants_have_sources_of_their_own(catalog: Catalog) -> None:
    await catalog.sources.add(spec())
    with pytest.raises(NotFound):
        await catalog.sources.get(T2, "shop")
    await catalog.sources.add(spec(tenant=T2))
    mine, theirs = await claimed(catalog), await claimed(catalog, T2)
    await ingested(catalog, mine, a="1")
    await ingested(catalog, theirs, a="1")
    assert await catalog.source_documents.owned(theirs, ["a"]) == {A: "a"}
    await catalog.sources.drop(theirs)
    assert await catalog.source_documents.owned(mine, ["a"]) == {A: "a"}
    assert [each.spec.tenant for each in await catalog.sources.list(None)] == [T1]


async def test_a_lease_is_one_owners_until_it_shows_no_life(catalog: Catalog) -> None:
    await catalog.sources.add(spec())
    first = await claimed(catalog)
    _, seen = await catalog.source_leases.take(T1, "shop", "second", over=None)
    assert seen.owner == first.owner
    await catalog.source_leases.beat(first)
    _, again = await catalog.source_leases.take(T1, "shop", "second", over=seen)
    assert again == Lease(first.owner, seen.beat + 1)
    second, taken = await catalog.source_leases.take(T1, "shop", "second", over=again)
    assert taken.owner == "second"
    for write in (
        lambda: catalog.source_leases.beat(first),
        lambda: catalog.source_items.begin(first, afresh=False),
        lambda: catalog.source_items.finish(first, [], [], attempts=1),
        lambda: catalog.source_documents.forget(first, ["a"]),
        lambda: catalog.sources.drop(first),
    ):
        with pytest.raises(Conflict, match="taken over"):
            await write()
    await catalog.source_leases.release(first)
    _, still = await catalog.source_leases.take(T1, "shop", "third", over=None)
    assert still.owner == "second"
    await catalog.source_leases.release(second)
    assert (await claimed(catalog)).owner


async def test_only_what_is_new_or_changed_is_due(catalog: Catalog, claim: Claim) -> None:
    await ingested(catalog, claim, a="1", b="1", c=None)
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(
        claim, listing, [("a", "1", 1), ("b", "2", 9), ("c", None, 1), ("d", "1", 1)]
    )
    found = await catalog.source_items.due(claim, since=listing, after="", limit=9)
    assert found == (
        KnownItem("b", "2", 9, "1"), KnownItem("c", None, 1), KnownItem("d", "1", 1),
    )  # fmt: skip
    assert await catalog.source_items.due(claim, since=listing, after="b", limit=1) == found[1:2]
    assert await catalog.source_items.survey(claim, listing) == Survey(
        known=3, gone=0, new=1, changed=2, retried=0, unchanged=1, dead=0
    )


async def test_an_interrupted_sync_leaves_due_what_it_did_not_finish(
    catalog: Catalog, claim: Claim
) -> None:
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("a", "1", 1), ("b", "1", 1)])
    await catalog.source_items.finish(claim, [Outcome("a", "1", 1)], [], attempts=3)
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("a", "1", 1), ("b", "1", 1)])
    assert await due(catalog, claim, listing) == ["b"]


async def test_afresh_makes_all_that_was_ingested_due(catalog: Catalog, claim: Claim) -> None:
    await ingested(catalog, claim, a="1")
    listing = await catalog.source_items.begin(claim, afresh=True)
    await catalog.source_items.note(claim, listing, [("a", "1", 1)])
    assert await due(catalog, claim, listing) == ["a"]


async def test_what_is_not_listed_is_gone_unless_it_is_covered(
    catalog: Catalog, claim: Claim
) -> None:
    names = ["a", "x/1", "x/😀", "x0", "y"]
    await ingested(catalog, claim, **dict.fromkeys(names, "1"))
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("a", "1", 1)])
    await catalog.source_items.cover(claim, listing, "x/")
    assert await catalog.source_documents.gone(claim, listing, 9) == ("x0", "y")
    assert (await catalog.source_items.survey(claim, listing)).gone == 2
    await catalog.source_documents.forget(claim, ["x0", "y"])
    assert await catalog.source_documents.gone(claim, listing, 9) == ()
    assert set(await catalog.source_documents.owned(claim, names)) == {"a", "x/1", "x/😀"}
    await catalog.source_items.cover(claim, listing + 1, "")
    assert await catalog.source_documents.gone(claim, listing + 1, 9) == ()


async def test_what_was_listed_can_be_taken_for_not_listed(catalog: Catalog, claim: Claim) -> None:
    await ingested(catalog, claim, a="1", b="1")
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("a", "2", 1), ("b", "1", 1)])
    await catalog.source_items.unlist(claim, ["a", "none"])
    assert await due(catalog, claim) == []
    found = await catalog.source_items.survey(claim, listing)
    assert (found.known, found.gone, found.unchanged) == (2, 1, 1)
    assert await catalog.source_documents.gone(claim, listing, 10) == ("a",)


async def test_failures_are_tried_again_until_they_are_dead(catalog: Catalog, claim: Claim) -> None:
    for attempt in range(1, 4):
        listing = await catalog.source_items.begin(claim, afresh=False)
        await catalog.source_items.note(claim, listing, [("a", "1", 1)])
        assert await due(catalog, claim) == ["a"]
        survey = await catalog.source_items.survey(claim, listing)
        assert (survey.new, survey.retried) == ((1, 0) if attempt == 1 else (0, 1))
        failed = Outcome("a", "1", code="empty", error="It is empty.")
        await catalog.source_items.finish(claim, [failed], [], attempts=3)
        items = (await catalog.sources.get(T1, "shop")).items
        assert items == {"dead" if attempt == 3 else "failed": 1}
    (found,) = await catalog.source_documents.failures(T1, "shop", after="", limit=9)
    assert (found.key, found.state, found.attempts, found.code, found.error) == (
        "a", "dead", 3, "empty", "It is empty.",
    )  # fmt: skip
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("a", "1", 1)])
    assert await due(catalog, claim) == []
    assert (await catalog.source_items.survey(claim, listing)).dead == 1
    assert (await catalog.sources.get(T1, "shop")).items == {"dead": 1}


async def test_a_dead_item_is_due_when_it_changes_or_is_put_back(
    catalog: Catalog, claim: Claim
) -> None:
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("a", "1", 1), ("b", "1", 1)])
    failed = [Outcome(key, code="x", error="y") for key in "ab"]
    await catalog.source_items.finish(claim, failed, [], attempts=1)
    await catalog.source_items.note(claim, listing, [("a", "2", 1)])
    assert await due(catalog, claim) == ["a"]
    assert await catalog.source_documents.retry(T1, "shop") == 1
    assert await due(catalog, claim) == ["a", "b"]
    # One is another version, the other failed before, though it has its attempts back.
    found = await catalog.source_items.survey(claim, listing)
    assert (found.new, found.changed, found.retried) == (1, 0, 1)


async def test_a_document_belongs_to_one_item(catalog: Catalog, claim: Claim) -> None:
    await catalog.sources.add(spec("other"))
    other = await claimed(catalog, T1, "other")
    listing = await ingested(catalog, claim, a="1", b="1")
    documents = catalog.source_documents
    assert await documents.own(claim, listing, dict.fromkeys([A, C], "b")) == {A: "shop: a"}
    assert await documents.own(other, 1, dict.fromkeys([A, DocumentId("z")], "z")) == {A: "shop: a"}
    assert await documents.owned(claim, ["a", "b"]) == {A: "a", B: "b", C: "b"}
    assert await documents.owned(other, ["z"]) == {"z": "z"}
    await catalog.source_items.finish(claim, [Outcome("b", "1", 1)], [C], attempts=3)
    assert await documents.owned(claim, ["b"]) == {B: "b"}
    assert await documents.own(other, 1, dict.fromkeys([C], "z")) == {}


async def test_an_item_that_is_gone_gives_its_documents_up(catalog: Catalog, claim: Claim) -> None:
    await ingested(catalog, claim, a="1")
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [("b", "1", 1)])
    assert await catalog.source_documents.own(claim, listing, dict.fromkeys([A], "b")) == {}
    await catalog.source_documents.forget(claim, ["a"])
    assert await catalog.source_documents.owned(claim, ["a", "b"]) == {A: "b"}


async def test_syncs_are_kept_newest_first_and_the_cursor_with_them(
    catalog: Catalog, claim: Claim
) -> None:
    ids = sorted(new_id() for _ in range(3))
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for id in ids:
        await catalog.source_leases.record(claim, Sync(id, start))
    ended = Sync(ids[2], start, "partly", complete=True, ended_at=start, error="Oh.",
                 counts=SyncCounts(listed=3, failed=1))  # fmt: skip
    await catalog.source_leases.record(claim, ended)
    await catalog.source_items.begin(claim, afresh=False)
    assert [s.status for s in await catalog.sources.syncs(T1, "shop", 3)] == [
        "partly", "failed", "failed",
    ]  # fmt: skip
    found = await catalog.sources.syncs(T1, "shop", 2)
    assert [each.id for each in found] == [ids[2], ids[1]]
    assert found[0] == ended
    await catalog.source_leases.level(claim, cursor="9", complete=False, recipe="r")
    await catalog.source_leases.level(claim, cursor="10", complete=False, recipe="r")
    state = await catalog.sources.get(T1, "shop")
    assert (state.cursor, state.partial, state.recipe, state.last) == ("10", 2, "r", ended)
    await catalog.source_leases.level(claim, cursor="11", complete=True, recipe="r")
    assert (await catalog.sources.get(T1, "shop")).partial == 0


async def test_a_sync_is_the_last_one_whatever_the_clock_says(
    catalog: Catalog, claim: Claim
) -> None:
    """As after a clock was set back: its id sorts before those of former ones."""
    late, early = "0199f000-0000-7000-8000-000000000000", "0198f000-0000-7000-8000-000000000000"
    ahead, now = datetime(2027, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    for sync in (Sync(late, ahead), Sync(early, now), Sync(early, now, "done", ended_at=now)):
        await catalog.source_leases.record(claim, sync)
    assert [each.id for each in await catalog.sources.syncs(T1, "shop", 9)] == [early, late]
    last = (await catalog.sources.get(T1, "shop")).last
    assert last is not None
    assert (last.id, last.status) == (early, "done")


async def test_the_oldest_syncs_are_forgotten(catalog: Catalog, claim: Claim) -> None:
    # Backwards, so that ids do not tell their order.
    ids = sorted((new_id() for _ in range(KEPT_SYNCS + 2)), reverse=True)
    for id in ids:
        await catalog.source_leases.record(claim, Sync(id, datetime.now(UTC)))
    found = await catalog.sources.syncs(T1, "shop", 2 * KEPT_SYNCS)
    assert [each.id for each in found] == ids[:1:-1]


async def test_many_items_are_covered_and_begun_afresh_in_parts(
    catalog: Catalog, claim: Claim
) -> None:
    keys = [f"k{number:05}" for number in range(PART + 5)]
    listing = await catalog.source_items.begin(claim, afresh=False)
    await catalog.source_items.note(claim, listing, [(key, "1", 1) for key in keys])
    await catalog.source_items.finish(claim, [Outcome(key, "1", 1) for key in keys], [], attempts=1)
    listing = await catalog.source_items.begin(claim, afresh=True)
    await catalog.source_items.cover(claim, listing, "k")
    survey = await catalog.source_items.survey(claim, listing)
    assert (survey.changed, survey.unchanged, survey.gone) == (len(keys), 0, 0)
