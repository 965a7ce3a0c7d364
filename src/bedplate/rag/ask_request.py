"""A question as it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.chat import Message
from bedplate.domain.checks import Check
from bedplate.domain.retrieval import Scope
from bedplate.domain.tools import OutputFormat
from bedplate.errors import InvalidInput
from bedplate.rag.rewriter import RULES

MAX_QUESTION_CHARACTERS = 20_000


UNCHECKED = Check()
"""Nothing is held back: claims are scored, and contradictions told of."""


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question to one or more collections of a tenant.

    `history` is the conversation before the question; `rewrite` says what completes a question that
    leans on it for the search, "rules" (rag/follow_up.py) or a model, or is "off"; the answering
    model is asked the question itself, and given the completed one beside it. `deadline` is on the
    event loop's clock. `self_query` is as in `SearchRequest`. `tell_retrieved` makes what was
    found the first event; `tell_claims` tells of each claim of prose once it is judged. `account`
    pays, for every model that is asked on the way. `check` says how the answer is checked; `output` makes it JSON in place of
    prose.
    """

    question: str
    scopes: tuple[Scope, ...]
    model: str
    filter: str | Mapping[str, object] | None = None
    join: Mapping[str, object] | None = None
    passages: int = 8
    instructions: str = ""
    history: tuple[Message, ...] = ()
    rewrite: str = RULES
    max_output_tokens: int | None = None
    temperature: float | None = None
    deadline: float | None = None
    self_query: bool = True
    tell_retrieved: bool = False
    tell_claims: bool = False
    account: Account = LOCAL
    check: Check = UNCHECKED
    output: OutputFormat | None = None


def check_question(question: str) -> None:
    """InvalidInput for one that is empty or too long."""
    if not question.strip():
        raise InvalidInput("The question is empty.", param="question")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise InvalidInput(
            f"The question has {len(question)} characters; at most "
            f"{MAX_QUESTION_CHARACTERS} are read.",
            param="question",
        )
