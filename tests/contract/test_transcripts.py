"""What every place that keeps responses and conversations promises."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput, NotFound, PreviousNotFound, StorageError
from bedplate.state import CATALOGS
from bedplate.transcripts import TRANSCRIPTS
from bedplate.transcripts.protocol import (
    CompletionQuery,
    Page,
    StoredCompletion,
    StoredConversation,
    StoredItem,
    StoredResponse,
    Transcripts,
)

T1, T2 = TenantId("t1"), TenantId("t2")
NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLES = ("response", "conversation", "item", "event", "completion", "label")


@asynccontextmanager
async def place_of(name: str, folder: Path) -> AsyncGenerator[Path | str]:
    if name == "sqlite":
        yield folder / "transcripts.db"
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        yield address
        with psycopg.connect(address, autocommit=True) as db:
            for table in TABLES:
                db.execute(f"DELETE FROM bedplate.transcript_{table}".encode())


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path | str]:
    async with place_of(request.param, tmp_path) as place:
        yield place


def open_at(place: Path | str):
    return TRANSCRIPTS.load("sqlite" if isinstance(place, Path) else "postgres")(place)


@pytest.fixture
async def kept(place: Path | str) -> AsyncIterator[Transcripts]:
    async with open_at(place) as transcripts:
        yield transcripts


def item(id: str) -> StoredItem:
    return StoredItem(id, f'{{"id":"{id}"}}')


def response(
    id: str = "r1", *, tenant: TenantId = T1, status: str = "completed", **fields: Any
) -> StoredResponse:
    made = StoredResponse(tenant, id, NOON, status, "{}", (item(f"in-{id}"),), (item(f"out-{id}"),))
    return replace(made, **fields)


def conversation(id: str = "c1", tenant: TenantId = T1) -> StoredConversation:
    return StoredConversation(tenant, id, NOON, '{"a":"b"}')


def completion(id: str = "chatcmpl-1", model: str = "m", **metadata: str) -> StoredCompletion:
    return StoredCompletion(T1, id, model, metadata, f'{{"id":"{id}"}}')


def ids(items: tuple[StoredItem, ...]) -> list[str]:
    return [each.id for each in items]


async def test_a_response_comes_back_as_it_was_kept_in_another_process_too(place: Path | str):
    made = response(previous=None, background=True)
    async with open_at(place) as one:
        assert await one.responses.put(made)
        assert await one.responses.get(T1, "r1") == made
    async with open_at(place) as other:
        assert await other.responses.get(T1, "r1") == made


async def test_one_tenant_sees_nothing_of_another(kept: Transcripts):
    await kept.responses.put(response())
    await kept.conversations.create(conversation(), [item("i1")])
    await kept.completions.add(completion(), [item("m1")])

    for refused in (
        kept.responses.get(T2, "r1"),
        kept.responses.delete(T2, "r1"),
        kept.responses.input(T2, "r1", Page()),
        kept.background.told(T2, "r1", after=-1, limit=1),
        kept.conversations.get(T2, "c1"),
        kept.conversations.update(T2, "c1", "{}"),
        kept.conversations.delete(T2, "c1"),
        kept.items.add(T2, "c1", [item("i2")]),
        kept.items.all(T2, "c1"),
        kept.items.page(T2, "c1", Page()),
        kept.items.get(T2, "c1", "i1"),
        kept.items.delete(T2, "c1", "i1"),
        kept.completions.get(T2, "chatcmpl-1"),
        kept.completions.update(T2, "chatcmpl-1", {}),
        kept.completions.delete(T2, "chatcmpl-1"),
        kept.completions.messages(T2, "chatcmpl-1", Page()),
    ):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(PreviousNotFound):
        await kept.responses.chain(T2, "r1")
    assert await kept.responses.find(T2, ["in-r1", "i1"]) == ()
    assert await kept.background.renew([(T2, "r1")], NOON) == frozenset()
    assert await kept.completions.list(T2, CompletionQuery(), Page()) == ()
    assert await kept.responses.get(T1, "r1") == response()
    assert await kept.completions.get(T1, "chatcmpl-1") == completion()
    assert ids(await kept.items.all(T1, "c1")) == ["i1"]


async def test_what_has_ended_never_changes(kept: Transcripts):
    running = response(status="in_progress", output=())
    assert await kept.responses.put(running, lease=NOON)
    assert await kept.responses.put(replace(running, status="cancelled", body='{"x":1}'))

    late = replace(running, status="completed", output=(item("late"),))
    assert not await kept.responses.put(late)

    found = await kept.responses.get(T1, "r1")
    assert (found.status, found.body, found.output) == ("cancelled", '{"x":1}', ())
    assert found.input == running.input


async def test_of_two_ends_at_once_one_counts(kept: Transcripts):
    await kept.responses.put(response(status="in_progress", output=()), lease=NOON)

    ends = [replace(response(), status=status) for status in ("completed", "cancelled", "failed")]
    won = await asyncio.gather(*(kept.responses.put(end) for end in ends))

    assert sum(won) == 1
    assert (await kept.responses.get(T1, "r1")).status == ends[won.index(True)].status


async def test_a_chain_holds_every_item_the_oldest_first(kept: Transcripts):
    await kept.responses.put(response("r1"))
    await kept.responses.put(response("r2", previous="r1"))
    await kept.responses.put(response("r3", previous="r2"))
    await kept.responses.put(response("other", previous="r1"))

    assert ids(await kept.responses.chain(T1, "r3")) == [
        *("in-r1", "out-r1", "in-r2", "out-r2", "in-r3", "out-r3"),
    ]
    await kept.responses.delete(T1, "r1")
    with pytest.raises(PreviousNotFound, match="'r1' not found; 'r3' goes on from it"):
        await kept.responses.chain(T1, "r3")
    with pytest.raises(PreviousNotFound, match="'r1' not found"):
        await kept.responses.chain(T1, "r1")


async def test_a_chain_goes_on_from_nothing_unfinished_and_from_no_conversation(
    kept: Transcripts,
):
    await kept.responses.put(response(status="in_progress"), lease=NOON)
    with pytest.raises(InvalidInput, match="in_progress yet"):
        await kept.responses.chain(T1, "r1")
    await kept.conversations.create(conversation(), [])
    await kept.responses.put(response("r2", conversation="c1"))
    with pytest.raises(InvalidInput, match="belongs to conversation 'c1'"):
        await kept.responses.chain(T1, "r2")


async def test_a_deleted_response_is_gone_with_its_items_and_events(kept: Transcripts):
    await kept.responses.put(response())
    await kept.background.log(T1, "r1", [(0, "{}")])
    await kept.responses.delete(T1, "r1")

    with pytest.raises(NotFound):
        await kept.responses.get(T1, "r1")
    with pytest.raises(NotFound):
        await kept.responses.delete(T1, "r1")
    assert await kept.responses.find(T1, ["in-r1", "out-r1"]) == ()
    assert not await kept.responses.put(response(), begun=True)
    assert await kept.responses.put(response())
    assert (await kept.background.told(T1, "r1", after=-1, limit=9)).events == ()


async def test_input_is_paged_in_both_orders_without_output(kept: Transcripts):
    given = tuple(item(f"i{at}") for at in range(5))
    await kept.responses.put(response(input=given))

    first = await kept.responses.input(T1, "r1", Page(limit=2))
    assert (ids(first.items), first.more) == (["i4", "i3"], True)
    rest = await kept.responses.input(T1, "r1", Page(limit=3, after="i3"))
    assert (ids(rest.items), rest.more) == (["i2", "i1", "i0"], False)
    ascending = await kept.responses.input(T1, "r1", Page(limit=2, after="i0", order="asc"))
    assert (ids(ascending.items), ascending.more) == (["i1", "i2"], True)
    with pytest.raises(NotFound):
        await kept.responses.input(T1, "r1", Page(after="out-r1"))


async def test_items_are_found_by_their_ids_wherever_they_are(kept: Transcripts):
    await kept.responses.put(response())
    await kept.conversations.create(conversation(), [item("i1")])

    found = await kept.responses.find(T1, ["i1", "out-r1", "nothing"])
    assert sorted(ids(found)) == ["i1", "out-r1"]


async def test_a_conversation_keeps_its_items_in_order(kept: Transcripts):
    await kept.conversations.create(conversation(), [item("i1"), item("i2")])
    await kept.items.add(T1, "c1", [item("i3")])

    assert ids(await kept.items.all(T1, "c1")) == ["i1", "i2", "i3"]
    page = await kept.items.page(T1, "c1", Page(limit=2, order="asc"))
    assert (ids(page.items), page.more) == (["i1", "i2"], True)
    assert await kept.items.get(T1, "c1", "i2") == item("i2")
    await kept.items.delete(T1, "c1", "i2")
    await kept.items.add(T1, "c1", [item("i4")])
    assert ids(await kept.items.all(T1, "c1")) == ["i1", "i3", "i4"]
    with pytest.raises(NotFound):
        await kept.items.get(T1, "c1", "i2")
    with pytest.raises(NotFound):
        await kept.items.delete(T1, "c1", "i2")
    with pytest.raises(InvalidInput, match="twice"):
        await kept.items.add(T1, "c1", [item("i5"), item("i1")])
    assert ids(await kept.items.all(T1, "c1")) == ["i1", "i3", "i4"]


async def test_metadata_of_a_conversation_is_replaced_and_its_deletion_takes_the_items(
    kept: Transcripts,
):
    await kept.conversations.create(conversation(), [item("i1")])
    assert await kept.conversations.get(T1, "c1") == conversation()

    changed = await kept.conversations.update(T1, "c1", "{}")
    assert (
        changed == replace(conversation(), metadata="{}") == await kept.conversations.get(T1, "c1")
    )

    await kept.conversations.delete(T1, "c1")
    assert await kept.responses.find(T1, ["i1"]) == ()
    with pytest.raises(NotFound):
        await kept.conversations.get(T1, "c1")


async def test_a_response_that_ends_well_becomes_part_of_its_conversation(kept: Transcripts):
    await kept.conversations.create(conversation(), [item("i1")])
    await kept.responses.put(response("r1", conversation="c1"))
    await kept.responses.put(response("r2", conversation="c1", status="failed"))
    await kept.responses.put(response("r3", conversation="gone"))

    assert ids(await kept.items.all(T1, "c1")) == ["i1", "in-r1", "out-r1"]
    assert (await kept.responses.get(T1, "r3")).status == "completed"


async def test_turns_that_end_at_once_stay_whole(kept: Transcripts):
    await kept.conversations.create(conversation(), [])
    turns = [response(f"r{number}", conversation="c1") for number in range(8)]
    await asyncio.gather(*(kept.responses.put(turn) for turn in turns))

    found = ids(await kept.items.all(T1, "c1"))
    assert sorted(found) == sorted(f"{end}-r{n}" for n in range(8) for end in ("in", "out"))
    for number in range(8):
        assert found.index(f"out-r{number}") == found.index(f"in-r{number}") + 1


async def test_completions_are_found_by_model_and_metadata_in_both_orders(kept: Transcripts):
    made = [
        completion("chatcmpl-1", a="x", b="y"),
        completion("chatcmpl-2", "n", a="x"),
        completion("chatcmpl-3"),
    ]
    for each in made:
        await kept.completions.add(each, [])

    async def found(query: CompletionQuery, **page: Any) -> list[str]:
        listed = await kept.completions.list(T1, query, Page(**page))
        return [each.id.removeprefix("chatcmpl-") for each in listed]

    assert await found(CompletionQuery()) == ["3", "2", "1"]
    assert await found(CompletionQuery(), order="asc", after="chatcmpl-1") == ["2", "3"]
    assert await found(CompletionQuery(), after="chatcmpl-3", limit=1) == ["2"]
    assert await found(CompletionQuery("m")) == ["3", "1"]
    assert await found(CompletionQuery(metadata={"a": "x"})) == ["2", "1"]
    assert await found(CompletionQuery("m", {"a": "x", "b": "y"})) == ["1"]
    changed = await kept.completions.update(T1, "chatcmpl-1", {"b": "z"})
    assert changed.metadata == {"b": "z"}
    assert await found(CompletionQuery(metadata={"a": "x"})) == ["2"]


async def test_a_deleted_completion_is_gone_with_its_messages(kept: Transcripts):
    await kept.completions.add(completion(a="x"), [item("m1"), item("m2")])
    page = await kept.completions.messages(T1, "chatcmpl-1", Page(1, order="asc"))
    assert (ids(page.items), page.more) == (["m1"], True)

    await kept.completions.delete(T1, "chatcmpl-1")

    with pytest.raises(NotFound):
        await kept.completions.get(T1, "chatcmpl-1")
    await kept.completions.add(completion(), [])
    assert (await kept.completions.messages(T1, "chatcmpl-1", Page())).items == ()
    assert await kept.completions.list(T1, CompletionQuery(metadata={"a": "x"}), Page()) == ()


async def test_events_are_told_after_a_number_with_the_state(kept: Transcripts):
    await kept.responses.put(response(status="in_progress"), lease=NOON)
    await kept.background.log(T1, "r1", [(0, "a"), (1, "b")])
    await kept.background.log(T1, "r1", [(1, "b"), (2, "c")])

    told = await kept.background.told(T1, "r1", after=0, limit=9)
    assert (told.status, told.events) == ("in_progress", ((1, "b"), (2, "c")))
    assert (await kept.background.told(T1, "r1", after=-1, limit=1)).events == ((0, "a"),)


async def test_leases_say_what_nobody_makes_any_more(kept: Transcripts):
    await kept.responses.put(response("r1", status="in_progress"), lease=NOON)
    await kept.responses.put(response("r2", status="queued"), lease=NOON + HOUR)
    await kept.responses.put(response("r3"))

    assert [r.id for r in await kept.background.orphans(NOON + HOUR / 2, 9)] == ["r1"]
    assert await kept.background.orphans(NOON, 9) == ()
    both = [(T1, "r1"), (T1, "r3"), (T1, "gone")]
    assert await kept.background.renew(both, NOON + HOUR) == {"r1"}
    assert await kept.background.orphans(NOON + HOUR / 2, 9) == ()


async def test_the_old_and_the_surplus_are_forgotten_but_not_what_is_being_made(
    kept: Transcripts,
):
    for number in range(4):
        await kept.responses.put(response(f"r{number}"))
    await kept.responses.put(response("running", status="in_progress"), lease=NOON)
    await kept.responses.put(response("other", tenant=T2))
    await kept.conversations.create(conversation(), [item("i1")])
    await kept.completions.add(completion(), [item("m1")])

    assert await kept.forget(LONG_AGO, most=10) == 0
    # Used since, so it is not among the oldest.
    await kept.responses.chain(T1, "r0")
    assert await kept.forget(LONG_AGO, most=3) == 2
    for gone in ("r1", "r2"):
        with pytest.raises(NotFound):
            await kept.responses.get(T1, gone)
    assert (await kept.responses.get(T1, "r0")).status == "completed"

    assert await kept.forget(datetime.now(UTC) + HOUR, most=10) == 5
    assert (await kept.responses.get(T1, "running")).status == "in_progress"
    with pytest.raises(NotFound):
        await kept.responses.get(T2, "other")
    with pytest.raises(NotFound):
        await kept.conversations.get(T1, "c1")
    assert await kept.completions.list(T1, CompletionQuery(), Page()) == ()


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path):
    place = tmp_path / "transcripts.db"
    async with open_at(place):
        pass
    with apsw.Connection(str(place)) as db:
        db.pragma("user_version", 99)
    with pytest.raises(StorageError, match="newer"):
        async with open_at(place):
            pass
