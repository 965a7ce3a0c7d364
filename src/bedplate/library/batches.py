"""Batches of requests: made, looked at, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.domain.batches import Batch, BatchError, BatchSums
from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import Durable, State, WorkId
from bedplate.errors import BedplateError, Conflict, InvalidInput, NotFound
from bedplate.ingest.whole import whole
from bedplate.library.batch_lines import ENDPOINTS
from bedplate.library.batch_work import QUEUE, WORK, BatchWork, stamped, work_seconds
from bedplate.library.files import BATCH
from bedplate.library.ids import new_object_id
from bedplate.library.moments import now
from bedplate.objects.protocol import Objects

HOUR_SECONDS = 3_600
CANCELLABLE = frozenset({"validating", "in_progress"})


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: Batch
    sums: BatchSums


class Batches:
    """Each batch is one durable work."""

    def __init__(
        self, objects: Objects, jobs: Durable, work: BatchWork, *, waiting: int, file_seconds: int
    ) -> None:
        """`waiting` of a tenant may not have ended; files are kept for `file_seconds` unless told."""
        self._objects = objects
        self._jobs = jobs
        self._work = work
        self._waiting = waiting
        self._file_seconds = file_seconds

    async def create(
        self,
        tenant: TenantId,
        key: str | None,
        *,
        input_file: str,
        endpoint: str,
        hours: int,
        metadata: Mapping[str, str] | None = None,
        output_seconds: int | None = None,
    ) -> BatchView:
        """Begin one; durable on return. Its requests are made with the access key of that id.

        Raises:
            InvalidInput: requests of that endpoint are not taken, or the file is not for batches.
            NotFound: there is no such file.
            Busy: too many batches wait.
        """
        if endpoint not in ENDPOINTS:
            raise InvalidInput(
                f"endpoint: {endpoint!r} is not one of {', '.join(ENDPOINTS)}.", param="endpoint"
            )
        file = await self._objects.files.get(tenant, input_file)
        if file.purpose != BATCH:
            raise InvalidInput(
                f"input_file_id: {input_file!r} has the purpose {file.purpose!r}: upload it with the "
                f"purpose {BATCH!r}.",
                param="input_file_id",
            )
        made = now()
        batch = Batch(
            id=new_object_id("batch_"),
            input_file=input_file,
            endpoint=endpoint,
            window=f"{hours}h",
            created_at=made,
            expires_at=made + hours * HOUR_SECONDS,
            output_seconds=output_seconds or self._file_seconds,
            key=key,
            metadata=metadata,
        )

        async def work() -> None:
            await self._objects.batches.add(tenant, batch, most=self._waiting)
            try:
                await self._start(tenant, batch)
            except BedplateError as error:
                await self._work.fail(tenant, batch.id, BatchError(error.code, error.message))
                raise

        # A client that leaves must not do so between the two.
        await whole(work())
        return BatchView(batch, BatchSums())

    async def get(self, tenant: TenantId, id: str) -> BatchView:
        return await self._view(tenant, await self._objects.batches.get(tenant, id))

    async def list(self, tenant: TenantId, *, after: str | None, limit: int) -> list[BatchView]:
        found = await self._objects.batches.list(tenant, after=after, limit=limit)
        return [await self._view(tenant, batch) for batch in found]

    async def cancel(self, tenant: TenantId, id: str) -> BatchView:
        """Ask no more of its requests; what was answered is put into its files.

        Conflict for one that is past that. Once more changes nothing.
        """
        while (batch := await self._objects.batches.get(tenant, id)).status != "cancelling":
            if batch.status == "cancelled":
                break
            if batch.status not in CANCELLABLE:
                raise Conflict(f"Batch {id!r} is {batch.status}: it can't be cancelled any more.")
            cancelling = stamped(batch, "cancelling")
            if await self._objects.batches.change(tenant, cancelling, batch.status):
                break
        return await self.get(tenant, id)

    async def take_up(self, tenant: TenantId, batch: Batch) -> None:
        """Start the work of one that a crash left without, and end one whose work was ended."""
        try:
            job = await self._jobs.get(WorkId(batch.id), tenant=tenant)
        except NotFound:
            await self._start(tenant, batch)
            return
        if not job.state.ended:
            return
        why = job.failure.message if job.failure else "Its work was given up: make it again."
        code = "cancelled" if job.state is State.CANCELLED else "server_error"
        await self._work.fail(tenant, batch.id, BatchError(code, why))

    async def _start(self, tenant: TenantId, batch: Batch) -> None:
        await self._jobs.start(
            WORK, None, tenant=tenant, id=batch.id, queue=QUEUE, seconds=work_seconds(batch)
        )

    async def _view(self, tenant: TenantId, batch: Batch) -> BatchView:
        return BatchView(batch, await self._objects.batch_lines.sums(tenant, batch.id))
