from typing import Any

from bedplate.domain.tools import ToolCall
from bedplate.responses.context import NOTHING_FOUND, Context
from bedplate.responses.draft import sealed, unsealed
from bedplate.responses.items import (
    FileSearchCall,
    FileSearchResult,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Message,
    OutputText,
    Reasoning,
    Refusal,
)

RESULT = FileSearchResult("d", "Refunds", 0.5, "Refunds take 30 days.")


def user(text: str) -> Message:
    return Message("user", (InputText(text),))


def said(text: str) -> Message:
    return Message("assistant", (OutputText(text),))


def search(*results: FileSearchResult, id: str = "fs_1") -> FileSearchCall:
    return FileSearchCall(("refunds",), "completed", id, results)


def roles(context: Context) -> list[str]:
    return [message.role for message in context.messages]


def test_what_an_assistant_thinks_says_and_calls_is_one_message():
    thoughts = {"reasoning_content": "Hm."}
    context = Context(
        [
            user("weather?"),
            Reasoning("rs", encrypted_content=sealed(thoughts)),
            said("Let me look."),
            FunctionCall("call_1", "weather", "{}"),
            FunctionCall("call_2", "weather", "{}"),
            FunctionCallOutput("call_1", "rain"),
            FunctionCallOutput("call_2", (InputText("sun"),)),
        ]
    )

    assert roles(context) == ["user", "assistant", "tool", "tool"]
    assistant = context.messages[1]
    assert assistant.content == "Let me look."
    assert assistant.reasoning == thoughts
    assert [call.id for call in assistant.tool_calls] == ["call_1", "call_2"]
    assert [message.content for message in context.messages[2:]] == ["rain", "sun"]


def test_a_second_thought_begins_a_second_message():
    context = Context(
        [
            Reasoning("rs_1", encrypted_content=sealed([1])),
            said("One."),
            Reasoning("rs_2", encrypted_content=sealed([2])),
            said("Two."),
        ]
    )

    assert [(m.content, m.reasoning) for m in context.messages] == [("One.", [1]), ("Two.", [2])]


def test_a_refusal_is_what_the_assistant_said():
    context = Context([Message("assistant", (Refusal("No."),))])
    assert context.messages[0].content == "No."


def test_what_was_found_in_this_turn_is_shown_as_the_tools_answer():
    context = Context([user("refunds?"), search(RESULT), search(id="fs_2")], search_tool="look")

    assert roles(context) == ["user", "assistant", "tool", "assistant", "tool"]
    [call] = context.messages[1].tool_calls
    assert call == ToolCall("fs_1", "look", '{"queries": ["refunds"]}')
    assert '<source number="1"' in context.messages[2].content
    assert RESULT.text in context.messages[2].content
    assert context.messages[4].content == NOTHING_FOUND
    assert [passage.hit.document_id for passage in context.passages] == ["d"]


def test_passages_of_several_searches_are_numbered_on():
    context = Context([user("refunds?"), search(RESULT)], search_tool="look")
    context.add(search(RESULT, id="fs_2"))

    assert [passage.number for passage in context.passages] == [1, 2]
    assert '<source number="2"' in context.messages[-1].content


def test_searches_of_former_turns_and_without_the_tool_are_left_out():
    items = [user("refunds?"), search(RESULT), said("30 days."), user("Thanks")]

    for tool in ("look", None):
        assert roles(Context(items, search_tool=tool)) == ["user", "assistant", "user"]
    assert Context(items[:2]).passages == []


def test_only_what_was_sealed_is_unsealed():
    cases: list[Any] = [{"a": [1, None]}, "text", []]
    for thoughts in cases:
        assert unsealed(sealed(thoughts)) == thoughts
    for strange in (None, "", "no base64!", "bm8ganNvbg==", "\u00e9"):
        assert unsealed(strange) is None
    assert sealed(None) is None
