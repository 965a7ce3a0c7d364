"""What every place that keeps runs promises."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.agents import entries
from bedplate.domain.ids import TenantId
from bedplate.domain.runs import Run, RunLimits, RunPage, RunSetup, RunStatus, RunUsage
from bedplate.errors import BudgetExceeded, Conflict, NotFound
from bedplate.journal import JOURNALS
from bedplate.journal.protocol import Change, Journal, Overtaken, Writer
from bedplate.state import CATALOGS

T1, T2 = TenantId("t1"), TenantId("t2")
NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
LIMITS = RunLimits(steps=2, tokens=100, micro_usd=50)
SETUP = RunSetup("m", "Be kind.", ("a",), ("b",), LIMITS, ("c",), {"a": "d"})


@asynccontextmanager
async def place_of(name: str, folder: Path) -> AsyncGenerator[Path | str]:
    if name == "sqlite":
        yield folder / "runs.db"
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        yield address
        with psycopg.connect(address, autocommit=True) as db:
            db.execute("DELETE FROM bedplate.run")
            db.execute("DELETE FROM bedplate.run_entry")


@pytest.fixture(params=["sqlite", "postgres"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    async with (
        place_of(request.param, tmp_path) as place,
        JOURNALS.load(request.param)(place) as it,
    ):
        yield it


def new(id: str = "r", tenant: TenantId = T1, **fields: Any) -> Run:
    given: dict[str, Any] = {"root": id, "tenant": tenant, "created_at": NOON, **fields}
    return Run(id, "clerk", "Greet", SETUP, **given)


async def made(journal: Journal, run: Run | None = None) -> Run:
    run = run or new()
    return await journal.create(run, [entries.started(run.goal)], look_at=NOON)


async def at_work(journal: Journal, run: Run | None = None) -> Writer:
    run = await made(journal, run)
    change = Change({"status": RunStatus.RUNNING})
    await journal.change(run.tenant, run.id, [RunStatus.WAITING], change)
    return Writer(run.tenant, run.id, 0, 1)


async def test_a_run_is_kept_as_it_was_made_once(journal: Journal) -> None:
    kept = await made(journal, new(key="k", parent="p"))
    assert await made(journal, new(key="other")) == replace(
        kept, touched_at=(await journal.get(T1, "r")).touched_at
    )
    found = await journal.get(T1, "r")
    assert (found.setup, found.key, found.parent, found.entries) == (SETUP, "k", "p", 1)
    assert (found.status, found.created_at, found.ended_at) == (RunStatus.WAITING, NOON, None)
    (entry,) = await journal.entries(T1, "r")
    assert (entry.number, entry.kind, entry.data) == (0, "started", {"goal": "Greet"})
    assert [run.id for run in await journal.children(T1, "p")] == ["r"]


async def test_a_run_of_another_tenant_is_not_there(journal: Journal) -> None:
    await made(journal)
    for call in (
        journal.get(T2, "r"),
        journal.entries(T2, "r"),
        journal.change(T2, "r", list(RunStatus), Change()),
        journal.settle(Writer(T2, "r", 0, 1), RunUsage()),
    ):
        with pytest.raises(NotFound, match="'r'"):
            await call
    assert await journal.list(T2, RunPage()) == ()
    assert (await made(journal, new(tenant=T2))).tenant == T2
    assert await journal.children(T2, "p") == ()


async def test_runs_are_listed_newest_first_in_pages(journal: Journal) -> None:
    for number in range(4):
        run = new(f"r{number}", created_at=NOON + timedelta(seconds=number // 2))
        await made(journal, replace(run, assistant="other") if number == 1 else run)

    async def listed(**page: Any) -> list[str]:
        return [run.id for run in await journal.list(T1, RunPage(**page))]

    assert await listed() == ["r3", "r2", "r1", "r0"]
    assert await listed(limit=2) == ["r3", "r2"]
    assert await listed(limit=2, before="r2") == ["r1", "r0"]
    assert await listed(assistant="other") == ["r1"]
    await journal.change(T1, "r0", [RunStatus.WAITING], Change({"status": RunStatus.PAUSED}))
    assert await listed(statuses=(RunStatus.PAUSED, RunStatus.FAILED)) == ["r0"]


async def test_what_is_used_is_bounded_before_it_is_written(journal: Journal) -> None:
    writer = await at_work(journal)
    run = await journal.charge(
        writer, RunUsage(steps=1, tokens=60, seconds=0.5), entries.message("one")
    )
    assert (run.used, run.entries) == (RunUsage(steps=1, tokens=60, seconds=0.5), 2)
    with pytest.raises(BudgetExceeded) as refused:
        await journal.charge(replace(writer, entries=2), RunUsage(steps=1, tokens=41))
    assert refused.value.budget == "tokens"
    assert (await journal.get(T1, "r")).used == run.used
    await journal.settle(replace(writer, entries=2), RunUsage(tokens=-50, micro_usd=70))
    assert (await journal.get(T1, "r")).used == RunUsage(1, 0, 0, 10, 70, 0.5)
    with pytest.raises(BudgetExceeded, match="micro_usd"):
        await journal.charge(replace(writer, entries=2), RunUsage())


async def test_a_run_and_those_it_starts_share_its_budget(journal: Journal) -> None:
    await made(journal, new("root"))
    writer = await at_work(journal, new("child", root="root", parent="root"))
    await journal.charge(writer, RunUsage(steps=2))
    assert (await journal.get(T1, "root")).used.steps == 2
    other = await at_work(journal, new("other", root="root", parent="root"))
    with pytest.raises(BudgetExceeded, match="'root' may use 2 steps"):
        await journal.charge(other, RunUsage(steps=1))


async def test_only_who_knows_all_of_the_log_adds_to_it(journal: Journal) -> None:
    writer = await at_work(journal)
    await journal.charge(writer, RunUsage(steps=1), entries.message("one"))
    for late in (writer, replace(writer, entries=2, leg=1)):
        with pytest.raises(Overtaken):
            await journal.charge(late, RunUsage(steps=1), entries.message("two"))
    assert [entry.number for entry in await journal.entries(T1, "r")] == [0, 1]
    assert (await journal.get(T1, "r")).used.steps == 1


async def test_what_happened_is_told_though_the_run_was_stopped_meanwhile(
    journal: Journal,
) -> None:
    writer = await at_work(journal)
    stop = Change({"status": RunStatus.CANCELLED})
    await journal.change(
        T1, "r", [RunStatus.RUNNING], stop, entries.status(RunStatus.CANCELLED), leg=0
    )
    with pytest.raises(Overtaken, match="cancelled"):
        await journal.settle(writer, RunUsage(tool_calls=1), entries.message("late"))
    assert [entry.kind for entry in await journal.entries(T1, "r")] == [
        *("started", "status", "message"),
    ]
    run = await journal.get(T1, "r")
    assert (run.used.tool_calls, run.ended_at is not None) == (1, True)


async def test_a_change_is_of_a_run_that_stands_so(journal: Journal) -> None:
    await made(journal)
    change = Change({"status": RunStatus.RUNNING, "waits_for": ("x",), "leg": 1}, NOON)
    run = await journal.change(T1, "r", [RunStatus.WAITING], change)
    assert (run.status, run.waits_for, run.leg) == (RunStatus.RUNNING, ("x",), 1)
    with pytest.raises(Conflict, match="is running; this needs one that is waiting or paused"):
        await journal.change(T1, "r", [RunStatus.WAITING, RunStatus.PAUSED], change)
    with pytest.raises(Conflict):
        await journal.change(T1, "r", [RunStatus.RUNNING], change, leg=0)


async def test_runs_are_due_at_their_time(journal: Journal) -> None:
    await made(journal)
    assert await journal.due(NOON - timedelta(seconds=1), 9) == ()
    assert [run.id for run in await journal.due(NOON, 9)] == ["r"]
    await journal.look(T1, "r", None)
    assert await journal.due(NOON, 9) == ()
    await journal.look(T1, "r", NOON)
    await made(journal, new("s"))
    assert len(await journal.due(NOON, 1)) == 1
    # A clock that was put back by a day shows it, too.
    assert len(await journal.due(NOON - timedelta(days=1), 1)) == 1


async def test_what_ended_long_ago_or_is_too_much_is_forgotten(journal: Journal) -> None:
    for id in ("a", "b", "c", "open"):
        await made(journal, new(id))
        if id != "open":
            end = Change({"status": RunStatus.FAILED})
            await journal.change(T1, id, [RunStatus.WAITING], end)
    hour = timedelta(hours=1)
    assert await journal.forget(datetime.now(UTC) - hour, most=3) == 0
    assert await journal.forget(datetime.now(UTC) - hour, most=2) == 1
    with pytest.raises(NotFound):
        await journal.entries(T1, "a")
    assert await journal.forget(datetime.now(UTC) + hour, most=9) == 2
    assert [run.id for run in await journal.list(T1, RunPage())] == ["open"]
