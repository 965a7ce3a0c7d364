"""`scan`: the question is looked at for orders before anything is searched or called for it."""

from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Work
from bedplate.domain.guard import Injection
from bedplate.errors import ConfigError, GuardBlocked
from bedplate.guards.protocol import InjectionGuard
from bedplate.telemetry.conventions import GUARD, REASON, VERDICT
from bedplate.telemetry.trace import current_span

NAME = "injection"


class Scan:
    """What is to be blocked ends the request here. Where sentences are dropped, or only flagged, the
    guard around every model call does it, which stands with and without this stage.
    """

    def __init__(self, guard: InjectionGuard) -> None:
        self._guard = guard

    async def run(self, work: Work) -> Work:
        [verdict] = await self._guard.check([work.question], "user", work.account)
        _tell(verdict)
        if verdict.decision == "block":
            raise GuardBlocked(
                "The question holds what looks like orders to the model, and goes no further.",
                guard=NAME,
                found=_rules(verdict),
            )
        return replace(work)

    def holds(self, work: Work) -> bool:
        return False


def _rules(verdict: Injection) -> tuple[str, ...]:
    return tuple(sorted({reason.rule for reason in verdict.reasons}))


def _tell(verdict: Injection) -> None:
    step = current_span()
    if step is None:
        return
    step.set(GUARD, NAME)
    step.set(VERDICT, verdict.decision)
    if verdict.reasons:
        step.set(REASON, list(_rules(verdict)))


def open_scan(parts: StageParts) -> Scan:
    guard = parts.callables.get("injection")
    if guard is None:
        raise ConfigError("The stage 'scan' needs guards.injection, which is not there.")
    return Scan(guard)
