"""What every source promises, whatever its kind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.contract.places import KINDS, Kind, Place

from bedplate.errors import NotFound, StorageError, TooLarge, Unavailable, UpstreamError
from bedplate.sources import SOURCES
from bedplate.sources.protocol import MAX_KEY, Fetched, Gone, Item, Source

LIMIT = 1_000_000


@pytest.fixture(params=KINDS, ids=lambda kind: kind.id)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def place(kind: Kind, tmp_path: Path) -> AsyncIterator[Place]:
    async with kind.open(tmp_path) as opened:
        yield opened


def opening(kind: Kind, place: Place, **more: str) -> AbstractAsyncContextManager[Source]:
    """A source of the place; `given` is what the house hands to a kind beside its options."""
    given: dict[str, Any] = getattr(place, "given", {})
    return SOURCES.load(kind.name)({**place.options, **more}, name="shop", **given)


@pytest.fixture
async def source(kind: Kind, place: Place) -> AsyncIterator[Source]:
    async with opening(kind, place) as opened:
        assert opened.incremental == kind.incremental
        yield opened


async def listed(source: Source, since: str | None = None) -> list[Item]:
    """The items in order of key, without what is told to be gone; the test fails at a gap."""
    found = [each async for each in source.list(since) if not isinstance(each, Gone)]
    assert all(isinstance(each, Item) for each in found), found
    return sorted((each for each in found if isinstance(each, Item)), key=lambda item: item.key)


async def read(source: Source, item: Item, known: str | None = None) -> Fetched:
    """As after a restart, with nothing but what is kept of an item."""
    kept = Item(item.key, item.version, item.size)
    fetched = await source.read(kept, known=known, max_bytes=LIMIT)
    assert fetched is not None
    return fetched


async def contents(source: Source) -> list[str]:
    return sorted([(await read(source, i)).blob.content.decode() for i in await listed(source)])


def test_every_kind_of_the_table_is_held_to_the_contract() -> None:
    assert {kind.name for kind in KINDS} == set(SOURCES.names())


async def test_an_empty_place_is_an_empty_listing(source: Source) -> None:
    assert await listed(source) == []


async def test_each_item_is_listed_once_and_the_same_every_time(
    source: Source, place: Place
) -> None:
    for name in ("one", "two", "three"):
        await place.put(name, f"Text {name}")
    first = await listed(source)
    assert len({item.key for item in first}) == len(first) == 3
    assert await listed(source) == first
    assert all(item.key.isprintable() and 0 < len(item.key) <= MAX_KEY for item in first)


async def test_what_is_listed_can_be_read(source: Source, place: Place, kind: Kind) -> None:
    for name in ("one", "two"):
        await place.put(name, f"Text {name}")
    found = await contents(source)
    assert len(found) == 2
    assert "Text one" in found[0]
    assert "Text two" in found[1]
    if kind.reads:
        assert found == ["Text one", "Text two"]


async def test_readers_are_shown_a_name_that_begins_with_the_source_or_is_an_address(
    source: Source, place: Place
) -> None:
    for name in ("one", "two"):
        await place.put(name, f"Text {name}")
    shown = [(await read(source, item)).blob.source for item in await listed(source)]
    assert len(set(shown)) == 2
    assert all(name.isprintable() for name in shown)
    assert all(name.startswith("shop/") or "://" in name for name in shown)


async def test_a_change_shows_and_only_there(source: Source, place: Place, kind: Kind) -> None:
    await place.put("one", "Text one")
    await place.put("two", "Text two")
    before = {item.key: item.version for item in await listed(source)}
    await place.put("two", "Another text for two")
    after = {item.key: item.version for item in await listed(source)}
    assert after.keys() == before.keys()
    changed = [key for key in after if after[key] != before[key]]
    assert len(changed) == kind.versions
    assert any("Another text for two" in text for text in await contents(source))


async def test_without_a_version_the_content_itself_is_told_from_the_known_one(
    source: Source, place: Place
) -> None:
    await place.put("one", "Text one")
    (item,) = await listed(source)
    if item.version is not None:
        return
    version = (await read(source, item)).version
    if version is not None:
        assert await source.read(item, known=version, max_bytes=LIMIT) is None
    await place.put("one", "Another text for one")
    assert b"Another" in (await read(source, item, version)).blob.content


async def test_what_is_removed_is_not_listed_and_not_found(source: Source, place: Place) -> None:
    await place.put("one", "Text one")
    await place.put("two", "Text two")
    before = await listed(source)
    await place.remove("two")
    after = await listed(source)
    assert len(after) == 1
    gone = next(item for item in before if item.key != after[0].key)
    with pytest.raises(NotFound):
        await read(source, gone)


async def test_more_bytes_than_allowed_are_refused(source: Source, place: Place) -> None:
    await place.put("one", "x" * 5_000)
    (item,) = await listed(source)
    with pytest.raises(TooLarge, match="4,000"):
        await source.read(item, known=None, max_bytes=4_000)
    with pytest.raises(TooLarge):
        await source.read(Item(item.key, item.version), known=None, max_bytes=4_000)


async def test_items_are_read_while_a_listing_is_under_way_and_at_once(
    source: Source, place: Place
) -> None:
    for number in range(6):
        await place.put(f"n{number}", f"Text {number}")
    items = await listed(source)
    async with aclosing(source.list(None)) as listing:  # type: ignore[type-var]
        first = await anext(listing)
        async with asyncio.TaskGroup() as tasks:
            reads = [tasks.create_task(read(source, item)) for item in items]
    assert isinstance(first, Item)
    assert len({each.result().blob.source for each in reads}) == 6


async def test_a_cursor_lists_what_came_after_it(source: Source, place: Place, kind: Kind) -> None:
    await place.put("one", "Text one")
    await place.put("two", "Text two")
    whole = [each async for each in source.list(None) if isinstance(each, Item)]
    if not kind.incremental:
        assert all(item.cursor is None for item in whole)
        return
    last = whole[-1]
    assert last.cursor is not None
    await place.put("three", "Text three")
    since = [each async for each in source.list(last.cursor) if isinstance(each, Item)]
    keys = {item.key for item in since}
    assert keys - {item.key for item in whole}
    assert keys - {item.key for item in whole} <= keys <= keys | {last.key}
    assert len(keys) < 3


async def test_a_place_that_is_away_fails_and_is_not_an_empty_one(
    source: Source, place: Place
) -> None:
    await place.put("one", "Text one")
    await place.move_away()
    with pytest.raises((Unavailable, UpstreamError, StorageError)):
        await listed(source)


async def test_a_place_that_is_away_is_opened_all_the_same(kind: Kind, place: Place) -> None:
    if kind.own:
        return
    await place.move_away()
    async with opening(kind, place):
        pass


async def test_an_unknown_option_is_refused(kind: Kind, place: Place) -> None:
    with pytest.raises(ValidationError, match="colour"):
        async with opening(kind, place, colour="red"):
            pass
