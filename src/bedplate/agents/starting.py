"""How a run's next leg gets going: its state first, then its job, which any process repeats if need be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bedplate.agents.run_work import QUEUE, WORK, job_id, leg_seconds
from bedplate.domain.runs import Run
from bedplate.durable.protocol import Durable

RETRY_SECONDS = 10.0
"""After which somebody looks whether a leg that waits has its job."""


def soon(seconds: float = RETRY_SECONDS) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def start_leg(durable: Durable, run: Run) -> None:
    """Put the run's present leg into the queue; once, however often it is called.

    Raises:
        Busy: the queue is full.
    """
    argument: Mapping[str, str | int] = {"run": run.id, "leg": run.leg}
    await durable.start(
        WORK,
        argument,
        tenant=run.tenant,
        id=job_id(run),
        queue=QUEUE,
        seconds=2 * leg_seconds(run),
    )
