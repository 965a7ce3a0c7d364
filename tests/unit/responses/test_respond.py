from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from tests.fixtures.told_model import Outcome, ToldModel, fails, says, told

from bedplate.chat.turn import Turn
from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.ids import DEFAULT_TENANT, ChunkId, DocumentId
from bedplate.domain.retrieval import Hit, Scope, SearchResult
from bedplate.domain.tools import ToolChoice, ToolSpec
from bedplate.errors import ContextOverflow
from bedplate.models.protocol import Bound
from bedplate.rag.asked import Asked as AskedText
from bedplate.responses.draft import Draft
from bedplate.responses.items import InputText, Item, Message, OutputText, Reasoning
from bedplate.responses.respond import Asked, Respond
from bedplate.responses.response import Response
from bedplate.responses.searching import FileSearch, read_queries

REFUND = "Refunds take 30 days."
SEARCH = FileSearch((Scope(DEFAULT_TENANT, "policies"),))


class Found:
    """A search that finds the same passage for every query, and keeps the queries."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def asked(self, text: str) -> AskedText:
        return cast(AskedText, text)

    async def search(self, scope: Scope, request: Any, asked: Any = None) -> SearchResult:
        self.queries.append(request.text)
        hit = Hit(DocumentId("d"), ChunkId("d#0"), 0.9, REFUND, "Refunds", "d", 0, len(REFUND))
        return SearchResult((hit,), "hybrid", "exact", 1.0)


def respond(model: ToldModel, found: Found | None = None) -> Respond:
    turn = Turn({"m": model}, seconds=10)
    return Respond(turn, cast(Any, None), cast(Any, found or Found()), cast(Any, None))


def user(text: str = "refunds?") -> Message:
    return Message("user", (InputText(text),), "msg_1")


def call(name: str, arguments: str, index: int = 0) -> tuple[ChatEvent, ...]:
    return (
        ToolCallDelta(index, id=f"call_{index}", name=name),
        ToolCallDelta(index, arguments=arguments),
    )


def searches(*queries: str, more: tuple[ChatEvent, ...] = ()) -> Outcome:
    quoted = ", ".join(f'"{query}"' for query in queries)
    return Outcome((*call("file_search", f'{{"queries": [{quoted}]}}'), *more), reason="tool_calls")


async def answered(
    model: ToldModel,
    asked: Asked,
    *items: Item,
    found: Found | None = None,
) -> tuple[Response, list[str]]:
    draft = Draft(Response(id="resp_1", created_at=0, status="in_progress", model="m"))
    events = respond(model, found).converse(draft, asked, items or (user(),))
    types = [event.type.removeprefix("response.") async for event in events]
    return draft.response, types


def text_of(response: Response) -> str:
    parts = [part for item in response.output if isinstance(item, Message) for part in item.content]
    return "".join(part.text for part in parts if isinstance(part, OutputText))


async def test_a_search_that_the_model_asks_for_is_made_and_shown_to_it():
    model, found = told("m", searches("refunds", "days"), says("30 days [1][7].")), Found()

    response, _ = await answered(model, Asked("m", ChatRequest(()), SEARCH), found=found)

    assert found.queries == ["refunds", "days"]
    assert REFUND in model.requests[1].messages[-1].content
    assert text_of(response) == "30 days [1]."
    message = response.output[-1]
    assert isinstance(message, Message)
    assert [a["index"] for a in cast(OutputText, message.content[0]).annotations] == [8]


async def test_usage_is_that_of_all_calls_of_the_model():
    model = told("m", searches("a"), says("b"))

    response, _ = await answered(model, Asked("m", ChatRequest(()), SEARCH))

    assert response.usage is not None
    assert (response.usage.total_tokens, response.usage.cost_usd) == (30, 0.02)


async def test_searches_are_bounded_and_then_the_model_must_answer():
    model = told("m", searches("a"), searches("b"), searches("c"), says("never"))

    response, types = await answered(model, Asked("m", ChatRequest(()), SEARCH, most_calls=2))

    assert types.count("file_search_call.completed") == 2
    assert [request.tool_choice for request in model.requests] == [None, None, ToolChoice("none")]
    assert response.status == "completed"


async def test_a_search_that_had_to_be_made_need_not_be_made_again():
    choice = ToolChoice("required", ("file_search",))
    model = told("m", searches("a"), says("b"))

    await answered(
        model, Asked("m", ChatRequest((), tool_choice=choice, max_output_tokens=8), SEARCH)
    )

    assert [request.tool_choice for request in model.requests] == [choice, None]
    assert [request.max_output_tokens for request in model.requests] == [8, 3]


async def test_a_function_called_beside_a_search_ends_the_response_with_both():
    weather = ToolSpec("weather")
    model = told("m", searches("a", more=call("weather", "{}", 1)), says("never"))

    response, _ = await answered(model, Asked("m", ChatRequest((), tools=(weather,)), SEARCH))

    assert [type(item).__name__ for item in response.output] == ["FunctionCall", "FileSearchCall"]
    assert len(model.requests) == 1


async def test_a_conversation_that_is_too_long_loses_its_oldest_turns_where_it_may():
    too_long = fails(ContextOverflow("long", tokens=100, limit=60))
    items = [user("x" * 300), user("y" * 300), user("last")]

    model = told("m", too_long, says("ok"))
    response, _ = await answered(model, Asked("m", ChatRequest(()), truncate=True), *items)
    assert text_of(response) == "ok"
    assert [m.content[0] for m in model.requests[-1].messages] == ["y", "l"]

    with pytest.raises(ContextOverflow):
        await answered(told("m", too_long), Asked("m", ChatRequest(())), *items)
    with pytest.raises(ContextOverflow):
        await answered(told("m", too_long), Asked("m", ChatRequest(()), truncate=True), user("x"))


async def test_whoever_stops_listening_ends_the_models_call():
    model = told("m", says("One", "Two"))
    draft = Draft(Response(id="resp_1", created_at=0, status="in_progress", model="m"))
    events = respond(model).converse(draft, Asked("m", ChatRequest(())), (user(),))

    assert (await anext(events)).type == "response.created"
    assert model.active == 1
    await events.aclose()
    assert model.active == 0


async def test_probabilities_are_told_with_their_text():
    token = TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Ho", -1.0),))
    model = told("m", Outcome((TextDelta("Hi", (token,)),)))

    response, _ = await answered(model, Asked("m", ChatRequest((), logprobs=1)))

    message = response.output[0]
    assert isinstance(message, Message)
    assert cast(OutputText, message.content[0]).logprobs == (
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "Ho", "logprob": -1.0, "bytes": []}],
        },
    )


class Thinking:
    """A model whose provider wants its thoughts back."""

    name = "thinking"

    def __init__(self, *events: ChatEvent) -> None:
        self._events = events

    def bound(self, request: ChatRequest) -> Bound:
        return Bound(1, None)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        for event in self._events:
            yield event
        yield Finished("stop", Usage(1, 1), "thinking", reasoning={"signature": "x"})


@pytest.mark.parametrize("shown", [True, False])
async def test_thoughts_are_kept_as_their_provider_wants_them_back(shown: bool):
    thought = (ReasoningDelta("Hm."),) if shown else ()
    model = Thinking(*thought, TextDelta("Done."))

    response, types = await answered(cast(Any, model), Asked("m", ChatRequest(())))

    [reasoning] = [item for item in response.output if isinstance(item, Reasoning)]
    assert reasoning.encrypted_content == "eyJzaWduYXR1cmUiOiJ4In0="
    assert (reasoning.content is not None) is shown
    assert types.count("output_item.added") == types.count("output_item.done") == 2


@pytest.mark.parametrize(
    ("arguments", "queries"),
    [
        ('{"queries": ["a", "b"]}', ("a", "b")),
        ('{"queries": "a"}', ("a",)),
        ('{"queries": ["a", 1, " "]}', ("a",)),
        ('{"query": "a"}', ()),
        ("[]", ()),
        ("no JSON", ()),
        ("", ()),
    ],
)
def test_queries_are_read_as_far_as_they_make_sense(arguments: str, queries: tuple[str, ...]):
    assert read_queries(arguments) == queries
