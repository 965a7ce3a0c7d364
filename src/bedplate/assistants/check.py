"""`check`: what the answer cites, whether it refuses, and how well its sources carry it."""

from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Work
from bedplate.rag.answer import Ask


class Check:
    """An answer that calls functions, or was to be JSON, cites nothing and is left unchecked."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def run(self, work: Work) -> Work:
        answer = work.answer
        if answer is None or not work.passages or _is_unread(work):
            return work
        citations, refused, grounded = await self._ask.review(
            work.asking, answer.text, work.passages
        )
        return replace(
            work, answer=replace(answer, citations=citations, refused=refused, grounded=grounded)
        )

    def holds(self, work: Work) -> bool:
        return False


def _is_unread(work: Work) -> bool:
    calls = work.answer is not None and work.answer.finish_reason == "tool_calls"
    return calls or work.request.output is not None or work.settings.output is not None


def open_check(parts: StageParts) -> Check:
    return Check(parts.callables["ask"])
