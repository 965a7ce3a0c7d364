"""Respond: one request through a model and its searches, or a grounded answer, told as events."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace

from bedplate.chat.turn import Turn
from bedplate.domain.answers import AnswerEvent
from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    FinishReason,
    TextDelta,
)
from bedplate.domain.tools import ToolChoice
from bedplate.errors import ContextOverflow
from bedplate.models.compaction import compacted
from bedplate.models.tokens import request_tokens
from bedplate.rag.answer import Ask, AskRequest
from bedplate.rag.interpret import Interpret
from bedplate.responses.context import Context
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.items import Item
from bedplate.responses.own_tools import OwnTools
from bedplate.responses.remote import OpenServer, RemoteServer
from bedplate.responses.rounds import Round, closing
from bedplate.responses.searching import FileSearch
from bedplate.responses.telling import Telling

MOST_CALLS = 16
"""Searches and calls of MCP servers, by one response, where the request sets no limit; then the model must answer."""

CUT_OFF: frozenset[FinishReason] = frozenset({"length", "content_filter"})

SHORTER = 0.5
"""What is kept of a conversation that is too long, where nobody says by how much."""

MARGIN = 0.9
"""Of the room that a model says it has: what it counts is only estimated here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A response as asked for, but for its conversation.

    `model` is what the turn knows; `request` its settings and functions, without messages.
    `search` is the tool file_search where it may be used, `servers` are MCP servers. `truncate`
    leaves out the oldest turns of a conversation that is too long for the model. `most_calls` bounds
    the searches and calls of servers.
    """

    model: str
    request: ChatRequest
    search: FileSearch | None = None
    servers: tuple[RemoteServer, ...] = ()
    truncate: bool = False
    most_calls: int | None = None


class Respond:
    def __init__(self, turn: Turn, ask: Ask, search: Interpret, servers: OpenServer) -> None:
        self._turn = turn
        self._ask = ask
        self._search = search
        self._servers = servers

    async def converse(
        self, draft: Draft, asked: Asked, items: tuple[Item, ...]
    ) -> AsyncGenerator[Event]:
        """A model's answer to the items, with the searches and the calls of servers it asks for.

        Without servers nothing is told before the model was heard. A call of a function ends it, as
        does one that somebody has to allow: what follows is for the client to send. Errors are those
        of `Turn.stream`, `Interpret.search` and `OpenServer`.
        """
        request = asked.request
        tools = OwnTools(
            draft,
            self._search,
            asked.search,
            functions=[each.name for each in request.tools],
            account=request.account,
            deadline=request.deadline,
        )
        async with AsyncExitStack() as stack:
            for events in (
                tools.open(asked.servers, self._servers, stack, items) if asked.servers else None,
                tools.allowed(items) if asked.servers else None,
            ):
                if events is None:
                    continue
                async with aclosing(events):
                    async for told in events:
                        yield told
            async with aclosing(self._conversed(draft, asked, items, tools)) as events:
                async for told in events:
                    yield told

    async def _conversed(
        self, draft: Draft, asked: Asked, items: tuple[Item, ...], tools: OwnTools
    ) -> AsyncGenerator[Event]:
        everything = (*items, *draft.response.output)
        context = Context(everything, search_tool=tools.search_name, tool_name=tools.offer.name_of)
        request = replace(
            asked.request,
            tools=(*asked.request.tools, *tools.specs),
            tool_choice=tools.offer.chosen(asked.request.tool_choice),
        )
        left = MOST_CALLS if asked.most_calls is None else asked.most_calls
        while True:
            if tools.names and left <= 0:
                request = _without(request, tools.names)
            request = replace(request, messages=context.messages)
            current = Round(draft, tools.names, context.passages)
            async with aclosing(self._round(asked, request, current)) as events:
                async for told in events:
                    yield told
            if not current.calls or left <= 0 or current.reason in CUT_OFF:
                break
            for call in current.calls[:left]:
                async with aclosing(tools.run(call)) as events:
                    async for told in events:
                        yield told
            for item in draft.response.output[current.first :]:
                context.add(item)
            left -= len(current.calls)
            if current.functions or tools.asked:
                break
            request = _freed(request, asked, draft)
        for told in closing(draft, current.reason):
            yield told

    def ground(self, draft: Draft, request: AskRequest) -> AsyncGenerator[Event]:
        """A grounded answer; where the request tells what was retrieved, as a search of it.

        Errors are those of `Ask.stream`.
        """
        return self.tell(draft, self._ask.stream(request))

    async def tell(
        self, draft: Draft, events: AsyncGenerator[AnswerEvent | ChatEvent]
    ) -> AsyncGenerator[Event]:
        """An answer that somebody else makes, which ends with an Answer, told as a response.

        Errors are those of its events.
        """
        telling = Telling(draft)
        async with aclosing(events):
            async for event in events:
                for told in telling.take(event):
                    yield told

    async def _round(
        self, asked: Asked, request: ChatRequest, current: Round
    ) -> AsyncGenerator[Event]:
        async with aclosing(self._heard(asked, request)) as events:
            async for event in events:
                if current.cites and not isinstance(event, TextDelta):
                    # What is cited is looked up in the passages: too long for the event loop.
                    for told in await asyncio.to_thread(current.end_text):
                        yield told
                for told in current.take(event):
                    yield told

    async def _heard(self, asked: Asked, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The model's events; of a conversation that is too long for it, only the newest turns."""
        heard = False
        while True:
            try:
                async with aclosing(self._turn.stream(asked.model, request)) as events:
                    async for event in events:
                        heard = True
                        yield event
            except ContextOverflow as error:
                shorter = _shortened(request, error)
                if heard or not asked.truncate or shorter is None:
                    raise
                request = shorter
            else:
                return


def _without(request: ChatRequest, names: Sequence[str]) -> ChatRequest:
    """Still with the tools, as the conversation has calls of them, but not to be called any more."""
    others = tuple(each.name for each in request.tools if each.name not in names)
    choice = ToolChoice("auto", others) if others else ToolChoice("none")
    return replace(request, tool_choice=choice)


def _freed(request: ChatRequest, asked: Asked, draft: Draft) -> ChatRequest:
    """After calls: what had to be called was, and fewer tokens are left."""
    choice = request.tool_choice
    if choice is not None and choice.mode == "required":
        choice = None
    limit = asked.request.max_output_tokens
    if limit is not None:
        limit = max(1, limit - draft.usage.output_tokens)
    return replace(request, tool_choice=choice, max_output_tokens=limit)


def _shortened(request: ChatRequest, error: ContextOverflow) -> ChatRequest | None:
    """Without its oldest turns; None where there is nothing more to leave out."""
    tokens = request_tokens(request)
    share = SHORTER
    if error.tokens and error.limit is not None:
        share = MARGIN * min(1.0, error.limit / error.tokens)
    shorter, dropped = compacted(request, lambda r: request_tokens(r) <= share * tokens)
    return shorter if dropped else None
