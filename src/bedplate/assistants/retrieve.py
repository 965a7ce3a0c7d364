"""`retrieve`: passages of the assistant's collections for the question."""

from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Work
from bedplate.domain.answers import Answer
from bedplate.domain.chat import Usage
from bedplate.rag.answer import Ask, without_model
from bedplate.rag.gather import shown
from bedplate.telemetry.conventions import HITS
from bedplate.telemetry.trace import current_span, trace_id


class Retrieve:
    """Where what is found does not suffice and there are no tools to ask, no model is asked. Without
    collections it does nothing.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def run(self, work: Work) -> Work:
        if not work.scopes:
            return work
        gathered = await self._ask.gather(work.asking)
        step = current_span()
        if step is not None:
            step.set(HITS, len(gathered.passages))
        work = replace(work, gathered=gathered)
        outcome = without_model(work.asking, gathered)
        if outcome is None or work.settings.tools or work.request.tools:
            return work
        refusal = Answer(
            text=outcome.text,
            citations=(),
            grounded=outcome.grounding,
            refused=outcome.refused,
            model=work.model,
            usage=work.account.bill.usage if work.account.bill else Usage(),
            ttft_ms=0.0,
            trace_id=trace_id(),
            rewritten=shown(gathered.rewritten, work.question),
            self_query=gathered.found.self_query,
            checked=outcome.checked,
            sufficiency=gathered.sufficiency,
        )
        return replace(work, answer=refusal)

    def holds(self, work: Work) -> bool:
        return False


def open_retrieve(parts: StageParts) -> Retrieve:
    return Retrieve(parts.callables["ask"])
