"""Durable work on a SQLite file and in a real PostgreSQL. Crashes are in tests/e2e."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.fixtures.postgres import empty_database

from bedplate.domain.ids import DEFAULT_TENANT, TenantId
from bedplate.durable.jobs import Jobs
from bedplate.durable.open import DurableOptions, open_durable
from bedplate.durable.protocol import (
    JSON,
    ONCE,
    Event,
    Failure,
    Job,
    Page,
    Queue,
    Retry,
    Schedule,
    State,
    Steps,
    WorkId,
)
from bedplate.durable.waiting import wait
from bedplate.errors import (
    Busy,
    ConfigError,
    Conflict,
    InvalidInput,
    NotFound,
    StorageError,
    TooLarge,
    Unavailable,
    Unreadable,
    WorkFailed,
)

OTHER = TenantId("other")
SECONDS = 30
AGAIN = Retry(attempts=3, pause=0.01)


@dataclass
class Scripted:
    """Work whose body is a test's own function."""

    body: Callable[[Steps, JSON], Awaitable[JSON]]
    name: str = "scripted"

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        return await self.body(steps, argument)


@dataclass
class Gate:
    """Work that waits in a step until it is let go, and counts what is under way."""

    name: str = "gate"
    open: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    inside: int = 0
    most: int = 0

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        return await steps.step("wait", self._wait)

    async def _wait(self) -> JSON:
        await self._count(1)
        try:
            await self.open.wait()
        finally:
            await self._count(-1)
        return "through"

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.inside += change
            self.most = max(self.most, self.inside)
            self.changed.notify_all()

    async def holds(self, count: int = 1) -> None:
        async with asyncio.timeout(SECONDS), self.changed:
            await self.changed.wait_for(lambda: self.inside >= count > 0 or self.inside == count)


@pytest.fixture(params=["sqlite", "postgres"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DurableOptions]:
    with ExitStack() as stack:
        database = None
        if request.param == "postgres":
            database = SecretStr(stack.enter_context(empty_database()))
        yield DurableOptions(
            dir=tmp_path, database=database, stop_seconds=0.2, beat_seconds=0.2, poll_seconds=0.05
        )


@pytest.fixture
def sqlite(tmp_path: Path) -> DurableOptions:
    return DurableOptions(
        dir=tmp_path, stop_seconds=0.2, max_bytes=1_000, max_events=3, poll_seconds=0.05
    )


async def done(jobs: Jobs, job: Job) -> Job:
    return await wait(jobs, job.id, tenant=job.tenant, seconds=SECONDS)


async def events(jobs: Jobs, job: Job, after: int = 0) -> list[Event]:
    return [e async for e in jobs.tail(job.id, tenant=job.tenant, after=after)]


async def test_work_runs_its_steps_and_is_found_under_its_id(options: DurableOptions) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        async def double() -> JSON:
            assert isinstance(argument, int)
            return argument * 2

        await steps.emit({"job": steps.job, "tenant": steps.tenant})
        first = await steps.step("double", double)
        await steps.emit({"after": first})
        return {"doubled": first, "pair": (1, 2)}

    async with open_durable(options, works=[Scripted(body)]) as jobs:
        started = await jobs.start("scripted", 21, tenant=DEFAULT_TENANT, id="one")
        again = await jobs.start("scripted", 5, tenant=DEFAULT_TENANT, id="one")
        ended = await done(jobs, started)
        assert (started.id, again.id, again.argument) == ("one", "one", 21)
        assert ended.state is State.SUCCEEDED
        assert ended.result == {"doubled": 42, "pair": [1, 2]}
        assert ended.ended_at is not None
        assert timedelta(0) <= ended.ended_at - ended.created_at < timedelta(seconds=SECONDS)
        assert await events(jobs, ended) == [
            Event(0, {"job": "one", "tenant": "default"}),
            Event(1, {"after": 42}),
        ]
        assert await events(jobs, ended, after=1) == [Event(1, {"after": 42})]
        assert await events(jobs, ended, after=9) == []

    async with open_durable(options) as jobs:
        assert await jobs.get(WorkId("one"), tenant=DEFAULT_TENANT) == ended


async def test_a_job_of_another_tenant_is_not_there(options: DurableOptions) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        return [steps.tenant, argument]

    async with open_durable(options, works=[Scripted(body)]) as jobs:
        mine = await jobs.start("scripted", 1, tenant=DEFAULT_TENANT, id="same")
        theirs = await jobs.start("scripted", 2, tenant=OTHER, id="same")
        assert (await done(jobs, mine)).result == ["default", 1]
        assert (await done(jobs, theirs)).result == ["other", 2]
        assert [job.tenant for job in await jobs.list(OTHER)] == [OTHER]
        only = await jobs.start("scripted", 3, tenant=OTHER, id="only")
        for call in (jobs.get, jobs.cancel, jobs.resume):
            with pytest.raises(NotFound, match="There is no job 'only'"):
                await call(only.id, tenant=DEFAULT_TENANT)
        with pytest.raises(NotFound):
            await events(jobs, Job(only.id, DEFAULT_TENANT, "", "", only.state, only.created_at))


async def test_jobs_are_listed_newest_first_by_work_and_state(options: DurableOptions) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        if argument == 1:
            raise Unreadable("The file is torn.")
        return None

    works = [Scripted(body), Scripted(body, "second")]
    async with open_durable(options, works=works) as jobs:
        for number in range(3):
            job = await jobs.start("scripted", number, tenant=DEFAULT_TENANT, id=f"j{number}")
            await done(jobs, job)
        last = await done(jobs, await jobs.start("second", 0, tenant=DEFAULT_TENANT, id="s"))

        async def ids(**page: object) -> list[str]:
            return [job.id for job in await jobs.list(DEFAULT_TENANT, Page(**page))]  # type: ignore[arg-type]

        assert sorted(await ids()) == ["j0", "j1", "j2", "s"]
        assert await ids(work="second") == [last.id]
        assert await ids(states=(State.FAILED,)) == ["j1"]
        assert len(await ids(limit=2)) == 2
        assert set(await ids(limit=2)) | set(await ids(limit=2, offset=2)) == set(await ids())


async def test_a_step_is_tried_again_while_its_error_may_pass(sqlite: DurableOptions) -> None:
    tries: list[str] = []

    async def body(steps: Steps, argument: JSON) -> JSON:
        async def passing() -> JSON:
            tries.append("passing")
            if len(tries) < 3:
                raise Unavailable("The server is busy.")
            return len(tries)

        async def lasting() -> JSON:
            tries.append("lasting")
            raise Unreadable("The file is torn.")

        async def wrong() -> JSON:
            tries.append("wrong")
            raise KeyError("secret")

        found = [await steps.step("passing", passing, retry=AGAIN)]
        for call in (lasting, wrong):
            try:
                await steps.step("failing", call, retry=AGAIN)
            except WorkFailed as error:
                found.append([error.failure, error.message])
        return found

    async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
        job = await done(jobs, await jobs.start("scripted", None, tenant=DEFAULT_TENANT))
    assert job.result == [
        3,
        ["unreadable", "The file is torn."],
        ["internal_error", "KeyError in step 'failing'."],
    ]
    assert tries == ["passing", "passing", "passing", "lasting", "wrong"]


@pytest.mark.parametrize(
    ("call", "failure"),
    [
        ("busy", Failure("unavailable", "The server is busy.")),
        ("slow", Failure("timeout", "The step 'slow' did not end within 0.05 seconds.")),
        ("bytes", Failure("invalid_input", "The result of the step 'bytes' cannot be kept as JSON:")),
        ("long", Failure("too_large", "The result of the step 'long' is 2,002 bytes of JSON;")),
    ],
)  # fmt: skip
async def test_a_step_that_fails_for_good_fails_the_job_with_its_code(
    sqlite: DurableOptions, call: str, failure: Failure
) -> None:
    async def busy() -> JSON:
        raise Unavailable("The server is busy.")

    async def slow() -> JSON:
        await asyncio.sleep(SECONDS)
        return None

    async def binary() -> JSON:
        return b"bytes"  # type: ignore[return-value]

    async def long() -> JSON:
        return "x" * 2_000

    calls = {"busy": busy, "slow": slow, "bytes": binary, "long": long}

    async def body(steps: Steps, argument: JSON) -> JSON:
        seconds = 0.05 if call == "slow" else SECONDS
        return await steps.step(call, calls[call], retry=ONCE, seconds=seconds)

    async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
        job = await done(jobs, await jobs.start("scripted", None, tenant=DEFAULT_TENANT))
    assert job.state is State.FAILED
    assert job.failure is not None
    assert job.failure.code == failure.code
    assert job.failure.message.startswith(failure.message)


async def test_a_fault_of_the_work_itself_fails_the_job_without_its_words(
    sqlite: DurableOptions, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        raise ZeroDivisionError("private words")

    with caplog.at_level(logging.INFO, logger="bedplate"):
        async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
            job = await done(jobs, await jobs.start("scripted", None, tenant=DEFAULT_TENANT))
    assert job.failure == Failure("internal_error", "ZeroDivisionError outside a step.")
    ended = [r for r in caplog.records if r.message == "work ended"]
    assert [(r.work, r.end) for r in ended] == [("scripted", "internal_error")]  # type: ignore[attr-defined]
    assert not [r for r in caplog.records if r.name.startswith("dbos")]


async def test_events_of_steps_come_while_the_job_runs_and_are_bounded(
    sqlite: DurableOptions,
) -> None:
    seen = asyncio.Event()

    async def body(steps: Steps, argument: JSON) -> JSON:
        async def work() -> JSON:
            await steps.emit("half")
            await seen.wait()
            return None

        await steps.step("work", work)
        for number in range(3):
            await steps.emit(number)
        return None

    async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
        job = await jobs.start("scripted", None, tenant=DEFAULT_TENANT)
        got: list[JSON] = []
        async with asyncio.timeout(SECONDS):
            async for event in jobs.tail(job.id, tenant=DEFAULT_TENANT):
                got.append(event.value)
                seen.set()
        assert got == ["half", 0, 1]
        ended = await done(jobs, job)
        assert ended.failure == Failure("too_large", "A job has at most 3 events: emit fewer.")


async def test_a_cancelled_job_stops_in_its_step_and_goes_on_when_resumed(
    options: DurableOptions,
) -> None:
    gate = Gate()
    async with open_durable(options, works=[gate]) as jobs:
        job = await jobs.start("gate", None, tenant=DEFAULT_TENANT, id="held")
        with pytest.raises(Conflict, match="only a cancelled or abandoned one"):
            await jobs.resume(job.id, tenant=DEFAULT_TENANT)
        await gate.holds()
        assert (await jobs.cancel(job.id, tenant=DEFAULT_TENANT)).state is State.CANCELLED
        await gate.holds(0)
        gate.open.set()
        await jobs.resume(job.id, tenant=DEFAULT_TENANT)
        ended = await done(jobs, job)
        assert (ended.state, ended.result) == (State.SUCCEEDED, "through")
        assert (await jobs.cancel(job.id, tenant=DEFAULT_TENANT)).state is State.SUCCEEDED
        with pytest.raises(Conflict, match="is succeeded"):
            await jobs.resume(job.id, tenant=DEFAULT_TENANT)


async def test_work_over_its_time_is_cancelled(sqlite: DurableOptions) -> None:
    gate = Gate()
    async with open_durable(sqlite, works=[gate]) as jobs:
        job = await jobs.start("gate", None, tenant=DEFAULT_TENANT, seconds=0.2)
        assert (await done(jobs, job)).state is State.CANCELLED


async def test_a_queue_runs_so_many_at_once_and_refuses_what_is_over_its_length(
    options: DurableOptions,
) -> None:
    gate = Gate()
    queue = Queue("narrow", per_process=2, length=3)
    async with open_durable(options, works=[gate], queues=[queue]) as jobs:

        async def start(id: str) -> Job:
            return await jobs.start("gate", None, tenant=DEFAULT_TENANT, id=id, queue="narrow")

        started = [await start("a"), await start("b")]
        await gate.holds(2)
        started += [await start(id) for id in "cde"]
        with pytest.raises(Busy, match="The queue 'narrow' is full: 3 jobs wait"):
            await start("f")
        assert (await start("e")).state is State.WAITING
        with pytest.raises(NotFound):
            await jobs.get(WorkId("f"), tenant=DEFAULT_TENANT)
        gate.open.set()
        assert [(await done(jobs, job)).result for job in started] == ["through"] * 5
        assert gate.most == 2
        await start("f")


async def test_starts_at_the_same_moment_do_not_exceed_the_length_together(
    sqlite: DurableOptions,
) -> None:
    async with open_durable(sqlite, queues=[Queue(length=5)]) as jobs:
        starts = (jobs.start("any", n, tenant=DEFAULT_TENANT) for n in range(20))
        ends = await asyncio.gather(*starts, return_exceptions=True)
        assert [type(end) for end in ends].count(Busy) == 15
        assert len(await jobs.list(DEFAULT_TENANT)) == 5


async def test_a_job_is_taken_up_as_soon_as_it_was_started(options: DurableOptions) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        return argument

    seldom = options.model_copy(update={"poll_seconds": 60.0})
    async with open_durable(seldom, works=[Scripted(body)]) as jobs:
        for number in range(3):
            job = await jobs.start("scripted", number, tenant=DEFAULT_TENANT)
            assert (await done(jobs, job)).result == number


async def test_a_job_that_another_process_started_is_found(options: DurableOptions) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        return argument

    async with open_durable(options, works=[Scripted(body)]) as jobs:
        # Nothing is told here of what is started with it, as of what others start.
        other = Jobs("other", ["scripted"], [Queue()], max_bytes=1_000, ring=lambda _queue: None)
        job = await other.start("scripted", 7, tenant=DEFAULT_TENANT)
        other.close()
        assert (await done(jobs, job)).result == 7


async def test_a_queue_with_a_rate_starts_no_more_than_it_allows(sqlite: DurableOptions) -> None:
    gate = Gate()
    queue = Queue(rate=(2, 3600.0))
    async with open_durable(sqlite, works=[gate], queues=[queue]) as jobs:
        for _ in range(4):
            await jobs.start("gate", None, tenant=DEFAULT_TENANT)
        await gate.holds(2)
        # Several more looks into the queue.
        await asyncio.sleep(1)
        assert gate.inside == 2


async def test_work_that_is_cut_off_by_closing_is_done_after_opening_again(
    options: DurableOptions,
) -> None:
    before: list[int] = []
    gate = Gate()

    async def body(steps: Steps, argument: JSON) -> JSON:
        async def once() -> JSON:
            before.append(1)
            return "kept"

        return [await steps.step("once", once), await gate.run(steps, None)]

    async with open_durable(options, works=[Scripted(body)]) as jobs:
        job = await jobs.start("scripted", None, tenant=DEFAULT_TENANT)
        await gate.holds()
    assert gate.inside == 0
    gate.open.set()
    async with open_durable(options, works=[Scripted(body)]) as jobs:
        assert (await done(jobs, job)).result == ["kept", "through"]
    assert before == [1]


async def test_work_that_is_cut_off_too_often_is_abandoned_until_it_is_resumed(
    tmp_path: Path,
) -> None:
    options = DurableOptions(dir=tmp_path, stop_seconds=0, attempts=1)
    gate = Gate()
    for _ in range(2):
        async with open_durable(options, works=[gate]) as jobs:
            job = await jobs.start("gate", None, tenant=DEFAULT_TENANT, id="deadly")
            await gate.holds()
    async with open_durable(options, works=[gate]) as jobs:
        assert (await done(jobs, job)).state is State.ABANDONED
        assert gate.inside == 0
        gate.open.set()
        await jobs.resume(job.id, tenant=DEFAULT_TENANT)
        assert (await done(jobs, job)).result == "through"


async def test_a_failed_step_fails_in_the_same_way_when_it_is_replayed(
    sqlite: DurableOptions,
) -> None:
    gate = Gate()
    tries: list[int] = []
    caught: list[str] = []

    async def body(steps: Steps, argument: JSON) -> JSON:
        async def torn() -> JSON:
            tries.append(1)
            raise Unreadable("The file is torn.")

        try:
            await steps.step("torn", torn)
        except WorkFailed as error:
            caught.append(f"{error.failure}: {error.message}")
        return await gate.run(steps, None)

    async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
        job = await jobs.start("scripted", None, tenant=DEFAULT_TENANT)
        await gate.holds()
    gate.open.set()
    async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
        assert (await done(jobs, job)).state is State.SUCCEEDED
    assert tries == [1]
    assert caught == ["unreadable: The file is torn."] * 2


async def test_work_that_was_changed_while_it_was_under_way_says_so(
    sqlite: DurableOptions,
) -> None:
    gate = Gate()

    async def before(steps: Steps, argument: JSON) -> JSON:
        async def call() -> JSON:
            return None

        await steps.step("first", call)
        return await gate.run(steps, None)

    async def after(steps: Steps, argument: JSON) -> JSON:
        async def call() -> JSON:
            return None

        return await steps.step("renamed", call)

    async with open_durable(sqlite, works=[Scripted(before)]) as jobs:
        job = await jobs.start("scripted", None, tenant=DEFAULT_TENANT)
        await gate.holds()
    async with open_durable(sqlite, works=[Scripted(after)]) as jobs:
        ended = await done(jobs, job)
    assert ended.failure is not None
    assert ended.failure.code == "work_changed"


async def test_work_starts_other_work_from_a_step(sqlite: DurableOptions) -> None:
    opened: list[Jobs] = []

    async def outer(steps: Steps, argument: JSON) -> JSON:
        async def start() -> JSON:
            job = await opened[0].start("inner", 5, tenant=steps.tenant, id=f"{steps.job}-inner")
            return job.id

        return await steps.step("start", start)

    async def inner(steps: Steps, argument: JSON) -> JSON:
        return argument

    works = [Scripted(outer), Scripted(inner, "inner")]
    async with open_durable(sqlite, works=works) as jobs:
        opened.append(jobs)
        job = await done(jobs, await jobs.start("scripted", None, tenant=DEFAULT_TENANT, id="o"))
        assert job.result == "o-inner"
        assert (
            await done(jobs, await jobs.get(WorkId("o-inner"), tenant=DEFAULT_TENANT))
        ).result == 5


async def test_scheduled_work_is_started_under_the_id_of_its_time(sqlite: DurableOptions) -> None:
    async def body(steps: Steps, argument: JSON) -> JSON:
        return [steps.job, argument]

    schedule = Schedule("tick", "scripted", OTHER, argument={"n": 1}, every=timedelta(seconds=1))
    async with open_durable(sqlite, works=[Scripted(body)], schedules=[schedule]) as jobs:
        for _ in range(SECONDS * 20):
            if len(found := await jobs.list(OTHER)) > 1:
                break
            await asyncio.sleep(0.05)
        assert len(found) > 1
        ended = await done(jobs, found[-1])
        assert ended.result == [ended.id, {"n": 1}]
        assert ended.id.startswith("tick@20")


async def test_a_schedule_whose_queue_is_full_holds_up_no_other(sqlite: DurableOptions) -> None:
    gate = Gate()
    second = timedelta(seconds=1)
    schedules = [
        Schedule("a", "gate", OTHER, every=second, queue="full"),
        Schedule("b", "gate", OTHER, every=second),
    ]
    queues = [Queue("full", per_process=1, length=1), Queue()]
    async with open_durable(sqlite, works=[gate], queues=queues, schedules=schedules) as jobs:
        for id in "xyz":
            try:
                await jobs.start("gate", None, tenant=DEFAULT_TENANT, id=id, queue="full")
            except Busy:
                break
            await gate.holds()
        for _ in range(SECONDS * 20):
            started = {job.id[:2] for job in await jobs.list(OTHER)}
            if "b@" in started:
                break
            await asyncio.sleep(0.05)
        assert "b@" in started
        assert gate.most <= 1 + Queue().per_process


async def test_old_jobs_are_deleted_and_those_under_way_are_not(options: DurableOptions) -> None:
    gate = Gate()

    async def body(steps: Steps, argument: JSON) -> JSON:
        await steps.emit("event")
        return None

    async with open_durable(options, works=[Scripted(body), gate]) as jobs:
        held = await jobs.start("gate", None, tenant=DEFAULT_TENANT)
        old = await done(jobs, await jobs.start("scripted", None, tenant=DEFAULT_TENANT))
        assert await jobs.prune(timedelta(hours=1)) == 0
        assert await jobs.prune(timedelta(seconds=-5)) == 1
        assert [job.id for job in await jobs.list(DEFAULT_TENANT)] == [held.id]
        with pytest.raises(NotFound):
            await jobs.get(old.id, tenant=DEFAULT_TENANT)


async def test_bad_starts_are_refused(sqlite: DurableOptions) -> None:
    async with open_durable(sqlite, works=[Gate(), Scripted(Gate().run)]) as jobs:
        await jobs.start("gate", None, tenant=DEFAULT_TENANT, id="taken")
        with pytest.raises(Conflict, match="is 'gate' already, not 'scripted'"):
            await jobs.start("scripted", None, tenant=DEFAULT_TENANT, id="taken")
        with pytest.raises(InvalidInput, match=r"no work 'gaet'. Known: gate, scripted"):
            await jobs.start("gaet", None, tenant=DEFAULT_TENANT)
        with pytest.raises(InvalidInput, match="no queue 'fast'"):
            await jobs.start("gate", None, tenant=DEFAULT_TENANT, queue="fast")
        with pytest.raises(TooLarge, match="The argument is"):
            await jobs.start("gate", "x" * 2_000, tenant=DEFAULT_TENANT)
        with pytest.raises(Unavailable, match="has not ended within 0.01 seconds"):
            await wait(jobs, WorkId("taken"), tenant=DEFAULT_TENANT, seconds=0.01)


async def test_it_is_open_once_in_a_process_and_leaves_the_loop_as_it_was(
    sqlite: DurableOptions, tmp_path: Path
) -> None:
    async with open_durable(sqlite, works=[Gate()]) as jobs:
        with pytest.raises(ConfigError, match="open in this process already"):
            async with open_durable(DurableOptions(dir=tmp_path / "other")):
                pass
        await jobs.start("gate", None, tenant=DEFAULT_TENANT)
    assert await asyncio.to_thread(lambda: "threads are there") == "threads are there"


async def test_the_error_of_a_block_leaves_it_as_it_is(sqlite: DurableOptions) -> None:
    with pytest.raises(Unreadable, match="torn"):
        async with open_durable(sqlite):
            raise Unreadable("The file is torn.")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        async with open_durable(DurableOptions(dir=tmp_path / "file" / "data")):
            pass


@pytest.mark.parametrize(
    ("queues", "schedule", "words"),
    [
        ([Queue(), Queue()], None, "Two queues have the same name"),
        ([Queue(length=0)], None, "bounds of at least 1"),
        ([Queue()], Schedule("s", "gate", DEFAULT_TENANT, queue="q", cron="* * * * *"), "no queue"),
        ([Queue()], Schedule("s", "w", DEFAULT_TENANT, cron="* * * * *"), "names no work"),
    ],
)
async def test_what_could_never_run_is_refused_at_the_start(
    sqlite: DurableOptions, queues: list[Queue], schedule: Schedule | None, words: str
) -> None:
    schedules = [schedule] if schedule else []
    with pytest.raises(ConfigError, match=words):
        async with open_durable(sqlite, works=[Gate()], queues=queues, schedules=schedules):
            pass


async def test_a_silence_of_hardly_more_than_a_beat_is_no_death(tmp_path: Path) -> None:
    options = DurableOptions(dir=tmp_path, beat_seconds=5, dead_seconds=14)
    with pytest.raises(ConfigError, match="dead_seconds is 14: give it at least 15"):
        async with open_durable(options):
            pass


async def test_a_tail_that_is_left_early_leaves_nothing_open(sqlite: DurableOptions) -> None:
    gate = Gate()

    async def body(steps: Steps, argument: JSON) -> JSON:
        await steps.emit(1)
        return await gate.run(steps, None)

    async with open_durable(sqlite, works=[Scripted(body)]) as jobs:
        job = await jobs.start("scripted", None, tenant=DEFAULT_TENANT)
        tail: AsyncIterator[Event] = jobs.tail(job.id, tenant=DEFAULT_TENANT)
        async with aclosing(tail), asyncio.timeout(SECONDS):  # type: ignore[type-var]
            assert await anext(tail) == Event(0, 1)
