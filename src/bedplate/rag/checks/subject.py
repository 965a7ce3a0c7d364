"""One question on its way to an answer, as its checks see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Conflict
from bedplate.domain.chat import ChatRequest, Passage
from bedplate.domain.checks import Check
from bedplate.judges.protocol import Case
from bedplate.rag.checks.contract import TextRules
from bedplate.rag.checks.draft import Write
from bedplate.rag.checks.json_schema import AnswerSchema


@dataclass(frozen=True, slots=True)
class Subject:
    """`told` are what tools have answered so far: sources, though none that can be cited. `prompt` is
    what the model is asked first; `json` whether the answer must be JSON, of `schema` where there is
    one. `deadline` is the request's own, on the event loop's clock. `tell_claims` as in AskRequest.
    """

    question: str
    model: str
    write: Write
    check: Check
    rules: TextRules
    prompt: ChatRequest
    passages: tuple[Passage, ...]
    account: Account
    trace: str
    conflicts: tuple[Conflict, ...] = ()
    json: bool = False
    schema: AnswerSchema | None = None
    deadline: float | None = None
    told: Callable[[], Sequence[Passage]] = tuple
    tell_claims: bool = False

    @property
    def numbers(self) -> list[int]:
        return [passage.number for passage in self.passages]

    def case(self, deadline: float | None) -> Case:
        """What a judge is given, to be done by `deadline`."""
        passages = (*self.passages, *self.told())
        return Case(self.question, passages, deadline, self.account)

    @property
    def has_sources(self) -> bool:
        """Whether there is anything to check claims against."""
        return bool(self.passages or self.told())
