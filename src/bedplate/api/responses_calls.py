"""A response as asked for, put to the flow: what answers it, and what it repeats of the request."""

import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bedplate.api.attached import attached
from bedplate.api.completions import answered, find
from bedplate.api.file_filters import Filter, settled
from bedplate.api.responses_items import MOST_ITEMS
from bedplate.api.responses_requests import ResponseCall, ResponsesBody, TextFormat
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import (
    BadFilter,
    InvalidInput,
    NotFound,
)
from bedplate.rag.answer import AskRequest
from bedplate.rag.dialogue import dialogue
from bedplate.responses.context import Context
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    ItemReference,
    Message,
    fresh_id,
)
from bedplate.responses.keeping import item_of, items_of
from bedplate.responses.open_items import Shown
from bedplate.responses.respond import Asked
from bedplate.responses.response import ConversationReference, Response
from bedplate.responses.searching import FileSearch
from bedplate.transcripts.protocol import StoredItem

DEFAULT_RESULTS = 10
RESULTS = (FunctionCallOutput, CustomToolCallOutput)
QUOTING = "quote"

UNHONOURED: Mapping[str, tuple[object, ...]] = {
    "tools": ((),),
    "output": (None,),
    "logprobs": (None,),
    "top_p": (None, 1, 1.0),
}
"""What a grounded answer cannot honour, with the values that ask for nothing."""

REPEATED = (
    "model",
    "instructions",
    "previous_response_id",
    "background",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "tool_choice",
    "truncation",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "user",
)
"""Fields of the request that a response has under the same name."""

WIRE_NAMES = {"output": "text.format", "logprobs": "top_logprobs"}
"""Of those above whose field in the request is called otherwise."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and until when they wait, on the event loop's clock; None waits for ever."""

    account: Account
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Turns:
    """What a response goes on from, and what is new."""

    former: tuple[Item, ...]
    given: tuple[Item, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        return (*self.former, *self.given)


class Calls:
    def __init__(self, app: App) -> None:
        self._app = app

    def draft(self, call: ResponseCall) -> Draft:
        body = call.body
        asked_for_summary = body.reasoning and (
            body.reasoning.summary or body.reasoning.generate_summary
        )
        thoughts: Shown = "summary" if asked_for_summary else "content"
        return Draft(_blank(call), thoughts=thoughts)

    async def conversation(self, call: ResponseCall, caller: Caller) -> Turns:
        """Every item that the answer is to, the oldest first.

        Raises:
            PreviousNotFound: the response that this one goes on from is not there.
            NotFound: so with the conversation, or an item that is referred to.
            InvalidInput: there is nothing to answer, or the result of a call that nobody made.
        """
        tenant = caller.account.tenant
        before: tuple[StoredItem, ...] = ()
        if call.body.previous_response_id is not None:
            before = await self._app.transcripts.responses.chain(
                tenant, call.body.previous_response_id
            )
        elif call.conversation is not None:
            before = await self._app.transcripts.items.all(tenant, call.conversation)
        given = await resolved(self._app, tenant, call.input)
        if not before and not given:
            raise InvalidInput("input: expected at least one item, got none.", param="input")
        if (count := len(before) + len(given)) > MOST_ITEMS:
            raise InvalidInput(
                f"input: {count:,} items with those that it goes on from; at most {MOST_ITEMS:,} "
                "are read. Begin anew with a summary.",
                param="input",
            )
        known = {item.id for item in before}
        new = tuple(item for item in given if item.id not in known)
        former = items_of(before)
        _check_results((*former, *new))
        return Turns(former, new)

    async def events(
        self, call: ResponseCall, draft: Draft, items: Sequence[Item], caller: Caller
    ) -> AsyncGenerator[Event]:
        """The answer to the items, which are the whole conversation.

        What can be refused is refused here, before anything is told. Errors that come later are
        raised, too.

        Raises:
            NotFound: an unknown model, assistant or collection.
            InvalidInput: something that the model or assistant cannot do.
        """
        config, model = self._app.config, call.body.model
        if model not in config.models:
            assistant = await find(self._app, model, caller.account.tenant)
            if call.tools.search is not None or call.tools.servers:
                raise InvalidInput(
                    "tools: an assistant has collections and tools of its own; leave file_search "
                    "and mcp out.",
                    param="tools",
                )
            request = replace(
                call.request,
                messages=Context(instructed(call, items)).messages,
                deadline=caller.deadline,
                account=caller.account,
            )
            told = self._app.assistants.stream(assistant, request, param="input")
            return self._app.respond.tell(draft, answered(told))
        search = await self._search(call, caller) if call.may_search else None
        # A model that quotes calls no tools: it is given passages, or has nothing to say.
        quotes = config.models[model].use == QUOTING
        if quotes and call.tools.servers:
            raise InvalidInput(
                f"tools: the model {model!r} quotes, and calls no tools; leave mcp out.",
                param="tools",
            )
        grounded = call.must_search and not call.tools.servers and not _unhonoured(call)
        if search is not None and (quotes or grounded):
            question = AskRequest(
                "",
                search.scopes,
                model,
                filter=search.filter,
                passages=search.limit,
                rewrite=config.search.rewrite,
                max_output_tokens=config.ask.max_output_tokens,
                deadline=caller.deadline,
                self_query=config.search.self_query,
                tell_retrieved=True,
                account=caller.account,
            )
            return self._app.respond.ground(draft, _spoken(call, question, items))
        asked = Asked(
            model,
            replace(call.request, deadline=caller.deadline, account=caller.account),
            search,
            call.tools.servers,
            truncate=call.body.truncation == "auto",
            most_calls=call.body.max_tool_calls,
        )
        return self._app.respond.converse(draft, asked, instructed(call, items))

    async def _search(self, call: ResponseCall, caller: Caller) -> FileSearch | None:
        """The tool, its collections looked up."""
        search = call.tools.search
        if search is None:
            return None
        tenant = caller.account.tenant
        try:
            scopes = tuple([await self._scope(tenant, store) for store in search.stores])
        except NotFound as error:
            raise NotFound(error.message, param="tools") from error
        filter = search.filter
        if filter is not None:
            scopes, filter = await self._narrowed(scopes, filter)
        limit = search.limit or DEFAULT_RESULTS
        return FileSearch(
            scopes, filter, limit, search.threshold, self._app.config.search.self_query
        )

    async def _narrowed(
        self, scopes: tuple[Scope, ...], filter: Filter
    ) -> tuple[tuple[Scope, ...], Filter | None]:
        """Without those in which nothing can pass. BadFilter where the rest differ in what is to be
        asked of them.
        """
        left: dict[Scope, Filter | bool] = {}
        for scope in scopes:
            fields = (await self._app.catalog.collections.get(scope)).fields
            if (read := settled(filter, fields)) is not False:
                left[scope] = read
        asked = [read for at, read in enumerate(left.values()) if read not in [*left.values()][:at]]
        if len(asked) > 1:
            raise BadFilter(
                "tools: the vector stores differ in the attributes of the filter; search them one by "
                "one.",
                param="tools",
            )
        return tuple(left), None if not asked or isinstance(asked[0], bool) else asked[0]

    async def _scope(self, tenant: TenantId, store: str) -> Scope:
        """Of a vector store, by its id or the name of its collection."""
        if self._app.library is not None:
            return await self._app.library.stores.scope(tenant, store)
        scope = Scope(tenant, store)
        await self._app.catalog.collections.get(scope)
        return scope


async def resolved(
    app: App,
    tenant: TenantId,
    given: Sequence[Item | ItemReference],
    where: str = "input",
) -> tuple[Item, ...]:
    """With the items in place that are only referred to, and files read.

    NotFound for an item that is not there; errors of files as `Attached.read`.
    """
    for id, times in Counter(item.id for item in given).items():
        if times > 1:
            raise InvalidInput(f"{where}: there is more than one item {id!r}.", param=where)
    wanted = [item.id for item in given if isinstance(item, ItemReference)]
    found = {item.id: item for item in await app.transcripts.responses.find(tenant, wanted)}
    items: list[Item] = []
    for at, item in enumerate(given):
        if not isinstance(item, ItemReference):
            items.append(item)
        elif item.id in found:
            items.append(item_of(found[item.id]))
        else:
            raise NotFound(f"Item with id {item.id!r} not found.", param=f"{where}.{at}.id")

    return await attached(app, tenant, where).read(items)


def _check_results(items: Sequence[Item]) -> None:
    """No provider takes the result of a call that does not stand before it."""
    made: set[str] = set()
    for item in items:
        if isinstance(item, FunctionCall | CustomToolCall):
            made.add(item.call_id)
        elif isinstance(item, RESULTS) and item.call_id not in made:
            raise InvalidInput(
                f"input: there is no call {item.call_id!r:.100} before its result: send the call "
                "too, or the response that made it as 'previous_response_id'.",
                param="input",
            )


def _spoken(call: ResponseCall, question: AskRequest, items: Sequence[Item]) -> AskRequest:
    """The question of the conversation's last item, to whatever `question` is put to."""
    for name in _unhonoured(call):
        raise InvalidInput(
            f"{name}: a grounded answer cannot honour this; leave it out, or ask a plain model.",
            param=name,
        )
    said = dialogue(Context(items).messages, param="input")
    told = (question.instructions, call.body.instructions or "", *said.instructions)
    return replace(
        question,
        question=said.question,
        history=said.history,
        instructions="\n\n".join(filter(None, told)),
        max_output_tokens=call.request.max_output_tokens or question.max_output_tokens,
        temperature=call.request.temperature,
    )


def _unhonoured(call: ResponseCall) -> tuple[str, ...]:
    return tuple(
        WIRE_NAMES.get(name, name)
        for name, harmless in UNHONOURED.items()
        if getattr(call.request, name) not in harmless
    )


def instructed(call: ResponseCall, items: Sequence[Item]) -> tuple[Item, ...]:
    if not call.body.instructions:
        return tuple(items)
    return (Message("system", (InputText(call.body.instructions),)), *items)


def _blank(call: ResponseCall) -> Response:
    """The response before anything is said: what was asked for, and what holds without it."""
    body = call.body
    given: Mapping[str, Any] = {
        name: value for name in REPEATED if (value := getattr(body, name)) is not None
    }
    return Response(
        id=fresh_id("resp"),
        created_at=int(time.time()),
        status="in_progress",
        conversation=ConversationReference(call.conversation) if call.conversation else None,
        metadata=call.metadata,
        store=call.store,
        tools=call.tools.shown,
        text=_text(body),
        reasoning=_reasoning(body),
        **given,
    )


def _text(body: ResponsesBody) -> Mapping[str, Any]:
    format = (body.text and body.text.format) or TextFormat("text")
    shown = {
        name: value
        for name, value in msgspec.structs.asdict(format).items()
        if value is not None or (name == "strict" and format.type == "json_schema")
    }
    verbosity = body.text.verbosity if body.text else None
    return {"format": shown, **({} if verbosity is None else {"verbosity": verbosity})}


def _reasoning(body: ResponsesBody) -> Mapping[str, Any]:
    asked = body.reasoning
    if asked is None:
        return {"effort": None, "summary": None}
    return {"effort": asked.effort, "summary": asked.summary or asked.generate_summary}
