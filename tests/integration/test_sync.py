"""Collections in step with their sources, over real parts; the tests change what a source holds."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bedplate.app import App, open_app, sync_limits
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DEFAULT_TENANT, TenantId
from bedplate.domain.sources import SourceSpec, Sync
from bedplate.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StorageError,
    TooLarge,
    Unavailable,
    Unreadable,
    UpstreamError,
    UpstreamTimeout,
)
from bedplate.ingest.incoming import Upload
from bedplate.ingest.sync import STOPPED, SyncLimits, SyncProgress, SyncRequest, SyncSource
from bedplate.rag.retrieve import SearchRequest
from bedplate.sources.protocol import Fetched, Gap, Item

T = TypeVar("T")
NAME = "shop"


@asynccontextmanager
async def opened(folder: Path, **settings: object) -> AsyncGenerator[App]:
    arguments: dict[str, object] = {
        "data.dir": str(folder / "data"),
        "embedder.use": "hashing",
        "embedder.dimensions": 64,
        "sync.lease_seconds": 0.5,
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with opened(tmp_path) as found:
        yield found


@dataclass
class Held:
    """What a source of these tests holds: texts by key, or the error that reading one ends in."""

    items: dict[str, str | Exception] = field(default_factory=dict)
    versions: bool = True
    incremental: bool = False
    gaps: list[Gap] = field(default_factory=list)
    read_keys: list[str] = field(default_factory=list)
    broken: Exception | None = None
    slow: float = 0
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    ending: str = "md"

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        for gap in self.gaps:
            yield gap
        for number, (key, value) in enumerate(self.items.items()):
            cursor = f"{number:04}" if self.incremental else None
            if since is not None and cursor is not None and cursor < since:
                continue
            version = str(hash(str(value))) if self.versions else None
            yield Item(key, version, None, cursor)
        if self.broken is not None:
            raise self.broken

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched | None:
        self.read_keys.append(item.key)
        self.reading.set()
        await asyncio.sleep(self.slow)
        value = self.items.get(item.key, NotFound("Gone."))
        if isinstance(value, Exception):
            raise value
        version = str(hash(value))
        if known == version and not self.versions:
            return None
        return Fetched(Blob(value.encode(), f"{NAME}/{item.key}.{self.ending}"), version=version)


def spec(name: str = NAME, **changes: Any) -> SourceSpec:
    return replace(SourceSpec(DEFAULT_TENANT, name, "c", "folder", {}), **changes)


def flow(app: App, held: Held, **limits: Any) -> SyncSource:
    @asynccontextmanager
    async def open_held(_: SourceSpec) -> AsyncGenerator[Held]:
        yield held

    chosen: SyncLimits = sync_limits(app.config)
    read = {name: limits.pop(name) for name in ("in_a_row", "items_at_once") if name in limits}
    if "items_at_once" in read:
        read["items"] = read.pop("items_at_once")
    chosen = replace(chosen, read=replace(chosen.read, **read), **limits)
    return SyncSource(app.catalog, app.ingest, open_held, chosen)


async def sync(app: App, held: Held, **asked: Any) -> Sync:
    held.read_keys.clear()
    limits = {
        k: asked.pop(k) for k in list(asked) if k not in ("allow_shrink", "complete", "afresh")
    }
    return await flow(app, held, **limits).run(SyncRequest(DEFAULT_TENANT, NAME, **asked))


@pytest.fixture
async def held(app: App) -> Held:
    await app.catalog.sources.add(spec())
    return Held({f"k{n}": f"# Item {n}\n\nIts code is code{n}x." for n in range(5)})


async def kept(app: App, collection: str = "c") -> list[str]:
    found = app.catalog.documents.list(app.scope(collection), after=None, limit=10_000)
    return [document.id async for document in found]


def ids(*numbers: int) -> list[str]:
    return [f"{NAME}/k{n}.md" for n in numbers]


async def test_a_sync_adds_changes_and_deletes_and_reads_nothing_else(app: App, held: Held) -> None:
    first = await sync(app, held)
    assert (first.status, first.counts.new, first.counts.added) == ("done", 5, 5)
    assert await kept(app) == ids(0, 1, 2, 3, 4)
    held.items["k1"] = "# Item 1\n\nIts code is now another5y."
    held.items["k9"] = "# Item 9\n\nNew."
    del held.items["k3"]
    second = await sync(app, held)
    assert sorted(held.read_keys) == ["k1", "k9"]
    counts = second.counts
    assert (counts.new, counts.changed, counts.unchanged, counts.gone) == (1, 1, 3, 1)
    assert (counts.added, counts.updated, counts.deleted) == (1, 1, 1)
    assert await kept(app) == ids(0, 1, 2, 4, 9)
    hits = await app.search.search(app.scope("c"), SearchRequest("another5y"))
    assert hits.hits[0].document_id == f"{NAME}/k1.md"
    third = await sync(app, held)
    assert held.read_keys == []
    assert (third.counts.unchanged, third.counts.listed) == (5, 5)


async def test_a_source_without_versions_is_read_and_what_is_known_costs_nothing(
    app: App, held: Held
) -> None:
    held.versions = False
    await sync(app, held)
    held.items["k2"] = "# Item 2\n\nChanged."
    second = await sync(app, held)
    assert len(held.read_keys) == 5
    assert (second.counts.updated, second.counts.same) == (1, 0)


async def test_failures_stop_nothing_and_are_tried_again_and_then_put_aside(
    app: App, held: Held
) -> None:
    held.items["k1"] = Unreadable("It is torn.", reason="torn")
    for attempt in range(3):
        found = await sync(app, held, attempts=3)
        assert (found.status, found.counts.failed) == ("partly", 1)
        assert (found.counts.new, found.counts.retried) == ((5, 0) if not attempt else (0, 1))
        # It became so by this failure, which is counted.
        assert found.counts.dead == 0
        assert held.read_keys == (["k1"] if attempt else ["k0", "k1", "k2", "k3", "k4"])
    after = await sync(app, held, attempts=3)
    assert (after.status, after.counts.failed, after.counts.dead) == ("done", 0, 1)
    assert held.read_keys == []
    (failure,) = await app.sources.failures(DEFAULT_TENANT, NAME, limit=9)
    assert (failure.key, failure.state, failure.code, failure.error) == (
        "k1", "dead", "torn", "It is torn.",
    )  # fmt: skip
    assert await app.sources.retry(DEFAULT_TENANT, NAME) == 1
    version = held.items["k1"]
    held.items["k1"] = "# Item 1\n\nMended."
    assert version is not held.items["k1"]
    mended = await sync(app, held)
    assert (mended.status, mended.counts.dead) == ("done", 0)
    assert await kept(app) == ids(0, 1, 2, 3, 4)


async def test_an_item_that_cannot_be_read_any_more_keeps_its_document(
    app: App, held: Held
) -> None:
    await sync(app, held)
    held.items["k1"] = Unreadable("Permission denied.", reason="unreadable_file")
    assert (await sync(app, held)).status == "partly"
    assert await kept(app) == ids(0, 1, 2, 3, 4)


async def test_a_parser_s_failure_is_the_item_s(app: App, held: Held) -> None:
    held.items["k1"] = "\x00\x01\x02\x00" * 50
    held.items["k2"] = "   "
    found = await sync(app, held)
    assert (found.counts.failed, found.counts.added) == (2, 3)
    failures = await app.sources.failures(DEFAULT_TENANT, NAME, limit=9)
    assert [(each.key, each.code) for each in failures] == [("k1", "binary"), ("k2", "empty")]


async def test_what_is_listed_and_not_there_is_deleted_for_itself(app: App, held: Held) -> None:
    await sync(app, held)
    held.items["k1"] = NotFound("Gone.")
    held.items["k8"] = NotFound("Never there.")
    found = await sync(app, held)
    assert (found.status, found.counts.vanished, found.counts.gone) == ("done", 2, 2)
    assert found.counts.deleted == 1
    assert await kept(app) == ids(0, 2, 3, 4)
    again = await sync(app, held)
    assert (again.status, again.counts.vanished, again.counts.deleted) == ("done", 2, 0)
    held.items["k1"] = "# Item 1\n\nBack."
    assert (await sync(app, held)).counts.added == 1
    assert await kept(app) == ids(0, 1, 2, 3, 4)


@pytest.mark.parametrize("missing", [3, 5])
async def test_much_that_is_listed_and_not_there_is_not_believed(
    app: App, held: Held, missing: int
) -> None:
    limits = {"shrink_items": 2 if missing < 5 else 20, "shrink_share": 0.5}
    await sync(app, held, **limits)
    for number in range(missing):
        held.items[f"k{number}"] = NotFound("Gone.")
    for _ in range(2):
        found = await sync(app, held, **limits)
        assert (found.status, found.counts.held, found.counts.gone) == ("held", missing, 0)
        assert await kept(app) == ids(0, 1, 2, 3, 4)
    allowed = await sync(app, held, allow_shrink=True, **limits)
    assert (allowed.status, allowed.counts.gone) == ("done", missing)
    assert await kept(app) == ids(*range(missing, 5))


async def test_what_an_incremental_listing_names_and_is_not_there_goes_with_a_whole_one(
    app: App, held: Held
) -> None:
    held.incremental = True
    await sync(app, held)
    held.items["k4"] = NotFound("Gone.")
    found = await sync(app, held)
    assert (found.complete, found.counts.vanished, found.counts.gone) == (False, 1, 0)
    assert (await sync(app, held, complete=True)).counts.deleted == 1
    assert await kept(app) == ids(0, 1, 2, 3)


async def test_a_source_that_shrinks_suddenly_is_not_believed_without_a_word(
    app: App, held: Held
) -> None:
    limits = {"shrink_items": 2, "shrink_share": 0.5}
    await sync(app, held, **limits)
    for key in ("k0", "k1", "k2"):
        del held.items[key]
    held.items["k7"] = "# Item 7\n\nNew."
    found = await sync(app, held, **limits)
    assert (found.status, found.counts.held, found.counts.gone) == ("held", 3, 0)
    assert await kept(app) == ids(0, 1, 2, 3, 4, 7)
    again = await sync(app, held, **limits)
    assert again.status == "held"
    allowed = await sync(app, held, allow_shrink=True, **limits)
    assert (allowed.status, allowed.counts.gone, allowed.counts.deleted) == ("done", 3, 3)
    assert await kept(app) == ids(3, 4, 7)


async def test_an_empty_listing_is_not_believed(app: App, held: Held) -> None:
    await sync(app, held)
    held.items.clear()
    assert (await sync(app, held)).status == "held"
    assert len(await kept(app)) == 5
    assert (await sync(app, held, allow_shrink=True)).counts.deleted == 5
    assert await kept(app) == []
    assert (await sync(app, held)).status == "done"


async def test_what_could_not_be_listed_is_not_gone(app: App, held: Held) -> None:
    held.items |= {f"x/{n}": f"Text {n}" for n in range(3)}
    await sync(app, held)
    for key in ("x/0", "x/1", "x/2", "k4"):
        del held.items[key]
    held.gaps.append(Gap("x/", "unreadable_folder", "No."))
    found = await sync(app, held)
    assert (found.status, found.counts.gaps, found.counts.deleted) == ("partly", 1, 1)
    assert len(await kept(app)) == 7
    held.gaps.clear()
    assert (await sync(app, held)).counts.deleted == 3


async def test_a_listing_that_breaks_off_deletes_nothing(app: App, held: Held) -> None:
    await sync(app, held)
    del held.items["k4"]
    held.broken = UpstreamError("It hung up.", provider="x")
    with pytest.raises(UpstreamError, match="hung up"):
        await sync(app, held)
    (last, _) = await app.sources.syncs(DEFAULT_TENANT, NAME, 9)
    assert (last.status, last.error) == ("failed", "It hung up.")
    assert len(await kept(app)) == 5


async def test_a_source_that_goes_away_ends_the_sync_and_costs_no_attempts(
    app: App, held: Held
) -> None:
    held.items = {f"k{number:02}": Unavailable("Away.") for number in range(40)}
    for _ in range(4):
        with pytest.raises(Unavailable):
            await sync(app, held, in_a_row=3, attempts=2)
        assert len(held.read_keys) < 10
    assert await app.sources.failures(DEFAULT_TENANT, NAME, limit=9) == ()


async def test_more_items_than_allowed_end_the_sync(app: App, held: Held) -> None:
    with pytest.raises(TooLarge, match="sync.max_items"):
        await sync(app, held, items=4)


async def test_a_listing_that_never_ends_is_given_up(app: App, held: Held) -> None:
    class Endless(Held):
        async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
            yield Item("a", "1")
            await asyncio.sleep(60)

    with pytest.raises(UpstreamTimeout, match="sync.list_seconds"):
        await sync(app, Endless(), list_seconds=0.05)


async def test_a_lying_source_gets_no_bad_keys_in(app: App, held: Held) -> None:
    held.items |= {"": "Empty.", "a\x1b[31m": "Red.", "x" * 5_000: "Long."}
    found = await sync(app, held)
    assert (found.counts.listed, found.counts.gaps, found.counts.added) == (5, 3, 5)


async def test_documents_that_an_item_no_longer_holds_are_deleted(app: App, held: Held) -> None:
    held.ending = "jsonl"
    held.items = {"k": '{"id":"a","text":"One."}\n{"id":"b","text":"Two."}'}
    await sync(app, held)
    assert await kept(app) == ["a", "b"]
    held.items["k"] = '{"id":"b","text":"Two."}\n{"id":"c","text":"Three."}'
    found = await sync(app, held)
    assert (found.counts.added, found.counts.same, found.counts.deleted) == (1, 1, 1)
    assert await kept(app) == ["b", "c"]


async def test_only_documents_that_were_kept_are_owned(app: App, held: Held) -> None:
    held.items = {"k": "Text.", "l": "   "}
    await sync(app, held)
    claim, _ = await app.catalog.source_leases.take(DEFAULT_TENANT, NAME, "test", over=None)
    owned = await app.catalog.source_documents.owned(claim, ["k", "l"])
    assert owned == {"shop/k.md": "k"}
    survey = await app.catalog.source_items.survey(claim, 0)
    assert survey.known == 1


async def test_a_renamed_item_takes_its_documents_along(app: App, held: Held) -> None:
    held.ending = "jsonl"
    held.items = {"k": '{"id":"a","text":"One."}', "l": '{"id":"b","text":"Two."}'}
    await sync(app, held)
    held.items = {"m": held.items["k"], "l": held.items["l"]}
    found = await sync(app, held)
    assert (found.status, found.counts.gone, found.counts.deleted) == ("done", 1, 0)
    assert await kept(app) == ["a", "b"]


async def test_two_items_cannot_have_one_document(app: App, held: Held) -> None:
    held.ending = "jsonl"
    held.items = {"k": '{"id":"a","text":"One."}', "l": '{"id":"a","text":"Two."}'}
    found = await sync(app, held)
    assert (found.status, found.counts.added, found.counts.failed) == ("partly", 1, 1)
    (failure,) = await app.sources.failures(DEFAULT_TENANT, NAME, limit=9)
    assert (failure.key, failure.code) == ("l", "duplicate_id")
    assert "shop: k" in failure.error


async def test_an_incremental_source_deletes_only_after_a_whole_listing(
    app: App, held: Held
) -> None:
    held.incremental = True
    assert (await sync(app, held)).complete
    del held.items["k0"]
    held.items["k8"] = "# Item 8\n\nNew."
    second = await sync(app, held)
    assert (second.complete, second.counts.added, second.counts.gone) == (False, 1, 0)
    assert second.counts.listed < 5
    third = await sync(app, held, complete=True)
    assert (third.complete, third.counts.deleted) == (True, 1)


async def test_of_so_many_syncs_one_lists_an_incremental_source_whole(app: App, held: Held) -> None:
    held.incremental = True
    runs = [
        await flow(app, held, complete=3).run(SyncRequest(DEFAULT_TENANT, NAME)) for _ in range(7)
    ]
    assert [run.complete for run in runs] == [True, False, False, True, False, False, True]


async def test_a_failure_is_tried_again_when_the_listing_leaves_it_out(
    app: App, held: Held
) -> None:
    held.incremental = True
    held.items["k0"] = Unreadable("Torn.")
    await sync(app, held)
    found = await sync(app, held)
    assert held.read_keys == ["k0"]
    assert (found.complete, found.counts.retried) == (False, 1)


async def test_a_dropped_collection_is_filled_again(app: App, held: Held) -> None:
    await sync(app, held)
    await app.ingest.drop(app.scope("c"))
    assert (await sync(app, held)).counts.added == 5


async def test_other_settings_read_all_again(tmp_path: Path) -> None:
    held = Held({"k0": "# One\n\nText."})
    async with opened(tmp_path) as app:
        await app.catalog.sources.add(spec())
        await sync(app, held)
    async with opened(tmp_path, chunker__size=100) as app:
        found = await sync(app, held)
        assert (held.read_keys, found.counts.updated) == (["k0"], 1)
        await sync(app, held)
        assert held.read_keys == []
        assert (await sync(app, held, afresh=True)).counts.same == 1


async def test_a_second_sync_at_once_is_refused(app: App, held: Held) -> None:
    held.slow = 0.4
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(sync(app, held))
        await held.reading.wait()
        with pytest.raises(Conflict, match="being synced"):
            await flow(app, held).run(SyncRequest(DEFAULT_TENANT, NAME))
    assert first.result().counts.added == 5
    assert (await sync(app, held)).counts.unchanged == 5


async def test_a_dead_sync_s_lease_is_taken_over_and_its_work_goes_on(app: App, held: Held) -> None:
    """One that was cut off anywhere; and should it live after all, it can no longer write."""
    claim, _ = await app.catalog.source_leases.take(DEFAULT_TENANT, NAME, "dead", over=None)
    listing = await app.catalog.source_items.begin(claim, afresh=False)
    await app.catalog.source_items.note(claim, listing, [("k0", "0", 1), ("z", "0", 1)])
    found = await sync(app, held)
    assert (found.counts.new, found.counts.added, found.counts.gone) == (5, 5, 1)
    with pytest.raises(Conflict, match="taken over"):
        await app.catalog.source_items.begin(claim, afresh=False)


class Cut(Exception):
    pass


STEPS = ("begin", "list", "survey", "ingest", "ingest", "ingest", "delete", "settle")
"""The second `ingest` is the last that has items; the third finds none."""


@pytest.mark.parametrize("at", range(len(STEPS) * 2))
async def test_a_sync_cut_off_before_or_after_any_step_is_taken_up(
    app: App, held: Held, at: int
) -> None:
    await sync(app, held)
    del held.items["k0"]
    held.items |= {"k1": "# Item 1\n\nChanged.", "k6": "# 6\n\nNew.", "k7": "# 7\n\nNew."}
    seen: list[str] = []

    async def cutting(name: str, work: Callable[[], Awaitable[T]], /) -> T:
        if len(seen) * 2 == at:
            raise Cut
        result = await work()
        seen.append(name)
        if len(seen) * 2 - 1 == at:
            raise Cut
        return result

    request = SyncRequest(DEFAULT_TENANT, NAME)
    with pytest.raises((Cut, ExceptionGroup)):
        await flow(app, held, items_at_once=2).run(request, step=cutting)
    found = await sync(app, held)
    assert found.status == "done"
    assert await kept(app) == ids(1, 2, 3, 4, 6, 7)
    assert (await sync(app, held)).counts.unchanged == 6
    assert held.read_keys == []
    for number in (1, 6, 7):
        hits = await app.search.search(app.scope("c"), SearchRequest(str(held.items[f"k{number}"])))
        assert len([h for h in hits.hits if h.document_id == f"{NAME}/k{number}.md"]) == 1


async def test_what_was_kept_before_a_crash_is_deleted_when_the_item_changed_since(
    app: App, held: Held
) -> None:
    """Killed after the documents were kept and before the item was done."""
    held.ending = "jsonl"
    held.items = {"k": '{"id":"a","text":"One."}\n{"id":"b","text":"Two."}'}
    finish = app.catalog.source_items.finish

    async def broken(*_: object, **__: object) -> int:
        raise StorageError("Cut.")

    app.catalog.source_items.finish = broken  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        await sync(app, held)
    app.catalog.source_items.finish = finish  # type: ignore[method-assign]
    assert await kept(app) == ["a", "b"]
    held.items["k"] = '{"id":"a","text":"One."}'
    assert (await sync(app, held)).counts.deleted == 1
    assert await kept(app) == ["a"]


async def test_removing_a_source_deletes_its_documents_alone(app: App, held: Held) -> None:
    await app.ingest.run(app.scope("c"), [Upload(Blob(b"Mine.", "mine.txt"))])
    await sync(app, held)
    assert await app.sources.remove(DEFAULT_TENANT, NAME) == 5
    assert await kept(app) == ["mine.txt"]
    with pytest.raises(NotFound):
        await app.sources.get(DEFAULT_TENANT, NAME)


async def test_removing_may_keep_the_documents(app: App, held: Held) -> None:
    await sync(app, held)
    assert await app.sources.remove(DEFAULT_TENANT, NAME, keep=True) == 0
    assert len(await kept(app)) == 5


async def test_progress_ends_where_it_said_it_would(app: App, held: Held) -> None:
    told: list[SyncProgress] = []

    async def tell(now: SyncProgress) -> None:
        told.append(now)

    await flow(app, held, items_at_once=2).run(SyncRequest(DEFAULT_TENANT, NAME), progress=tell)
    ingest = [(each.done, each.total) for each in told if each.phase == "ingest"]
    assert ingest == [(2, 5), (4, 5), (5, 5)]


async def test_a_sync_that_is_stopped_says_so_and_the_next_goes_on(app: App, held: Held) -> None:
    async def stop(_: SyncProgress) -> None:
        task.cancel()

    run = flow(app, held, items_at_once=2).run(SyncRequest(DEFAULT_TENANT, NAME), progress=stop)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run)
    (last,) = await app.sources.syncs(DEFAULT_TENANT, NAME, 5)
    assert (last.status, last.error, last.ended_at is None) == ("failed", STOPPED, False)
    assert (await sync(app, held)).status == "done"
    assert await kept(app) == ids(*range(5))


async def test_a_folder_is_added_and_followed(app: App, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.md").write_text("# One\n\nCode alpha7x.")
    odd = os.fsdecode(b"\xff\x1b.txt")
    (folder / odd).write_text("Odd name.")
    (folder / "loop").symlink_to(folder)
    state = await app.sources.add(spec(options={"path": str(folder)}, schedule="15m"))
    assert (state.spec.schedule, state.items) == ("15m", {})
    found = await app.sources.sync(SyncRequest(DEFAULT_TENANT, NAME))
    assert (found.status, found.counts.added) == ("done", 2)
    assert await kept(app) == ["shop/%FF%1B.txt", "shop/sub/a.md"]
    (folder / "sub" / "a.md").unlink()
    assert (await app.sources.sync(SyncRequest(DEFAULT_TENANT, NAME))).counts.deleted == 1


async def test_what_cannot_be_a_source_is_refused(app: App, tmp_path: Path) -> None:
    good = {"path": str(tmp_path)}
    with pytest.raises(InvalidInput, match="cannot be called"):
        await app.sources.add(spec("a/b", options=good))
    with pytest.raises(InvalidInput, match="schedule"):
        await app.sources.add(spec(options=good, schedule="often"))
    with pytest.raises(InvalidInput, match="colour"):
        await app.sources.add(spec(options={**good, "colour": "red"}))
    with pytest.raises(InvalidInput, match="There is no sources adapter 'foldr'"):
        await app.sources.add(spec(kind="foldr"))
    with pytest.raises(Unavailable, match="cannot be listed"):
        await app.sources.add(spec(options={"path": str(tmp_path / "none")}))
    await app.sources.add(spec(options={"path": str(tmp_path / "none")}), check=False)
    with pytest.raises(NotFound):
        await app.sources.get(TenantId("other"), NAME)


async def test_a_source_that_lists_no_versions_is_read_whole_when_its_collection_was_dropped(
    app: App, held: Held
) -> None:
    held.versions = False
    assert (await sync(app, held)).counts.added == 5
    assert (await sync(app, held)).counts.added == 0
    await app.ingest.drop(app.scope("c"))
    assert (await sync(app, held)).counts.added == 5
    assert await kept(app) == ids(0, 1, 2, 3, 4)
