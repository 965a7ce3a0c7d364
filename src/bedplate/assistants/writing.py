"""What writes an assistant's answer: rounds of model and tools, as checks see one call."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from bedplate.assistants.protocol import Work
from bedplate.assistants.rounds import Answered, Fit, Rounds
from bedplate.assistants.spending import Spending
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Passage, Usage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit

TOOL = "tool"


class Writing:
    """`told` is what tools have answered so far, before it too; `end` how the last try ended. What is written anew
    comes out of the same budget.
    """

    def __init__(self, rounds: Rounds, work: Work, fit: Fit) -> None:
        self._rounds = rounds
        self._work = work
        self._fit = fit
        self._spending = Spending(work.assistant.name, work.settings.budget, work.account)
        self.told = work.told
        self.end = Finished("stop", Usage(), work.model)

    async def write(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """As `Rounds.stream`."""
        events = self._rounds.stream(self._work, request, self._spending, self._fit)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answered):
                    self.told += event.messages
                    continue
                if isinstance(event, Finished):
                    self.end = event
                yield event

    def sources(self) -> tuple[Passage, ...]:
        """What tools answered, for whoever checks the answer against it; numbered after the passages."""
        first = 1 + max((passage.number for passage in self._work.passages), default=0)
        good = [message for message in self.told if not message.failed]
        return tuple(
            Passage(number, _hit(message.name or TOOL, message.content))
            for number, message in enumerate(good, start=first)
        )


def _hit(name: str, text: str) -> Hit:
    id = f"{TOOL}:{name}"
    return Hit(DocumentId(id), ChunkId(id), 0.0, text, name, id, 0, len(text))
