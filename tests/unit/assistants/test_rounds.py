import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.fixtures.assistants import Helped, LocalTool, scripted, text_of

from bedplate.assistants.protocol import Done
from bedplate.domain.chat import Message, ToolCallDelta
from bedplate.domain.tools import ToolCall, ToolChoice, ToolSpec
from bedplate.errors import BudgetExceeded, InvalidInput, PriceUnknown, Unavailable
from bedplate.tools.protocol import ToolPolicy, ToolResult

WEATHER = ToolSpec("weather", "The weather.", {"type": "object", "properties": {}})


def calls(*names: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments} for name in names]}


async def test_what_a_tool_answers_goes_to_the_model_which_then_answers() -> None:
    tool = LocalTool("orders")
    helped = Helped(
        scripted(
            calls("orders", id=7) | {"match": "order", "reply": "Let me look."},
            {"match": "order", "result": '"id": 7', "reply": "It is on its way."},
        ),
        tool,
    )

    events = await helped.events("Where is my order?")

    assert text_of(events) == "Let me look.\n\nIt is on its way."
    [(arguments, context)] = tool.calls
    assert arguments == {"id": 7}
    assert context.account.assistant == "help"
    assert context.key
    last = events[-1]
    assert isinstance(last, Done)
    assert (last.answer.text, last.end.reason) == (text_of(events), "stop")
    assert last.answer.usage.input_tokens > 0
    first, second = helped.requests
    assert [tool.name for tool in first.tools] == ["orders"]
    assert [message.role for message in second.messages] == ["user", "assistant", "tool"]
    assert second.messages[2].content == 'orders says {"id": 7}'


async def test_calls_of_one_round_are_under_way_together() -> None:
    both = asyncio.Barrier(2)

    async def meets(arguments: Mapping[str, Any]) -> ToolResult:
        await both.wait()
        return ToolResult("met")

    helped = Helped(
        scripted(calls("a", "b"), {"result": "met", "reply": "Both."}),
        LocalTool("a", answer=meets),
        LocalTool("b", answer=meets),
    )

    assert (await helped.done("go")).answer.text == "Both."


async def test_a_function_of_the_clients_is_called_by_the_client() -> None:
    tool = LocalTool("orders")
    helped = Helped(scripted(calls("weather", "orders", city="Oslo")), tool)

    events = await helped.events("Rain?", tools=(WEATHER,))

    passed = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [(part.index, part.name) for part in passed if part.id] == [(0, "weather")]
    assert "".join(part.arguments for part in passed) == '{"city": "Oslo"}'
    last = events[-1]
    assert isinstance(last, Done)
    assert last.end.reason == "tool_calls"
    assert tool.calls == []


async def test_the_clients_answer_to_its_call_goes_on_where_it_was() -> None:
    helped = Helped(
        scripted(calls("weather"), {"match": "rain", "result": "wet", "reply": "Yes."}),
        LocalTool("orders"),
    )

    done = await helped.done(
        "Rain?",
        Message("assistant", "", tool_calls=(ToolCall("c1", "weather", "{}"),)),
        Message("tool", "wet", tool_call_id="c1"),
        tools=(WEATHER,),
    )

    assert done.answer.text == "Yes."


@pytest.mark.parametrize(
    ("called", "says"),
    [
        ({"name": "nothing"}, "There is no tool 'nothing'. There are: orders"),
        ({"name": "orders", "arguments": "{broken"}, "no JSON"),
        ({"name": "orders", "arguments": "[1]"}, "write one JSON object"),
    ],
)
async def test_a_wrong_call_is_told_to_the_model(called: dict[str, Any], says: str) -> None:
    tool = LocalTool("orders")
    helped = Helped(scripted({"tool_calls": [called]}, {"result": "", "reply": "Sorry."}), tool)

    done = await helped.done("go")

    assert done.answer.text == "Sorry."
    result = helped.requests[1].messages[-1]
    assert result.failed
    assert says in result.content
    assert tool.calls == []


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (ToolPolicy(approve=True), "needs the approval"),
        (ToolPolicy(approve="amount > 100"), "needs the approval"),
        (ToolPolicy(effect="once"), "must not happen twice"),
    ],
)
async def test_what_takes_a_run_is_not_called_in_a_chat(policy: ToolPolicy, says: str) -> None:
    tool = LocalTool("refund", policy)
    model = scripted(calls("refund", amount=500), {"result": "/api/runs", "reply": "By a run."})
    helped = Helped(model, tool)

    assert (await helped.done("refund!")).answer.text == "By a run."
    assert tool.calls == []
    assert says in helped.requests[1].messages[-1].content


async def test_below_the_condition_for_approval_a_tool_is_called() -> None:
    policy = ToolPolicy(effect="idempotent", approve="amount > 100")
    tool = LocalTool("refund", policy, properties={"amount": {"type": "number"}})
    helped = Helped(scripted(calls("refund", amount=50), {"result": "50", "reply": "Done."}), tool)

    assert (await helped.done("refund!")).answer.text == "Done."
    assert len(tool.calls) == 1


async def test_a_tool_that_cannot_be_reached_is_told_to_the_model() -> None:
    async def away(arguments: Mapping[str, Any]) -> ToolResult:
        raise Unavailable("The shop is closed.")

    model = scripted(calls("orders"), {"result": "closed", "reply": "Try later."})
    helped = Helped(model, LocalTool("orders", answer=away))

    assert (await helped.done("go")).answer.text == "Try later."


async def test_the_last_round_of_a_budget_must_answer() -> None:
    tool = LocalTool("orders")
    helped = Helped(
        scripted(calls("orders"), {"result": "", "reply": "Enough."}), tool, budget={"steps": 2}
    )

    assert (await helped.done("go")).answer.text == "Enough."
    first, second = helped.requests
    assert first.tool_choice is None
    assert second.tool_choice == ToolChoice("none")


@pytest.mark.parametrize(
    "budget", [{"steps": 0}, {"model_calls": 0}, {"tokens": 5}, {"usd": 0.0}], ids=str
)
async def test_a_budget_of_nothing_asks_no_model(budget: dict[str, Any]) -> None:
    helped = Helped(scripted(replies=["Hello"]), budget=budget)

    with pytest.raises(BudgetExceeded, match="assistants.help.budget"):
        await helped.done("go")
    assert helped.requests == []


async def test_a_model_without_a_price_is_not_asked_where_dollars_are_to_be_bounded() -> None:
    helped = Helped(scripted(replies=["Hello"]), price=None, budget={"usd": 0.5})
    with pytest.raises(PriceUnknown, match=r"set \[models.m.price\]"):
        await helped.done("Hi")
    assert helped.requests == []
    # Where nobody declared dollars they are not counted.
    undeclared = Helped(scripted(replies=["Hello"]), price=None, budget={"steps": 3})
    assert (await undeclared.done("Hi")).answer.text == "Hello"


async def test_calls_beyond_the_budget_are_not_made() -> None:
    tool = LocalTool("orders")
    model = scripted(calls("orders", "orders", "orders"), {"result": "", "reply": "Fine."})
    helped = Helped(model, tool, budget={"tool_calls": 1})

    assert (await helped.done("go")).answer.text == "Fine."
    assert len(tool.calls) == 1
    told = [m.content for m in helped.requests[1].messages if m.role == "tool"]
    assert [each.startswith("Not called") for each in told] == [False, True, True]


async def test_a_name_of_the_clients_must_not_be_one_of_the_servers() -> None:
    helped = Helped(scripted(replies=["Hello"]), LocalTool("weather"))

    with pytest.raises(InvalidInput, match="has a tool 'weather' of its own"):
        await helped.done("go", tools=(WEATHER,))


async def test_a_client_that_wants_no_tools_gets_none() -> None:
    helped = Helped(scripted(replies=["Hello"]), LocalTool("orders"))

    await helped.done("go", tools=(WEATHER,), tool_choice=ToolChoice("none"))

    assert [tool.name for tool in helped.requests[0].tools] == ["weather"]
