"""Work that this process runs: the edge between DBOS's workflows and our `Work`."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from dbos import DBOS, PortableWorkflowError
from dbos import error as refused

from bedplate.domain.ids import TenantId
from bedplate.durable.names import job_of
from bedplate.durable.protocol import Work
from bedplate.durable.steps import INTERNAL, JournalledSteps
from bedplate.durable.values import journalled
from bedplate.errors import BedplateError, WorkFailed

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0


class Running:
    """The tasks of this process's jobs, so that closing can wait for them and then stop them."""

    def __init__(self, *, max_bytes: int, max_events: int) -> None:
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def entry(self, work: Work) -> Callable[[Any], Awaitable[Any]]:
        """What DBOS calls to run the work, from its start or again.

        The argument's type is `Any`, as DBOS would convert it to any other.
        """

        async def run(argument: Any) -> Any:
            if self._closing:
                # It stays as it is in the database, for another process.
                raise asyncio.CancelledError
            task = asyncio.current_task()
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return await self._run(work, argument)

        return run

    async def close(self, seconds: float) -> None:
        """Take no more, wait for what runs, then cut it off: what it did is in the journal."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    async def _run(self, work: Work, argument: Any) -> Any:
        id = DBOS.workflow_id or ""
        tenant = TenantId(DBOS.authenticated_user or "")
        steps = JournalledSteps(
            job_of(id), tenant, max_bytes=self._max_bytes, max_events=self._max_events
        )
        started = time.perf_counter()
        end = "cut off"
        try:
            result = journalled(
                await work.run(steps, argument), f"The result of {id!r}", most=self._max_bytes
            )
            end = "succeeded"
        except Exception as error:
            failure = self._failed(steps, error)
            end = str(failure.code)
            raise failure from error
        else:
            return result
        finally:
            logger.info(
                "work ended",
                extra={
                    "work": work.name,
                    "job": steps.job,
                    "tenant": tenant,
                    "end": end,
                    "took_ms": round((time.perf_counter() - started) * 1000, 1),
                },
            )

    def _failed(self, steps: JournalledSteps, error: Exception) -> PortableWorkflowError:
        match error:
            case WorkFailed():
                return PortableWorkflowError(error.message, "WorkFailed", error.failure)
            case BedplateError():
                return PortableWorkflowError(error.message, type(error).__name__, error.code)
            case refused.DBOSUnexpectedStepError():
                message = (
                    "The work does other steps than it did before it was interrupted: it was "
                    f"changed since, or reads something outside a step ({error})."
                )
                return PortableWorkflowError(message, "WorkFailed", "work_changed")
            case _:
                logger.error("work failed", exc_info=error, extra={"job": steps.job})
                message = f"{type(error).__name__} outside a step."
                return PortableWorkflowError(message, type(error).__name__, INTERNAL)
