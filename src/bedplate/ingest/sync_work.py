"""A sync as durable work: queued, bounded, and gone on with after a crash.

It is one step, which may be run again: a sync takes up what is in the catalog's tables, so that a
journal of its parts would say the same a second time.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from bedplate.domain.ids import TenantId
from bedplate.domain.sources import Sync
from bedplate.durable.protocol import JSON, ONCE, Durable, Job, Page, Queue, State, Steps
from bedplate.errors import Conflict
from bedplate.ingest.sync import SyncProgress, SyncRequest, SyncSource

WORK = QUEUE = "sync"
EVERYWHERE = 64
"""Syncs that run at once over all processes; each has a lower bound of its own."""

EVENT_SECONDS = 1.0
"""Between two events of a sync, so that a long one stays within the bound on events."""

MOST_ACTIVE = 10_000


def sync_queue(*, at_once: int, waiting: int) -> Queue:
    """`at_once` run in each process, `waiting` may wait."""
    return Queue(QUEUE, concurrency=max(at_once, EVERYWHERE), per_process=at_once, length=waiting)


class SyncWork:
    """See Work. Its events are the progress; its argument is as `SyncJobs` writes it."""

    name = WORK

    def __init__(self, sync: SyncSource, *, seconds: float) -> None:
        self._sync = sync
        self._seconds = seconds

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        asked = dict(cast(Mapping[str, Any], argument))
        request = SyncRequest(steps.tenant, id=asked.pop("sync"), **asked)
        clock = asyncio.get_running_loop().time
        next_event = 0.0

        async def tell(now: SyncProgress) -> None:
            nonlocal next_event
            if clock() >= next_event:
                next_event = clock() + EVENT_SECONDS
                await steps.emit(
                    {"phase": now.phase, "done": now.done, "total": now.total,
                     "counts": asdict(now.counts)}
                )  # fmt: skip

        async def once() -> JSON:
            return _result(request, await self._sync.run(request, progress=tell))

        return await steps.step("sync", once, retry=ONCE, seconds=self._seconds)


class SyncJobs:
    """Starts syncs as jobs, of which each has the id that its source and a key make."""

    def __init__(self, jobs: Durable, *, seconds: float) -> None:
        self._jobs = jobs
        self._seconds = seconds

    async def start(self, request: SyncRequest, key: str) -> Job:
        """The job that syncs so, or the one that was started under this key of the source before.

        Raises:
            Busy: too many wait.
            Conflict: another sync was asked for under this key.
        """
        argument = {
            "name": request.name,
            "allow_shrink": request.allow_shrink,
            "complete": request.complete,
            "afresh": request.afresh,
            "sync": request.id,
        }
        job = await self._jobs.start(
            WORK,
            argument,
            tenant=request.tenant,
            id=f"{_prefix(request.name)}{key}",
            queue=QUEUE,
            seconds=self._seconds,
        )
        if {**_argument(job), "sync": request.id} != argument:
            raise Conflict(f"Another sync of {request.name!r} was asked for under this key before.")
        return job

    async def are_active(self, tenant: TenantId, names: set[str]) -> set[str]:
        """Those of the sources that have a job which waits or runs."""
        page = Page(work=WORK, states=(State.WAITING, State.RUNNING), limit=MOST_ACTIVE)
        found = tuple(str(job.id) for job in await self._jobs.list(tenant, page))
        return {name for name in names if any(id.startswith(_prefix(name)) for id in found)}


def sync_of(job: Job) -> str:
    """The id of the sync that the job is."""
    return str(_argument(job)["sync"])


def _argument(job: Job) -> dict[str, Any]:
    return dict(cast(Mapping[str, Any], job.argument))


def _prefix(name: str) -> str:
    """A name may hold what a job's id cannot, and be as long."""
    return f"sync-{hashlib.sha256(name.encode()).hexdigest()[:16]}-"


def _result(request: SyncRequest, sync: Sync) -> JSON:
    return {
        "source": request.name,
        "sync": sync.id,
        "status": sync.status,
        "complete": sync.complete,
        "counts": asdict(sync.counts),
    }
