"""A question read by a model: its reply is data that is checked, never trusted."""

import asyncio
from datetime import date
from importlib.resources import files

from bedplate.chat.turn import Turn
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.chat import ChatRequest, Message
from bedplate.domain.facets import Facets
from bedplate.domain.retrieval import Collection, SelfQuery
from bedplate.errors import InvalidInput
from bedplate.rag.quoted import quoted, reason
from bedplate.rag.self_query_fields import shown_fields
from bedplate.rag.self_query_reply import MOST_CHARACTERS, parse_reply

LONGEST_QUESTION = 2_000
MOST_TOKENS = 1_024


class ModelReader:
    """Asks the model called `name`, and once more where its reply cannot be used."""

    def __init__(self, turn: Turn, name: str, *, seconds: float) -> None:
        """`seconds` is for both calls together."""
        self.name = name
        self._turn = turn
        self._seconds = seconds
        folder = files("bedplate.rag").joinpath("prompts")
        self._rules = folder.joinpath("read.md").read_text(encoding="utf-8")
        self._question = folder.joinpath("read_question.md").read_text(encoding="utf-8")
        self._repair = folder.joinpath("read_repair.md").read_text(encoding="utf-8")

    async def read(
        self,
        question: str,
        collection: Collection,
        facets: Facets,
        *,
        today: date,
        deadline: float | None,
        account: Account = LOCAL,
    ) -> SelfQuery:
        """What the model takes the question for; its filter fits the collection's schema.

        Raises:
            InvalidInput: a question that is too long, or two replies that cannot be used.
            UpstreamError: the model failed, or took too long.
        """
        if len(question) > LONGEST_QUESTION:
            raise InvalidInput(
                f"The question has {len(question):,} characters; a model is asked to read at most "
                f"{LONGEST_QUESTION:,}."
            )
        latest = asyncio.get_running_loop().time() + self._seconds
        until = latest if deadline is None else min(latest, deadline)
        fields = await asyncio.to_thread(shown_fields, facets, question)
        asked = self._question.format(today=today, fields=fields, question=quoted(question))
        messages = (Message("system", self._rules), Message("user", asked))
        reply = await self._reply(messages, question, until, account)
        try:
            return parse_reply(reply, question, collection.fields, reader=self.name)
        except InvalidInput as error:
            repair = self._repair.format(problem=quoted(reason(error)))
        messages = (*messages, Message("assistant", reply), Message("user", repair))
        reply = await self._reply(messages, question, until, account)
        return parse_reply(reply, question, collection.fields, reader=self.name)

    async def _reply(
        self, messages: tuple[Message, ...], question: str, until: float, account: Account
    ) -> str:
        request = ChatRequest(
            messages,
            asked=question,
            max_output_tokens=MOST_TOKENS,
            deadline=until,
            account=account,
        )
        return await self._turn.text(self.name, request, most=MOST_CHARACTERS)
