"""Sources as they are set up: added, looked at, synced, put right and removed."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from bedplate.domain.ids import TenantId
from bedplate.domain.sources import FailedItem, SourceSpec, SourceState, Sync
from bedplate.errors import ConfigError, InvalidInput, UpstreamTimeout
from bedplate.ingest.names import check_name
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.schedule import read_interval
from bedplate.ingest.sync import LOOK_BACK, OpenSpec, SyncProgress, SyncRequest, SyncSource
from bedplate.sources.protocol import Source
from bedplate.state.protocol import Catalog

PROBE_SECONDS = 60.0
MAX_OPTIONS = 20_000
"""Characters of a source's options."""


class Sources:
    """What the edges call. Every name is looked up among the tenant's own."""

    def __init__(
        self, catalog: Catalog, ingest: Ingest, open_source: OpenSpec, sync: SyncSource
    ) -> None:
        self._catalog = catalog
        self._ingest = ingest
        self._open = open_source
        self._sync = sync

    async def add(self, spec: SourceSpec, *, check: bool = True) -> SourceState:
        """Set a source up; unless told not to, look whether it can be listed first.

        Raises:
            InvalidInput: a name or a schedule that cannot be, a kind that does not exist, options
                that it does not take or that do not fit, or a secret that is not there.
            Conflict: the tenant has one of that name, or the collection another embedder.
            UpstreamError, Unavailable: it cannot be reached.
        """
        check_name(spec.name, "source", "name")
        check_name(spec.collection, "collection", "collection")
        if spec.schedule is not None:
            read_interval(spec.schedule)
        if len(repr(spec.options)) > MAX_OPTIONS:
            raise InvalidInput("The options are too long.", param="options")
        try:
            async with self._open(spec) as source:
                if check:
                    await _probe(source, spec)
        except ConfigError as error:
            # Here it is what the caller just sent.
            raise InvalidInput(error.message, param="options") from error
        await self._ingest.create(spec.scope)
        await self._catalog.sources.add(spec)
        return await self.get(spec.tenant, spec.name)

    async def get(self, tenant: TenantId, name: str) -> SourceState:
        return await self._catalog.sources.get(tenant, name)

    async def list(self, tenant: TenantId) -> tuple[SourceState, ...]:
        return await self._catalog.sources.list(tenant)

    async def syncs(self, tenant: TenantId, name: str, limit: int) -> tuple[Sync, ...]:
        return await self._catalog.sources.syncs(tenant, name, limit)

    async def find_sync(self, tenant: TenantId, name: str, id: str) -> Sync | None:
        """One of the last syncs, by its id."""
        for sync in await self.syncs(tenant, name, LOOK_BACK):
            if sync.id == id:
                return sync
        return None

    async def failures(
        self, tenant: TenantId, name: str, *, after: str = "", limit: int
    ) -> tuple[FailedItem, ...]:
        return await self._catalog.source_documents.failures(tenant, name, after=after, limit=limit)

    async def schedule(self, tenant: TenantId, name: str, schedule: str | None) -> None:
        """Sync it at these times from now on, or at none."""
        if schedule is not None:
            read_interval(schedule)
        await self._catalog.sources.schedule(tenant, name, schedule)

    async def sync(
        self, request: SyncRequest, *, progress: Callable[[SyncProgress], None] = lambda _: None
    ) -> Sync:
        """Sync in this process, see SyncSource.run."""

        async def tell(now: SyncProgress) -> None:
            progress(now)

        return await self._sync.run(request, progress=tell)

    async def retry(self, tenant: TenantId, name: str) -> int:
        """Let the next sync try failed and dead items again; how many there are."""
        return await self._catalog.source_documents.retry(tenant, name)

    async def remove(self, tenant: TenantId, name: str, *, keep: bool = False) -> int:
        """See SyncSource.remove."""
        return await self._sync.remove(tenant, name, keep=keep)


async def _probe(source: Source, spec: SourceSpec) -> None:
    """Let it list its first item."""
    listing = cast(AsyncGenerator[object], source.list(None))
    try:
        async with asyncio.timeout(PROBE_SECONDS), aclosing(listing) as found:
            await anext(found, None)
    except TimeoutError as error:
        raise UpstreamTimeout(
            f"The source {spec.name!r} gave no item in {PROBE_SECONDS:g} s.", provider=spec.kind
        ) from error
