import json
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.tools import ToolSpec
from bedplate.models.protocol import Bound
from bedplate.models.written import Written
from bedplate.models.written_calls import read_calls

NAMES = {"find_order", "shop.refund"}
FIND = ("find_order", {"order": "A-1"})
REFUND = (
    "shop.refund",
    {"order": "A-1", "amount": 2.5, "lines": [{"sku": "x", "paid": True}], "note": None},
)
DONE = Finished("stop", Usage(), "told")

ONE = [
    '<tool_call>\n{"name": "find_order", "arguments": {"order": "A-1"}}\n</tool_call>',
    '<tool_call>{"name": "find_order", "arguments": {"order": "A-1"}}',
    '<|python_tag|>{"name": "find_order", "parameters": {"order": "A-1"}}<|eom_id|>',
    '{"name": "find_order", "parameters": {"order": "A-1"}}',
    '<function=find_order>{"order": "A-1"}</function>',
    '[TOOL_CALLS] [{"name": "find_order", "arguments": {"order": "A-1"}}]</s>',
    '[TOOL_CALLS]find_order[ARGS]{"order": "A-1"}',
    '[find_order(order="A-1")]',
    '<|python_start|>[find_order(order="A-1")]<|python_end|>',
    '```json\n{"name": "find_order", "arguments": {"order": "A-1"}}\n```',
    '{"tool_calls": [{"id": "c", "type": "function", "function": {"name": "find_order", "arguments": "{\\"order\\": \\"A-1\\"}"}}]}',
]  # fmt: skip


def read(text: str) -> tuple[str, list[tuple[str, object]]]:
    rest, calls = read_calls(text, NAMES)
    return rest, [(call.name, call.arguments) for call in calls]


@pytest.mark.parametrize("text", ONE)
def test_a_call_is_read_in_every_common_form(text: str) -> None:
    assert read(text) == ("", [FIND])


def test_several_calls_and_what_is_said_beside_them_are_read() -> None:
    one, two = (json.dumps({"name": name, "arguments": given}) for name, given in (FIND, REFUND))
    beside = f"I look it up.\n<tool_call>{one}</tool_call>\n<tool_call>{two}</tool_call>"
    assert read(beside) == ("I look it up.", [FIND, REFUND])
    assert read(f"<|python_tag|>{one}; {two}") == ("", [FIND, REFUND])
    assert read(f"[{one}, {two}]") == ("", [FIND, REFUND])
    pythonic = '[find_order(order="A-1"), shop.refund(order="A-1", amount=2.5, lines=[{"sku": "x", "paid": true}], note=None)]'
    assert read(pythonic) == ("", [FIND, REFUND])
    mistral = (
        '[TOOL_CALLS]find_order[ARGS]{"order": "A-1"}[TOOL_CALLS]find_order[ARGS]{"order": "A-1"}'
    )
    assert read(mistral) == ("", [FIND, FIND])


@pytest.mark.parametrize(
    "text",
    [
        "The order A-1 is sent.",
        '{"answer": 42}',
        "[1] See the policy.",
        '{"name": "drop_tables", "arguments": {}}',
        '<tool_call>{"name": "find_order", "arguments": {"order": "A-1"</tool_call>',
        '<tool_call>{"name": "find_order", "arguments": [1]}</tool_call>',
        '[find_order("A-1")]',
        '[find_order(order=__import__("os").getcwd())]',
        "[find_order(**x)]",
        "find_order(order='A-1')",
        '<tool_call>{"name": "find_order"}</tool_call><tool_call>{"name": "other"}</tool_call>',
        "[" * 100_000,
        "(" * 5_000,
    ],
)
def test_what_is_no_call_of_a_known_tool_stays_text(text: str) -> None:
    assert read(text) == (text, [])


def test_a_call_without_arguments_has_none() -> None:
    assert read('<tool_call>{"name": "find_order"}</tool_call>') == ("", [("find_order", {})])
    assert read("[find_order()]") == ("", [("find_order", {})])


class Told:
    """Says what it is told to, in those pieces."""

    name = "told"

    def __init__(self, events: Sequence[ChatEvent]) -> None:
        self._events = events

    def bound(self, request: ChatRequest) -> Bound:
        return Bound(1, None)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        for event in self._events:
            yield event


async def streamed(*events: ChatEvent, tools: bool = True) -> list[ChatEvent]:
    request = ChatRequest(
        (Message("user", "Hi"),), tools=tuple(map(ToolSpec, NAMES)) if tools else ()
    )
    return [event async for event in Written(Told(events)).stream(request)]


def pieces(text: str, size: int) -> list[ChatEvent]:
    return [TextDelta(text[at : at + size]) for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("text", ONE)
async def test_a_call_is_handed_on_as_one_however_it_streams(text: str, size: int) -> None:
    call, end = await streamed(*pieces(text, size), DONE)
    assert isinstance(call, ToolCallDelta)
    assert (call.index, call.name, json.loads(call.arguments)) == (0, *FIND)
    assert call.id.startswith("call_")
    assert isinstance(end, Finished)
    assert end.reason == "tool_calls"


async def test_what_is_said_before_a_call_streams_at_once() -> None:
    text = 'I look < it up.<tool_call>{"name": "find_order", "arguments": {"order": "A-1"}}</tool_call>'
    events = await streamed(*pieces(text, 3), DONE)
    said = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(said) == "I look < it up."
    assert len(said) > 3
    assert [type(event) for event in events[-2:]] == [ToolCallDelta, Finished]


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet='<tool_cal>[TOOL]{"f:(`\n a', max_size=60), st.integers(1, 9))
async def test_text_that_is_no_call_comes_out_as_it_went_in(text: str, size: int) -> None:
    events = await streamed(*pieces(text, size), DONE)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == text
    assert events[-1] == DONE


async def test_calls_that_the_server_reads_itself_and_answers_without_tools_pass_as_they_are() -> (
    None
):
    native = [TextDelta("{"), ToolCallDelta(0, "{}", "c", "find_order"), DONE]
    assert [e for e in await streamed(*native) if isinstance(e, ToolCallDelta)] == [native[1]]
    plain = [TextDelta(ONE[0]), DONE]
    assert await streamed(*plain, tools=False) == plain
