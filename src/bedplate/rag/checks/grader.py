"""Rules that only a reader can judge, graded by a model: tone, topics, relevance."""

import asyncio
import re
from importlib.resources import files

from bedplate.chat.turn import Turn
from bedplate.domain.accounts import Account
from bedplate.domain.chat import ChatRequest, Message
from bedplate.domain.checks import Contract, Failure, Rule
from bedplate.errors import BedplateError
from bedplate.rag.quoted import quoted, reason

KEPT = 0.7
"""From which grade on, of 1, tone and topics are as wanted."""

MOST_REPLY = 20_000
OUTPUT_TOKENS = 2_000
"""For a model that thinks before it grades."""

MOST_ANSWER = 20_000

_GRADE = re.compile(r"\W*(10|\d)(?:\s*/\s*10)?\W*")
_RELEVANCE = (
    "The answer addresses what the question asks: whoever asked learns what they wanted to know. An "
    "answer about something else, beside the point or that leaves out what was asked breaks it. "
    "Whether it is true does not matter."
)


class Grader:
    """Fails closed: no grade is a failure of the rule."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        folder = files("bedplate.rag").joinpath("prompts")
        self._instructions = folder.joinpath("grade.md").read_text(encoding="utf-8")
        self._answer = folder.joinpath("grade_answer.md").read_text(encoding="utf-8")

    async def failures(
        self,
        contract: Contract,
        question: str,
        text: str,
        *,
        by: str,
        deadline: float,
        account: Account,
    ) -> list[Failure]:
        """Of tone, topics and relevance those that `text` does not keep, graded at once by `by`."""
        asked: list[tuple[Rule, str, float]] = []
        if contract.relevance:
            asked.append(("relevance", _RELEVANCE, contract.relevance))
        if contract.tone:
            asked.append(("tone", f"The tone of the answer is: {contract.tone}", KEPT))
        if contract.topics:
            asked.append(("topics", f"The answer speaks only of: {contract.topics}", KEPT))

        async def look(rule: Rule, wanted: str, least: float) -> Failure | None:
            try:
                grade = await self._grade(
                    wanted, question, text, by=by, deadline=deadline, account=account
                )
            except BedplateError as error:
                return Failure(rule, f"It could not be graded: {reason(error)}")
            if grade is None:
                return Failure(rule, f"It could not be graded: {by!r} gave no grade from 0 to 10.")
            if grade < least:
                return Failure(rule, f"It is graded {grade:.1f}; {least:.1f} is wanted. {wanted}")
            return None

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(look(*each)) for each in asked]
        return [found for task in tasks if (found := task.result()) is not None]

    async def _grade(
        self, rule: str, question: str, text: str, *, by: str, deadline: float, account: Account
    ) -> float | None:
        request = ChatRequest(
            (
                Message("system", self._instructions.format(rule=rule)),
                Message(
                    "user",
                    self._answer.format(
                        question=quoted(question), answer=quoted(text[:MOST_ANSWER])
                    ),
                ),
            ),
            asked=question,
            max_output_tokens=OUTPUT_TOKENS,
            temperature=0.0,
            deadline=deadline,
            account=account,
        )
        found = _GRADE.fullmatch(await self._turn.text(by, request, most=MOST_REPLY))
        return None if found is None else int(found[1]) / 10
