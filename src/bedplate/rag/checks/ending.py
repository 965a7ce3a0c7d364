"""What becomes of a whole answer that fails, once nothing more is written."""

from dataclasses import replace

from bedplate.domain.answers import REFUSAL
from bedplate.domain.checks import Below, Checked
from bedplate.rag.checks.dropping import without
from bedplate.rag.checks.holding import Holding
from bedplate.rag.checks.inspection import Inspect, Inspection
from bedplate.rag.checks.outcome import Outcome, instead, of_inspection
from bedplate.rag.checks.subject import Subject


class Ending:
    def __init__(self, inspect: Inspect, holding: Holding) -> None:
        self._inspect = inspect
        self._holding = holding

    async def of(self, subject: Subject, found: Inspection, below: Below, *, tries: int) -> Outcome:
        """By the policy `below`; one of claims that cannot be kept to refuses."""
        if below == "annotate":
            return of_inspection(found, "annotated", tries=tries)
        if below == "drop" and (dropped := await self._dropped(subject, found, tries)) is not None:
            return dropped
        if below == "review":
            return await self._holding.decided(subject, found, tries=tries)
        return instead(REFUSAL, Checked("refused", found.failures, tries))

    async def _dropped(self, subject: Subject, found: Inspection, tries: int) -> Outcome | None:
        """What is left without the claims that fail; None where that is nothing, or fails as well."""
        if subject.json:
            return None
        text = without(found.text, found.grounding.claims, found.failures)
        if not text or not any(c.isalnum() for c in text):
            return None
        rest = await self._inspect.whole(subject, text)
        if rest.failures or rest.refused:
            return None
        outcome = of_inspection(rest, "dropped", tries=tries)
        gone = tuple(dict.fromkeys(failure.claim for failure in found.failures))
        return replace(outcome, checked=replace(outcome.checked, dropped=gone))
