"""What a judge is: an answer and its passages in, what they carry of it out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.answers import Claim, Grounding
from bedplate.domain.chat import Passage
from bedplate.embedders.protocol import Embedder
from bedplate.models.protocol import ChatModel


@dataclass(frozen=True, slots=True)
class Case:
    """What an answer is judged by: the question that it answers, and its sources, by number.

    `deadline` is a time on the event loop's clock; `account` pays for a judge that costs money.
    """

    question: str
    passages: tuple[Passage, ...]
    deadline: float | None = None
    account: Account = LOCAL


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim that is yet to be judged; fields as in Claim. `under` is what introduces it: the line
    before a list, the heading of a table's column.
    """

    text: str
    start: int
    end: int
    cited: tuple[int, ...] = ()
    invalid: tuple[int, ...] = ()
    under: str = ""


class Judge(Protocol):
    """Judges answers. Whatever goes wrong in it is a Grounding that failed, never an exception and
    never "supported"; only cancellation passes through.
    """

    @property
    def threshold(self) -> float:
        """From this score on a claim is supported."""
        ...

    async def check(self, case: Case, answer: str) -> Grounding:
        """A whole answer, with its [n] markers. One without claims is "unchecked"."""
        ...

    def hear(self, case: Case) -> "Hearing":
        """An answer that is yet to come."""
        ...


class Hearing(Protocol):
    """One answer, judged claim by claim while it comes."""

    async def push(self, text: str) -> Sequence[Claim]:
        """The claims that are finished with this text, in order.

        Raises:
            GuardFailed: they cannot be judged; `finish` will say so too.
        """
        ...

    async def finish(self) -> Grounding:
        """The whole, once nothing more comes. Equals `check` of the joined text."""
        ...


class Bench(Protocol):
    """A case that was read once, for any number of claims."""

    async def judge(self, statements: Sequence[Statement]) -> Sequence[Claim]:
        """One claim a statement, in order.

        Raises:
            GuardFailed: no verdict can be relied on.
        """
        ...


class ClaimJudge(Protocol):
    """What an adapter implements; judges/answers.py makes a Judge of it."""

    @property
    def threshold(self) -> float:
        """From this score on a claim is supported."""
        ...

    async def read(self, case: Case) -> Bench: ...


OpenEncoder = Callable[[], AbstractAsyncContextManager[Embedder]]
"""Opens the bundled encoder, or gives the one that is open, for a judge that needs it."""


class OpenJudge(Protocol):
    """`models` are the configured ones, by name."""

    def __call__(
        self, options: Mapping[str, Any], *, encoder: OpenEncoder, models: Mapping[str, ChatModel]
    ) -> AbstractAsyncContextManager[ClaimJudge]: ...
