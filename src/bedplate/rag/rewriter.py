"""A follow-up question made whole for the search, by rule or by a model."""

import asyncio
import logging
from collections.abc import Sequence
from importlib.resources import files

from bedplate.chat.turn import Turn
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.answers import Rewritten
from bedplate.domain.chat import ChatRequest, Message
from bedplate.errors import Blocked, InvalidInput, Unavailable, UpstreamError
from bedplate.rag.follow_up import LONGEST_TURN, search_text
from bedplate.rag.quoted import is_printable, quoted, reason
from bedplate.terms import analyse

logger = logging.getLogger(__name__)

RULES = "rules"
OFF = "off"
MOST_MESSAGES = 6
LONGEST_QUESTION = 2_000
MOST_CHARACTERS = 500
"""Of a rewritten question."""
MOST_TOKENS = 256


class Rewriter:
    def __init__(self, turn: Turn, *, seconds: float) -> None:
        """`seconds` is the longest a model may take."""
        self._turn = turn
        self._seconds = seconds
        folder = files("bedplate.rag").joinpath("prompts")
        self._rules = folder.joinpath("rewrite.md").read_text(encoding="utf-8")
        self._question = folder.joinpath("rewrite_question.md").read_text(encoding="utf-8")

    async def rewrite(
        self,
        question: str,
        history: Sequence[Message],
        by: str,
        *,
        deadline: float | None,
        account: Account = LOCAL,
    ) -> Rewritten:
        """What to search for. `by` is "rules", "off" or a model's name.

        Where the model fails, or says what cannot be searched for, the rules rewrite, and the
        result says why. A first question is left to the rules: there is nothing to carry over.
        """
        if by == OFF:
            return Rewritten(question, OFF)
        spoken = [m for m in history if m.role in ("user", "assistant") and m.content.strip()]
        if by == RULES or not any(message.role == "user" for message in spoken):
            return Rewritten(search_text(question, history), RULES)
        try:
            text = await self._by_model(question, spoken[-MOST_MESSAGES:], by, deadline, account)
        except (InvalidInput, Unavailable, UpstreamError, Blocked) as error:
            why = reason(error)
            logger.warning("question rewritten by rules", extra={"model": by, "reason": why})
            return Rewritten(search_text(question, history), RULES, why)
        return Rewritten(text, by)

    async def _by_model(
        self,
        question: str,
        spoken: Sequence[Message],
        name: str,
        deadline: float | None,
        account: Account,
    ) -> str:
        if len(question) > LONGEST_QUESTION:
            raise InvalidInput(
                f"The question has {len(question):,} characters; a model is asked to rewrite at "
                f"most {LONGEST_QUESTION:,}."
            )
        latest = asyncio.get_running_loop().time() + self._seconds
        turns = "\n".join(quoted({m.role: m.content[:LONGEST_TURN]}) for m in spoken)
        asked = self._question.format(turns=turns, question=quoted(question))
        request = ChatRequest(
            (Message("system", self._rules), Message("user", asked)),
            asked=question,
            max_output_tokens=MOST_TOKENS,
            deadline=latest if deadline is None else min(latest, deadline),
            account=account,
        )
        return one_question(await self._turn.text(name, request, most=2 * MOST_CHARACTERS))


def one_question(reply: str) -> str:
    """A reply as one line to search for; InvalidInput where it is none."""
    lines = reply.strip().splitlines()
    if len(lines) != 1:
        raise InvalidInput(f"The rewritten question has {len(lines)} lines; it must have one.")
    text = " ".join(lines[0].split())
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(f"The rewritten question has more than {MOST_CHARACTERS} characters.")
    if not is_printable(text):
        raise InvalidInput("The rewritten question holds control characters.")
    if not analyse(text):
        raise InvalidInput("The rewritten question has no word to search for.")
    return text
