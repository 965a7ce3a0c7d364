"""A rescrub as durable work: one step, as it is made good by running it again."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from bedplate.domain.retrieval import Scope
from bedplate.durable.protocol import JSON, ONCE, Durable, Job, Queue, Steps
from bedplate.ingest.fill import Headway
from bedplate.ingest.rescrub import Rescrub, Rescrubbed

WORK = QUEUE = "rescrub"

EVENT_SECONDS = 1.0
"""Between two events, so that a long run stays within the bound on events."""


def rescrub_queue(*, waiting: int) -> Queue:
    """One runs in each process, `waiting` may wait."""
    return Queue(QUEUE, concurrency=16, per_process=1, length=waiting)


class RescrubWork:
    """See Work. Its events are the progress."""

    name = WORK

    def __init__(self, rescrub: Rescrub, *, seconds: float) -> None:
        self._rescrub = rescrub
        self._seconds = seconds

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        name = str(cast(Mapping[str, Any], argument)["collection"])
        scope = Scope(steps.tenant, name)

        async def once() -> JSON:
            progress = _Progress(steps)
            try:
                async with asyncio.TaskGroup() as tasks:
                    telling = tasks.create_task(progress.tell())
                    try:
                        done = await self._rescrub.run(scope, advance=progress.note)
                    finally:
                        telling.cancel()
            except ExceptionGroup as group:
                raise group.exceptions[0] from group
            return as_json(done)

        return await steps.step("rescrub", once, retry=ONCE, seconds=self._seconds)


class _Progress:
    """What is told from time to time of the state last noted."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._now: Headway | None = None

    def note(self, now: Headway) -> None:
        self._now = now

    async def tell(self) -> None:
        while True:
            await asyncio.sleep(EVENT_SECONDS)
            now, self._now = self._now, None
            if now is not None:
                total = now.collection.documents
                await self._steps.emit({"done": min(now.documents, total), "total": total})


async def start_rescrub(jobs: Durable, scope: Scope, *, seconds: float) -> Job:
    """The job that will do it; Busy where too many wait."""
    return await jobs.start(
        WORK,
        {"collection": scope.collection},
        tenant=scope.tenant,
        queue=QUEUE,
        seconds=seconds,
    )


def as_json(done: Rescrubbed) -> dict[str, Any]:
    return {
        "collection": done.collection,
        "documents": done.documents,
        "changed": done.changed,
        "embedded": done.embedded,
        "redactions": dict(sorted(done.redactions.items())),
        "snapshots": done.snapshots,
        "left": done.left,
        "seconds": done.seconds,
    }
