"""Steps of running work, journalled by DBOS."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from dbos import DBOS

from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import JSON, STEP_SECONDS, Retry, WorkId
from bedplate.durable.values import journalled
from bedplate.errors import BedplateError, TooLarge, WorkFailed

logger = logging.getLogger(__name__)

STREAM = "events"
INTERNAL = "internal_error"


class JournalledSteps:
    """The steps of one run of one job."""

    def __init__(self, job: WorkId, tenant: TenantId, *, max_bytes: int, max_events: int) -> None:
        self.job = job
        self.tenant = tenant
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._events = 0

    async def step(
        self,
        name: str,
        call: Callable[[], Awaitable[JSON]],
        *,
        retry: Retry = Retry(),  # noqa: B008
        seconds: float = STEP_SECONDS,
    ) -> JSON:
        async def outcome() -> dict[str, JSON]:
            return await self._tried(name, call, retry, seconds)

        # Failures are kept as values: an exception read back from the journal has lost its class,
        # and work that catches it would take another way when it is replayed.
        kept = await DBOS.run_step_async({"name": name, "preemptible": True}, outcome)
        if "failure" in kept:
            raise WorkFailed(cast(str, kept["message"]), failure=cast(str, kept["failure"]))
        return kept["value"]

    async def emit(self, event: JSON) -> None:
        value = journalled(event, "An event", most=self._max_bytes)
        self._events += 1
        if self._events > self._max_events:
            raise TooLarge(f"A job has at most {self._max_events:,} events: emit fewer.")
        await DBOS.write_stream_async(STREAM, value)

    async def _tried(
        self, name: str, call: Callable[[], Awaitable[JSON]], retry: Retry, seconds: float
    ) -> dict[str, JSON]:
        pause = retry.pause
        for left in reversed(range(retry.attempts)):
            failed = await self._try(name, call, seconds)
            if not isinstance(failed, BedplateError):
                return failed
            if not (left and failed.retryable):
                return _failure(failed)
            logger.info(
                "step is tried again", extra={"job": self.job, "step": name, "code": failed.code}
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, retry.longest)
        raise ValueError("Retry.attempts must be at least 1.")

    async def _try(
        self, name: str, call: Callable[[], Awaitable[JSON]], seconds: float
    ) -> "dict[str, JSON] | BedplateError":
        """What the call gave, or its error where another try may help."""
        try:
            async with asyncio.timeout(seconds):
                value = await call()
            what = f"The result of the step {name!r}"
            return {"value": journalled(value, what, most=self._max_bytes)}
        except BedplateError as error:
            return error
        except TimeoutError:
            return {
                "failure": "timeout",
                "message": f"The step {name!r} did not end within {seconds:g} seconds.",
            }
        except Exception as error:
            logger.exception("step failed", extra={"job": self.job, "step": name})
            return {"failure": INTERNAL, "message": f"{type(error).__name__} in step {name!r}."}


def _failure(error: BedplateError) -> dict[str, JSON]:
    code = error.failure if isinstance(error, WorkFailed) else error.code
    return {"failure": code, "message": error.message}
