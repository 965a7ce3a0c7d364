"""Responses that are made while nobody waits, each bounded in time, so many at once.

What is told is kept in a log that any process can read. A process that dies leaves its responses
without a sign of life; another one, or the same after its restart, then marks them as failed. They
are not begun anew: their tokens are paid for, and what was told of them stands.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from bedplate.domain.ids import TenantId
from bedplate.errors import BedplateError, Busy, InvalidInput, NotFound, UpstreamTimeout
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.items import Item
from bedplate.responses.keeping import response_of, stored_response
from bedplate.responses.response import ENDED, Response, ResponseError, failure_of
from bedplate.responses.shown import Include, shown
from bedplate.transcripts.protocol import Transcripts

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
BEAT_SECONDS = 5.0
"""How often a process shows that it lives, and looks for what others left."""

LOG_SECONDS = 0.05
"""So long events are gathered before they are kept."""

POLL_SECONDS = 0.5
"""How often a reader looks for events that another process keeps."""

FORGET_SECONDS = 3_600.0
MOST_TOLD = 500
MOST_ORPHANS = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """How many are made at once and how many may wait, and what is kept how long."""

    at_once: int
    waiting: int
    seconds: float
    keep_days: float
    most: int


@dataclass(frozen=True, slots=True)
class Job:
    """A response to make: `events` are its draft's, not begun yet; `include` is what they show."""

    tenant: TenantId
    draft: Draft
    events: AsyncGenerator[Event]
    input: Sequence[Item]
    include: Include

    @property
    def id(self) -> str:
        return self.draft.response.id


@dataclass(slots=True)
class _Log:
    """Events on their way into the log."""

    include: Include
    waiting: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    some: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: Event) -> None:
        self.waiting.append(logged(event, self.include))
        self.some.set()


class Background:
    def __init__(self, transcripts: Transcripts, limits: Limits, tasks: asyncio.TaskGroup) -> None:
        self._transcripts = transcripts
        self._limits = limits
        self._tasks = tasks
        self._room = asyncio.Semaphore(limits.at_once)
        self._running: dict[tuple[TenantId, str], asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}

    @property
    def working(self) -> int:
        """How many this process makes, or has waiting."""
        return len(self._running)

    async def start(self, job: Job) -> Response:
        """Make it, beside others; it is kept, with its first events, when this returns.

        Busy where too many wait.
        """
        if len(self._running) >= self._limits.at_once + self._limits.waiting:
            raise Busy(
                f"{len(self._running)} responses are made in the background or wait for it, as "
                "many as responses.background_at_once and responses.background_waiting allow: "
                "try again.",
                retry_after=BEAT_SECONDS,
            )
        first = _Log(job.include)
        for event in job.draft.queue():
            first.add(event)
        queued = stored_response(job.tenant, job.draft.response, job.input)
        await self._transcripts.responses.put(queued, lease=_lease())
        await self._transcripts.background.log(job.tenant, job.id, first.waiting)
        key = (job.tenant, job.id)
        task = self._tasks.create_task(self._run(job))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return job.draft.response

    async def cancel(self, tenant: TenantId, id: str) -> Response:
        """The response, cut short; one that has ended as it is.

        Raises:
            NotFound: the tenant has none of that id.
            InvalidInput: it was not made in the background.
        """
        stored = await self._transcripts.responses.get(tenant, id)
        response = response_of(stored)
        if not stored.background:
            raise InvalidInput(
                f"Response {id!r} was not made in the background, so it cannot be cancelled."
            )
        if response.status not in ENDED:
            cut = msgspec.structs.replace(response, status="cancelled")
            await self._transcripts.responses.put(stored_response(tenant, cut), begun=True)
            self.stop(tenant, id)
        return response_of(await self._transcripts.responses.get(tenant, id))

    def close(self) -> None:
        """Cut off what is being made: it is marked as failed."""
        for task in list(self._running.values()):
            task.cancel()

    def stop(self, tenant: TenantId, id: str) -> None:
        """Work no more on what was cancelled or deleted; other processes see that by themselves."""
        if (task := self._running.get((tenant, id))) is not None:
            task.cancel()
        self._tell(id)

    async def tail(
        self, tenant: TenantId, id: str, *, after: int = -1
    ) -> AsyncGenerator[tuple[int, str]]:
        """Its events with greater numbers than `after`, as they come, until it has ended."""
        while True:
            news = self._news.setdefault(id, asyncio.Event())
            told = await self._transcripts.background.told(tenant, id, after=after, limit=MOST_TOLD)
            for number, body in told.events:
                after = number
                yield number, body
            if told.events:
                continue
            if told.status in ENDED:
                return
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await news.wait()
            except TimeoutError:
                continue

    async def watch(self) -> None:
        """Show that this process lives, end what others left, and forget, until cancelled."""
        loop = asyncio.get_running_loop()
        forget_at = loop.time()
        while True:
            try:
                await self._beat()
                if loop.time() >= forget_at:
                    forget_at = loop.time() + FORGET_SECONDS
                    before = datetime.now(UTC) - timedelta(days=self._limits.keep_days)
                    await self._transcripts.forget(before, most=self._limits.most)
            except BedplateError as error:
                facts = {"code": error.code, "error": error.message}
                logger.warning("responses not watched", extra=facts)
            await asyncio.sleep(BEAT_SECONDS)

    async def _beat(self) -> None:
        running = list(self._running)
        if running:
            alive = await self._transcripts.background.renew(running, _lease())
            for tenant, id in running:
                if id not in alive:
                    self.stop(tenant, id)
        now = datetime.now(UTC)
        for stored in await self._transcripts.background.orphans(now, MOST_ORPHANS):
            last = await self._last(stored.tenant, stored.id)
            draft = Draft(response_of(stored), first=last + 1)
            await self._fail_for_good(stored.tenant, draft, frozenset())
            logger.warning("response was left unfinished", extra={"response": stored.id})

    async def _last(self, tenant: TenantId, id: str) -> int:
        """The number of its last event."""
        last = -1
        while True:
            told = await self._transcripts.background.told(tenant, id, after=last, limit=MOST_TOLD)
            if not told.events:
                return last
            last = told.events[-1][0]

    async def _run(self, job: Job) -> None:
        log = _Log(job.include)
        try:
            async with self._room:
                await self._make(job, log)
        except asyncio.CancelledError:
            # Cancelled by its client it has ended already, and this changes nothing.
            await self._left(job, log)
            raise
        except Exception:
            # The last resort: nobody else hears of it, and the others must go on.
            logger.exception("unexpected error")
            await self._left(job, log)
        finally:
            self._tell(job.id)
            self._news.pop(job.id, None)

    async def _make(self, job: Job, log: _Log) -> None:
        flushing = asyncio.get_running_loop().create_task(self._flush_often(job, log))
        try:
            async with asyncio.timeout(self._limits.seconds), aclosing(job.events) as events:
                for event in job.draft.begin():
                    log.add(event)
                await self._transcripts.responses.put(
                    stored_response(job.tenant, job.draft.response), lease=_lease(), begun=True
                )
                async for event in events:
                    log.add(event)
        except TimeoutError:
            late = UpstreamTimeout(
                f"It was not done in {self._limits.seconds:g} s (responses.background_seconds).",
                provider="background",
            )
            self._fail(job, log, late)
        except BedplateError as error:
            self._fail(job, log, error)
        finally:
            flushing.cancel()
            await asyncio.wait([flushing])
        await self._flush(job, log)
        done = stored_response(job.tenant, job.draft.response)
        await self._transcripts.responses.put(done, begun=True)

    async def _left(self, job: Job, log: _Log) -> None:
        """It was cut off: by the end of this process, or because it is not wanted any more."""
        try:
            stored = await self._transcripts.responses.get(job.tenant, job.id)
            if stored.status not in ENDED:
                await self._flush(job, log)
                await self._fail_for_good(job.tenant, job.draft, job.include)
        except NotFound:
            return
        except BedplateError as error:
            facts = {"response": job.id, "code": error.code, "error": error.message}
            logger.warning("response is not marked as failed yet", extra=facts)

    async def _fail_for_good(self, tenant: TenantId, draft: Draft, include: Include) -> None:
        error = ResponseError(
            "server_error", "The server stopped before this response was done: create it anew."
        )
        events = [logged(event, include) for event in draft.fail(error)]
        await self._transcripts.background.log(tenant, draft.response.id, events)
        await self._transcripts.responses.put(stored_response(tenant, draft.response), begun=True)

    def _fail(self, job: Job, log: _Log, error: BedplateError) -> None:
        logger.warning("response failed", extra={"code": error.code, "error": error.message})
        for event in job.draft.fail(failure_of(error)):
            log.add(event)

    async def _flush_often(self, job: Job, log: _Log) -> None:
        while True:
            await log.some.wait()
            await asyncio.sleep(LOG_SECONDS)
            await self._flush(job, log)

    async def _flush(self, job: Job, log: _Log) -> None:
        log.some.clear()
        if log.waiting:
            batch = list(log.waiting)
            await self._transcripts.background.log(job.tenant, job.id, batch)
            del log.waiting[: len(batch)]
            self._tell(job.id)

    def _tell(self, id: str) -> None:
        if (news := self._news.pop(id, None)) is not None:
            news.set()


def logged(event: Event, include: Include) -> tuple[int, str]:
    return event.number, msgspec.json.encode(shown(event, include)).decode()


@asynccontextmanager
async def open_background(transcripts: Transcripts, limits: Limits) -> AsyncGenerator[Background]:
    """Make responses while the block runs. Its error leaves as it is, not in a group."""
    failed: BaseException | None = None
    async with asyncio.TaskGroup() as tasks:
        background = Background(transcripts, limits, tasks)
        watch = tasks.create_task(background.watch())
        try:
            yield background
        except BaseException as error:  # noqa: BLE001
            failed = error
        watch.cancel()
        background.close()
    if failed is not None:
        raise failed


def _lease() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
