"""One sync of a source at a time: a lease that is kept alive, and taken over from the dead.

No clocks are compared. Whoever waits watches, by its own steady clock, whether the holder's beat goes
on: a machine's time may jump as it likes. Should a holder that was only slow be given up for dead,
its next write is refused.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.sources import Claim
from bedplate.errors import Conflict, StorageError, Unavailable
from bedplate.state.protocol import Catalog

POLL_SECONDS = 0.25
"""How soon a lease that was let go is taken by one who waits for it."""

BEATS = 5
"""How many of them a lease lasts."""


@asynccontextmanager
async def hold(
    catalog: Catalog, tenant: TenantId, name: str, *, seconds: float
) -> AsyncGenerator[Claim]:
    """The claim on a source for as long as the block runs.

    Raises:
        Conflict: another sync is alive, or took this one over.
        NotFound: there is no such source.
    """
    claim = await _take(catalog, tenant, name, seconds)
    try:
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(_beat(catalog, claim, seconds / BEATS))
            try:
                yield claim
            finally:
                beating.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__
    finally:
        # Left held it is taken over in time.
        with suppress(StorageError, Unavailable):
            await catalog.source_leases.release(claim)


async def _take(catalog: Catalog, tenant: TenantId, name: str, seconds: float) -> Claim:
    owner = new_id()
    leases = catalog.source_leases
    claim, seen = await leases.take(tenant, name, owner, over=None)
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while seen.owner != owner:
        await asyncio.sleep(min(POLL_SECONDS, seconds / BEATS))
        silent = clock() >= until
        claim, now = await leases.take(tenant, name, owner, over=seen if silent else None)
        if now.owner != owner and (silent or now != seen):
            raise Conflict(f"The source {name!r} is being synced already: wait for that sync.")
        seen = now
    return claim


async def _beat(catalog: Catalog, claim: Claim, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        # A beat that is lost is made up for by the next.
        with suppress(StorageError, Unavailable):
            await catalog.source_leases.beat(claim)
