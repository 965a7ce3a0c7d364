"""Durable work, opened: its database, its processes' list, its queues, its watch."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from dbos import DBOS
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bedplate.domain.ids import new_id
from bedplate.durable import PLACES
from bedplate.durable.engine import launched
from bedplate.durable.hand_out import UNASKED_SECONDS, HandOut
from bedplate.durable.jobs import VERSION, Jobs
from bedplate.durable.protocol import Queue, Schedule, Work
from bedplate.durable.running import Running
from bedplate.durable.schedules import Clock
from bedplate.durable.watch import Watch
from bedplate.errors import ConfigError

BEATS = 3
"""How many may be missed at least before a process counts as dead."""


class DurableOptions(BaseModel):
    """`dir` holds the file where `database` names no PostgreSQL database."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dir: Path
    database: SecretStr | None = None
    attempts: int = Field(default=100, gt=0)
    """How often a job is taken up again, after a crash or a restart, before it is abandoned."""
    keep_days: float = Field(default=30.0, gt=0)
    """How long a job that ended is kept."""
    max_bytes: int = Field(default=1024 * 1024, gt=0)
    """Of an argument, a result or an event."""
    max_events: int = Field(default=100_000, gt=0)
    beat_seconds: float = Field(default=5.0, gt=0)
    dead_seconds: float = Field(default=30.0, gt=0)
    """After which silence a process is given up; with a SQLite file its death is seen at once."""
    poll_seconds: float = Field(default=0.5, gt=0)
    """Between two looks for jobs that other processes put into the queues, or that had to wait."""
    stop_seconds: float = Field(default=5.0, ge=0)
    """How long closing waits for running work, before it is cut off to be resumed later."""


@asynccontextmanager
async def open_durable(
    options: DurableOptions,
    *,
    works: Sequence[Work] = (),
    queues: Sequence[Queue] = (Queue(),),
    schedules: Sequence[Schedule] = (),
) -> AsyncGenerator[Jobs]:
    """Open what was started and go on with it. Without `works`, the process only starts and looks.

    Raises:
        ConfigError: a schedule that cannot fire, two of a name, bounds that cannot be kept, or
            open in this process already.
        StorageError: the file or the database cannot be used.
    """
    _check(works, queues, schedules)
    if options.dead_seconds < (least := BEATS * options.beat_seconds):
        raise ConfigError(
            f"dead_seconds is {options.dead_seconds:g}: give it at least {least:g}, "
            f"{BEATS} times beat_seconds."
        )
    clock = Clock(schedules, datetime.now(UTC))
    node = new_id()
    kind, database = "sqlite", ""
    if options.database is not None:
        kind, database = "postgres", options.database.get_secret_value()
    running = Running(max_bytes=options.max_bytes, max_events=options.max_events)
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(
            PLACES.load(kind)(options.dir, database, node, dead_seconds=options.dead_seconds)
        )
        dbos = await stack.enter_async_context(
            launched(
                place,
                node,
                version=VERSION,
                entries={work.name: running.entry(work) for work in works},
                attempts=options.attempts,
                stop=partial(running.close, options.stop_seconds),
            )
        )
        listened = [queue.name for queue in queues] if works else []
        hand_out = HandOut(dbos, listened, options.poll_seconds)
        jobs = Jobs(
            place.shown,
            [work.name for work in works],
            queues,
            max_bytes=options.max_bytes,
            ring=hand_out.ring,
        )
        stack.callback(jobs.close)
        for queue in queues:
            await jobs.call(partial(_register, queue))
        stack.push_async_callback(jobs.call, hand_out.join)
        stack.callback(hand_out.stop)
        await jobs.call(hand_out.start)
        watch = Watch(
            jobs,
            place.nodes,
            clock,
            beat_seconds=options.beat_seconds,
            keep=timedelta(days=options.keep_days),
        )
        await stack.enter_async_context(_beside(watch))
        yield jobs


@asynccontextmanager
async def _beside(watch: Watch) -> AsyncGenerator[None]:
    """The watch runs meanwhile. The error of the block leaves as it is, not in the task group's."""
    failed: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch.run())
        try:
            yield
        except BaseException as error:  # noqa: BLE001
            failed = error
        task.cancel()
    if failed is not None:
        raise failed


def _check(works: Sequence[Work], queues: Sequence[Queue], schedules: Sequence[Schedule]) -> None:
    for kind, names in (("works", [w.name for w in works]), ("queues", [q.name for q in queues])):
        if len(set(names)) < len(names):
            raise ConfigError(f"Two {kind} have the same name among {', '.join(names)}.")
    for queue in queues:
        if min(queue.concurrency, queue.per_process, queue.length) < 1:
            raise ConfigError(f"The queue {queue.name!r} needs bounds of at least 1.")
    for schedule in schedules:
        if schedule.queue not in {queue.name for queue in queues}:
            raise ConfigError(f"The schedule {schedule.name!r} names no queue of these.")
        if schedule.work not in {work.name for work in works}:
            raise ConfigError(f"The schedule {schedule.name!r} names no work of these.")


def _register(queue: Queue) -> None:
    DBOS.register_queue(
        queue.name,
        global_concurrency=queue.concurrency,
        worker_concurrency=min(queue.per_process, queue.concurrency),
        limiter={"limit": queue.rate[0], "period": queue.rate[1]} if queue.rate else None,
        polling_interval_sec=UNASKED_SECONDS,
        on_conflict="always_update",
    )
