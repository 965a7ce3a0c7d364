"""Work that is one trace from its start, or from where it is gone on with, to its end."""

from bedplate.domain.accounts import Account
from bedplate.durable.protocol import JSON, Steps, Work
from bedplate.telemetry.conventions import JOB, WORK
from bedplate.telemetry.trace import Recorder, begun


class TracedWork:
    """Wraps any work; `recorder` is named, as jobs run in a loop of their own."""

    def __init__(self, work: Work, recorder: Recorder | None) -> None:
        self._work = work
        self._recorder = recorder

    @property
    def name(self) -> str:
        return self._work.name

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        with begun(f"job {self.name}", "internal", recorder=self._recorder) as step:
            step.bill(Account(steps.tenant))
            step.set(WORK, self.name)
            step.set(JOB, str(steps.job))
            return await self._work.run(steps, argument)
