"""A collection in step with a source: list, compare, ingest what changed, delete what is gone.

Everything is resumed from the catalog's tables: a sync that was cut off anywhere is taken up by the
next. What an item's documents are is written before they are kept, and that it is done afterwards;
so none is lost sight of, and an item that is done twice replaces its documents with the same ones.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeVar, cast

from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.sources import (
    NEVER,
    Claim,
    SourceSpec,
    SourceState,
    Sync,
    SyncCounts,
    SyncStatus,
)
from bedplate.errors import BedplateError, NotFound, TooLarge, UpstreamTimeout
from bedplate.ingest.listed import ListedPage
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.sync_batch import BatchLedger, ReadLimits, read_batch
from bedplate.ingest.sync_lease import hold
from bedplate.sources.protocol import Gap, Gone, Item, Source
from bedplate.state.protocol import Catalog

T = TypeVar("T")

LIST_PAGE = 5_000
DELETE_PAGE = 500
"""Items that one transaction notes, and deletes."""

STOPPED = "It was stopped; the next one takes it up."
LOOK_BACK = 100
"""Former syncs, among which the last that came to an end is looked for."""

OpenSpec = Callable[[SourceSpec], AbstractAsyncContextManager[Source]]
"""Opens a source as it was set up, its secrets read."""


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Bounds on one sync.

    A listing that lacks more than `shrink_items` known items, and more than `shrink_share` of them,
    is not believed, nor is an empty one. An incremental source is listed whole every `complete`th
    time.
    """

    read: ReadLimits
    items: int
    list_seconds: float
    attempts: int
    shrink_items: int
    shrink_share: float
    complete: int
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """`complete` lists an incremental source whole; `afresh` also reads what has not changed.

    `id` is what the sync is found by afterwards.
    """

    tenant: TenantId
    name: str
    allow_shrink: bool = False
    complete: bool = False
    afresh: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a sync is. `total` is None while items are still being found."""

    phase: Literal["list", "ingest", "delete"]
    done: int
    total: int | None
    counts: SyncCounts


class RunStep(Protocol):
    """Runs one step of a sync. Each may be run again after a crash, from the state alone."""

    async def __call__(self, name: str, work: Callable[[], Awaitable[T]], /) -> T: ...


async def at_once(name: str, work: Callable[[], Awaitable[T]], /) -> T:
    """Runs a step and keeps no record of it."""
    return await work()


Tell = Callable[[SyncProgress], Awaitable[None]]


async def quiet(_: SyncProgress) -> None:
    """Tells nobody."""


class SyncSource:
    """Syncs sources, one sync of each at a time."""

    def __init__(
        self, catalog: Catalog, ingest: Ingest, open_source: OpenSpec, limits: SyncLimits
    ) -> None:
        self._catalog = catalog
        self._ingest = ingest
        self._open = open_source
        self._limits = limits

    async def run(
        self,
        request: SyncRequest,
        *,
        progress: Tell = quiet,
        step: RunStep = at_once,
    ) -> Sync:
        """Sync once; what it came to. Items that fail stop nothing.

        Raises:
            NotFound: there is no such source.
            Conflict: it is being synced already, or the collection belongs to another embedder.
            UpstreamError, Unavailable: it cannot be listed, or too many readings in a row failed.
            TooLarge: it lists more items than allowed.
        """
        async with hold(
            self._catalog, request.tenant, request.name, seconds=self._limits.lease_seconds
        ) as claim:
            state = await self._catalog.sources.get(request.tenant, request.name)
            run = _Run(self._catalog, self._ingest, self._limits, claim, state, progress)
            run.sync = replace(run.sync, id=request.id)
            try:
                async with self._open(state.spec) as source:
                    await run.work(source, request, step)
            except BedplateError as error:
                await run.end("failed", error.message)
                raise
            except asyncio.CancelledError:
                # A job that goes on after a restart puts its own end in place of this one.
                with suppress(BedplateError):
                    await run.end("failed", STOPPED)
                raise
            await run.end(run.status)
            return run.sync

    async def remove(self, tenant: TenantId, name: str, *, keep: bool = False) -> int:
        """Forget a source, and delete its documents unless they are kept; how many went."""
        async with hold(self._catalog, tenant, name, seconds=self._limits.lease_seconds) as claim:
            state = await self._catalog.sources.get(tenant, name)
            run = _Run(self._catalog, self._ingest, self._limits, claim, state, quiet)
            deleted = 0 if keep else await run.delete(await run.begin(afresh=False))
            await self._catalog.sources.drop(claim)
            return deleted


class _Run:
    """One sync under its claim."""

    def __init__(
        self,
        catalog: Catalog,
        ingest: Ingest,
        limits: SyncLimits,
        claim: Claim,
        state: SourceState,
        progress: Tell,
    ) -> None:
        self._catalog = catalog
        self._items = catalog.source_items
        self._ingest = ingest
        self._limits = limits
        self._claim = claim
        self._state = state
        self._progress = progress
        self._done = 0
        self._due: int | None = None
        self.sync = Sync(new_id(), datetime.now(UTC))

    @property
    def status(self) -> SyncStatus:
        counts = self.sync.counts
        if counts.held:
            return "held"
        return "partly" if counts.failed or counts.gaps else "done"

    async def work(self, source: Source, request: SyncRequest, step: RunStep) -> None:
        afresh = request.afresh or await self._is_lost()
        listing = await step("begin", lambda: self.begin(afresh=afresh))
        cursor, partial = self._state.cursor, self._state.partial
        whole = request.complete or afresh or partial + 1 >= self._limits.complete
        since = cursor if source.incremental and not whole else None
        self.sync = replace(self.sync, complete=since is None)
        listed = await step("list", lambda: self._list(source, listing, since))
        await step("drop", lambda: self.delete(NEVER))
        # What an incremental listing leaves out may be due from before.
        least = listing if since is None else 0
        known, gone = await step("survey", lambda: self._survey(least))
        after: str | None = ""
        while after is not None:
            after = await step("ingest", lambda at=after: self._batch(source, listing, least, at))
        if since is None:
            vanished = self.sync.counts.vanished
            if vanished:
                found = await self._items.survey(self._claim, listing)
                known, gone = found.known, found.gone
            believed = await self._is_believed(listed - vanished, known, gone)
            if not believed and not request.allow_shrink:
                self._count(held=gone)
            else:
                await step("delete", lambda: self.delete(listing))
        await step("settle", lambda: self._ingest.settle(self._state.spec.scope))

    async def begin(self, *, afresh: bool) -> int:
        listing = await self._items.begin(self._claim, afresh=afresh)
        await self._record()
        return listing

    async def end(self, status: SyncStatus, error: str | None = None) -> None:
        self.sync = replace(
            self.sync,
            status=status,
            ended_at=datetime.now(UTC),
            error=error,
        )
        await self._record()

    async def delete(self, listing: int) -> int:
        """Delete what was not listed, with its documents; how many of these there were.

        With NEVER it is only what the source told to be gone.
        """
        total = 0
        while keys := await self._catalog.source_documents.gone(self._claim, listing, DELETE_PAGE):
            owned = await self._catalog.source_documents.owned(self._claim, keys)
            # The collection itself may have been dropped.
            with suppress(NotFound):
                deleted = await self._ingest.remove(self._state.spec.scope, list(owned))
                total += deleted
                self._count(deleted=deleted)
            await self._catalog.source_documents.forget(self._claim, keys)
            self._count(gone=len(keys))
            await self._tell("delete", self.sync.counts.gone, None)
        return total

    async def _is_lost(self) -> bool:
        """Whether what was ingested is no longer what would be: the settings are others, or the
        collection was dropped.
        """
        if self._state.recipe not in ("", self._ingest.recipe_of(self._state.spec.collection)):
            return True
        collection = await self._ingest.create(self._state.spec.scope)
        return not collection.documents and bool(self._state.items.get("done"))

    async def _is_believed(self, listed: int, known: int, gone: int) -> bool:
        """Whether so many of the known items may be gone."""
        sudden = gone > self._limits.shrink_items and gone > self._limits.shrink_share * known
        if not gone or sudden or listed <= 0:
            return not gone
        # What was held back stays so, however much came since.
        spec = self._state.spec
        for sync in await self._catalog.sources.syncs(spec.tenant, spec.name, LOOK_BACK):
            if sync.complete and sync.status not in ("running", "failed"):
                return not sync.counts.held or gone < sync.counts.held
        return True

    async def _list(self, source: Source, listing: int, since: str | None) -> int:
        """Put what the source holds into the state; how many items that are."""
        clock = asyncio.timeout(self._limits.list_seconds)
        try:
            async with clock:
                cursor = await self._scan(source, listing, since)
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise UpstreamTimeout(
                f"The source {self._state.spec.name!r} was not listed in "
                f"{self._limits.list_seconds:g} s (sync.list_seconds).",
                provider=self._state.spec.kind,
            ) from error
        await self._catalog.source_leases.level(
            self._claim,
            cursor=cursor,
            complete=since is None,
            recipe=self._ingest.recipe_of(self._state.spec.collection),
        )
        return self.sync.counts.listed

    async def _scan(self, source: Source, listing: int, since: str | None) -> str | None:
        """Note the items a page at a time; the last cursor."""
        cursor = since
        page = ListedPage()
        async with aclosing(_generator(source.list(since))) as found:
            async for each in found:
                if isinstance(each, Gap):
                    await self._items.cover(self._claim, listing, each.prefix)
                    self._count(gaps=1)
                    continue
                cursor = each.cursor or cursor
                if not page.add(each):
                    self._count(gaps=1)
                if len(page) >= LIST_PAGE:
                    await self._note(listing, page)
                    page = ListedPage()
        await self._note(listing, page)
        return cursor

    async def _note(self, listing: int, page: ListedPage) -> None:
        items = page.items
        self._count(listed=len(items))
        if self.sync.counts.listed > self._limits.items:
            raise TooLarge(
                f"The source {self._state.spec.name!r} lists more than {self._limits.items:,} items "
                "(sync.max_items): narrow it, or raise the limit."
            )
        await self._items.note(self._claim, listing, items)
        if gone := page.gone:
            await self._items.unlist(self._claim, gone, told=True)
        await self._record()
        await self._tell("list", self.sync.counts.listed, None)

    async def _survey(self, least: int) -> tuple[int, int]:
        """How many items were known before, and how many of them are gone."""
        found = await self._items.survey(self._claim, least)
        self._due = found.new + found.changed + found.retried
        self._count(
            new=found.new,
            changed=found.changed,
            retried=found.retried,
            unchanged=found.unchanged,
            dead=found.dead,
        )
        await self._record()
        return found.known, found.gone

    async def _batch(self, source: Source, listing: int, least: int, after: str) -> str | None:
        """Ingest the next items that are due; the last of them, or None when there are no more."""
        limits = self._limits.read
        due = await self._items.due(self._claim, since=least, after=after, limit=limits.items)
        if not due:
            return None
        batch = await read_batch(source, due, limits)
        ledger = BatchLedger(self._catalog, self._claim, listing, batch)
        await ledger.open()
        scope = self._state.spec.scope
        report = await self._ingest.run(scope, ledger.uploads, ledger=ledger)
        keys = [item.key for item in due if item.key <= batch.last]
        owned = await self._catalog.source_documents.owned(self._claim, keys)
        outcomes, stale = ledger.outcomes(owned)
        deleted = await self._ingest.remove(scope, stale) if stale else 0
        await self._items.finish(self._claim, outcomes, stale, attempts=self._limits.attempts)
        if batch.vanished:
            # A listing may be older than what it lists: these are gone, as far as that is believed.
            await self._items.unlist(self._claim, batch.vanished)
        self._count(
            vanished=len(batch.vanished),
            failed=sum(each.code is not None for each in outcomes),
            added=report.added,
            updated=report.updated,
            same=report.unchanged,
            deleted=deleted,
            chunks=report.chunks,
        )
        await self._record()
        self._done += len(keys)
        await self._tell("ingest", self._done, self._due)
        if batch.trouble is not None:
            raise batch.trouble
        return batch.last

    def _count(self, **more: int) -> None:
        counts = self.sync.counts
        now = {name: getattr(counts, name) + number for name, number in more.items()}
        self.sync = replace(self.sync, counts=replace(counts, **now))

    async def _tell(
        self, phase: Literal["list", "ingest", "delete"], done: int, total: int | None
    ) -> None:
        await self._progress(SyncProgress(phase, done, total, self.sync.counts))

    async def _record(self) -> None:
        await self._catalog.source_leases.record(self._claim, self.sync)


def _generator(
    items: AsyncIterator[Item | Gap | Gone],
) -> AsyncGenerator[Item | Gap | Gone]:
    """Listings are generators by their protocol's nature, and are closed like them."""
    return cast(AsyncGenerator[Item | Gap | Gone], items)
