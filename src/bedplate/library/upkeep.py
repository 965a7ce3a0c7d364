"""What nobody asks for: files and vector stores that expire, and work that was lost."""

from bedplate.domain.ids import TenantId
from bedplate.durable.again import again
from bedplate.durable.protocol import Durable, State, WorkId
from bedplate.errors import NotFound
from bedplate.library.attach_work import QUEUE, WORK
from bedplate.library.attaching import Attaching
from bedplate.library.batches import Batches
from bedplate.library.moments import now
from bedplate.library.vector_stores import VectorStores
from bedplate.objects.protocol import Chosen, Objects

SWEEP_SECONDS = 60.0
LOST_SECONDS = 60
"""After so long, work that was to be started is looked for."""


class Upkeep:
    """Sweeps, again and again."""

    def __init__(
        self,
        objects: Objects,
        stores: VectorStores,
        attaching: Attaching,
        batches: Batches,
        jobs: Durable,
        *,
        seconds: float,
    ) -> None:
        self._objects = objects
        self._stores = stores
        self._attaching = attaching
        self._batches = batches
        self._jobs = jobs
        self._seconds = seconds

    async def run(self) -> None:
        """Until it is cancelled."""
        await again("files and vector stores", lambda: self.sweep(now()), SWEEP_SECONDS)

    async def sweep(self, moment: int) -> None:
        """Do what is due at that time."""
        while expired := await self._objects.due.files(moment):
            for tenant, file in expired:
                await self._attaching.forget_file(tenant, file)
        await self._objects.uploads.sweep(moment)
        while idle := await self._objects.due.stores(moment):
            for tenant, store in idle:
                await self._stores.expire(tenant, store)
        for tenant, job in await self._objects.due.jobs(moment - LOST_SECONDS):
            await self._take_up(tenant, job)
        for tenant, batch in await self._objects.due.batches(moment - LOST_SECONDS):
            await self._batches.take_up(tenant, batch)

    async def _take_up(self, tenant: TenantId, job: str) -> None:
        """Files wait for it: a crash may have come before it was started, or somebody ended it."""
        try:
            found = await self._jobs.get(WorkId(job), tenant=tenant)
        except NotFound:
            await self._jobs.start(
                WORK, None, tenant=tenant, id=job, queue=QUEUE, seconds=self._seconds
            )
            return
        if not found.state.ended:
            return
        left, end = Chosen(job=job), self._objects.store_files.end
        if found.state is State.CANCELLED:
            await end(tenant, left, "cancelled")
        else:
            why = found.failure.message if found.failure else "Its work was given up: try again."
            await end(tenant, left, "failed", error=why)
