"""When pushed documents are indexed: soon after the last of several, and not too long after the first."""

import asyncio
import logging
from dataclasses import dataclass, replace

from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import Backlog
from bedplate.durable.again import again
from bedplate.errors import BedplateError, NotFound
from bedplate.ingest.sync import SyncRequest
from bedplate.ingest.sync_work import SyncJobs
from bedplate.state.protocol import Catalog

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
GAP_SECONDS = 5.0
"""Least time between two syncs of one source: each is a job, and jobs are kept for a while."""

REST_SECONDS = 10.0
LONGEST_REST_SECONDS = 600.0
"""After a sync that failed, or left something; each one after it doubles the rest."""

SETTLE_SECONDS = 10.0
"""Between two times that a sync under way is relieved of what it has indexed."""

Key = tuple[TenantId, str]


@dataclass(frozen=True, slots=True)
class _Watch:
    """A source with a backlog, on the loop's steady clock.

    `first` is when it was first seen since its last sync, which is `after`; `news` is when its
    sequence last changed, and `began` when its job was last started. `rests` counts the syncs in a row
    that left something; `attempt` the jobs of this turn.
    """

    sequence: int
    after: str | None
    first: float
    news: float
    began: float
    not_before: float = 0.0
    attempt: int = 1
    rests: int = 0
    settled: float = 0.0


class PushSyncs:
    """Starts syncs of sources that documents were pushed to; any number of processes may run it.

    A turn is named by what the catalog says, the sequence and the last sync, and a name is started
    once. So what a sync left, or was pushed while it ran, is another turn. Nothing is lost with the
    process: the backlog is in the catalog.
    """

    def __init__(
        self, catalog: Catalog, jobs: SyncJobs, *, quiet_seconds: float, longest_seconds: float
    ) -> None:
        self._catalog = catalog
        self._jobs = jobs
        self._quiet = quiet_seconds
        self._longest = longest_seconds
        self._watches: dict[Key, _Watch] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        await again("pushed documents", self.start_due, TICK_SECONDS)

    async def start_due(self) -> None:
        """Start the syncs that are due now."""
        now = asyncio.get_running_loop().time()
        found = {
            (each.tenant, each.source): each for each in await self._catalog.pushed_rows.backlog()
        }
        self._watches = {
            key: self._watched(self._watches.get(key), each, now) for key, each in found.items()
        }
        due = [key for key, watch in self._watches.items() if self._is_due(watch, now)]
        for tenant in {tenant for tenant, _ in due}:
            names = {name for of, name in due if of == tenant}
            active = await self._jobs.are_active(tenant, names)
            for name in names & active:
                await self._relieve((tenant, name), now)
            for name in sorted(names - active):
                await self._start((tenant, name), now)

    def _watched(self, watch: _Watch | None, seen: Backlog, now: float) -> _Watch:
        if watch is None:
            return _Watch(seen.sequence, seen.last, first=now, news=now, began=now)
        if seen.sequence != watch.sequence:
            watch = replace(watch, sequence=seen.sequence, news=now)
        if seen.last == watch.after:
            return watch
        # A sync came between, and could have seen to all that was pushed before it began.
        left = seen.last_failed or watch.news <= watch.began
        rests = watch.rests + 1 if left else 0
        until = now + _rest(rests)
        return replace(watch, after=seen.last, first=now, attempt=1, rests=rests, not_before=until)

    def _is_due(self, watch: _Watch, now: float) -> bool:
        waited = now - watch.news >= self._quiet or now - watch.first >= self._longest
        return waited and now >= watch.not_before

    async def _start(self, key: Key, now: float) -> None:
        watch = self._watches[key]
        turn = f"push-{watch.sequence}-{watch.after or 'first'}"
        name = turn if watch.attempt == 1 else f"{turn}-{watch.attempt}"
        try:
            job = await self._jobs.start(SyncRequest(*key), name)
        except BedplateError as error:
            facts = {"source": key[1], "code": error.code, "error": error.message}
            logger.warning("sync not started", extra=facts)
            self._watches[key] = replace(watch, not_before=now + REST_SECONDS)
            return
        if job.state.ended:
            # It left no sync, so it failed before it began.
            rest, attempt = _rest(watch.attempt), watch.attempt + 1
        else:
            rest, attempt = GAP_SECONDS, watch.attempt
        self._watches[key] = replace(watch, attempt=attempt, began=now, not_before=now + rest)

    async def _relieve(self, key: Key, now: float) -> None:
        """Drop the contents that a sync under way has indexed, so that more can be taken."""
        watch = self._watches[key]
        if now - watch.settled < SETTLE_SECONDS:
            return
        self._watches[key] = replace(watch, settled=now)
        try:
            await self._catalog.pushed_rows.settle(*key, judged=None)
        except NotFound:
            # It was removed meanwhile.
            return


def _rest(times: int) -> float:
    """How long a source is left alone after so many failures in a row."""
    return min(REST_SECONDS * 2 ** min(times - 1, 16), LONGEST_REST_SECONDS) if times else 0.0
