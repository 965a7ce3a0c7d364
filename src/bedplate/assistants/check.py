"""`check`: what the answer cites, how well its sources carry it, and what becomes of one that fails.

The answer is checked on its way out, as `check.release` says (rag/checks/release.py). Here is looked
at what a stage in between made of it.
"""

from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Work
from bedplate.rag.answer import Ask


class Check:
    """A text that a stage changed is checked as it is now, and not written anew."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def run(self, work: Work) -> Work:
        answer = work.answer
        if answer is None or work.gathered is None or work.checked in (None, answer.text):
            return work
        prompt = replace(work.request, passages=work.passages, output=work.asking.output)
        subject = self._ask.subject(work.asking, prompt, answer.conflicts)
        outcome = await self._ask.checked.reread(subject, answer.text)
        checked = replace(
            answer,
            text=outcome.text,
            citations=outcome.citations,
            refused=outcome.refused,
            grounded=outcome.grounding,
            checked=outcome.checked,
        )
        return replace(work, answer=checked, checked=outcome.text)

    def holds(self, work: Work) -> bool:
        """Only a text that another stage holds can be changed."""
        return False


def open_check(parts: StageParts) -> Check:
    return Check(parts.callables["ask"])
