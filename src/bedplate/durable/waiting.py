"""Wait for the end of a job."""

import asyncio

from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import Durable, Job, WorkId
from bedplate.errors import Unavailable

SHORTEST, LONGEST = 0.03, 0.5


async def wait(durable: Durable, id: WorkId, *, tenant: TenantId, seconds: float) -> Job:
    """The job once it has ended; Unavailable where it has not within `seconds`."""
    pause = SHORTEST
    try:
        async with asyncio.timeout(seconds):
            while not (job := await durable.get(id, tenant=tenant)).state.ended:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST)
    except TimeoutError as error:
        raise Unavailable(f"The job {id!r} has not ended within {seconds:g} seconds.") from error
    return job
