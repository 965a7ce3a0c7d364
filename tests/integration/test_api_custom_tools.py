"""Tools that are called with a text: OpenAI's type `custom`, in chat completions and responses."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletion
from tests.fixtures.openai_wire import (
    DONE,
    USAGE,
    Exchange,
    Wire,
    chunk,
    event,
    serve_openai_wire,
    stream_bytes,
    tool_chunk,
    usage_chunk,
)
from tests.fixtures.responses_wire import checked, events_of, types_of
from tests.fixtures.serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
SQL = "select 'a \"{[' from t"
"""Brackets and quotes that would be read wrong as JSON."""
LARK = 'start: "select" /.+/'
CUSTOM = {
    "type": "custom",
    "custom": {
        "name": "query",
        "description": "Runs SQL.",
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": LARK}},
    },
}
FLAT = {
    "type": "custom",
    "name": "query",
    "description": "Runs SQL.",
    "format": {"type": "grammar", "syntax": "lark", "definition": LARK},
}
ASKED = {"model": "default", "messages": [{"role": "user", "content": "How many?"}]}


def custom(input: str, **fields: Any) -> dict[str, Any]:
    named = {"name": fields.pop("name")} if "name" in fields else {}
    return {"index": 0, "custom": {**named, "input": input}, **fields}


async def calls_the_tool(exchange: Exchange) -> None:
    """As OpenAI streams it: the name first, then the text in pieces; whole where it is asked so."""
    if exchange.body["messages"][-1]["role"] == "tool":
        for packet in stream_bytes("Seven."):
            await exchange.send(packet)
        return
    await exchange.send(event(tool_chunk(custom("", id="call_1", name="query", type="custom"))))
    for piece in (SQL[:9], SQL[9:]):
        await exchange.send(event(tool_chunk(custom(piece))))
    await exchange.send(event(chunk(finish="tool_calls")))
    await exchange.send(event(usage_chunk(USAGE)))
    await exchange.send(DONE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_openai_wire() as wire:
        wire.script(calls_the_tool)
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncGenerator[Served]:
    upstream = {"use": "openai", "model": "m", "base_url": wire.base_url}
    settings: dict[str, Any] = {
        "models__default": {**upstream, "custom_tools": True},
        "models__plain": upstream,
        "models__claude": {"use": "anthropic", "model": "claude", "base_url": wire.base_url},
    }
    async with serving(tmp_path_factory.mktemp("custom"), **settings) as served:
        yield served


async def test_a_chat_completion_calls_it_with_a_text(served: Served, wire: Wire) -> None:
    choice = {"type": "custom", "custom": {"name": "query"}}
    reply = await served.post(CHAT, {**ASKED, "tools": [CUSTOM], "tool_choice": choice})

    ChatCompletion.model_validate_json(reply.body)
    [made] = reply.json["choices"]
    assert made["finish_reason"] == "tool_calls"
    called = {"id": "call_1", "type": "custom", "custom": {"name": "query", "input": SQL}}
    assert made["message"]["tool_calls"] == [called]
    assert wire.seen[-1].body["tools"] == [CUSTOM]
    assert wire.seen[-1].body["tool_choice"] == choice

    answer = {"role": "tool", "tool_call_id": "call_1", "content": "7"}
    messages = [*ASKED["messages"], {"role": "assistant", "tool_calls": [called]}, answer]
    again = await served.post(CHAT, {**ASKED, "messages": messages, "tools": [CUSTOM]})
    assert again.json["choices"][0]["message"]["content"] == "Seven."
    sent = wire.seen[-1].body["messages"][1]
    assert sent == {"role": "assistant", "content": None, "tool_calls": [called]}


async def test_a_streamed_call_comes_in_pieces_of_its_text(served: Served) -> None:
    reply = await served.post(CHAT, {**ASKED, "tools": [CUSTOM], "stream": True})

    deltas = [
        part
        for each in (line.removeprefix(b"data: ") for line in reply.body.split(b"\n\n"))
        if each.startswith(b"{")
        for choice in json.loads(each)["choices"]
        for part in choice["delta"].get("tool_calls", ())
    ]
    first, *rest = deltas
    assert first == {
        "index": 0, "id": "call_1", "type": "custom", "custom": {"name": "query", "input": ""},
    }  # fmt: skip
    assert rest == [custom(SQL[:9]), custom(SQL[9:])]


async def test_a_response_tells_it_as_items_and_events(served: Served, wire: Wire) -> None:
    asked = {"model": "default", "input": "How many?", "tools": [FLAT]}
    events = events_of((await served.post(RESPONSES, {**asked, "stream": True})).body)
    wanted = ["output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.delta",
              "custom_tool_call_input.done", "output_item.done", "completed",
              ]  # fmt: skip
    assert types_of(events)[2:] == wanted
    assert "".join(each.get("delta", "") for each in events) == SQL
    added, done = [each["item"] for each in events if "item" in each]
    [whole] = events[-1]["response"]["output"]
    assert (added["status"], added["input"]) == ("in_progress", "")
    assert events[-3]["input"] == SQL
    assert done == whole
    assert whole["type"] == "custom_tool_call"
    assert (whole["name"], whole["input"], whole["call_id"]) == ("query", SQL, "call_1")
    assert {each["item_id"] for each in events if "item_id" in each} == {whole["id"]}
    assert wire.seen[-1].body["tools"] == [CUSTOM]
    assert events[-1]["response"]["tools"] == [FLAT]

    output = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "7"}
    id = events[-1]["response"]["id"]
    follow = {**asked, "input": [output], "previous_response_id": id}
    made = checked((await served.post(RESPONSES, follow)).body)
    assert made["output"][0]["content"][0]["text"] == "Seven."
    call, answer = wire.seen[-1].body["messages"][-2:]
    assert call["tool_calls"][0]["custom"] == {"name": "query", "input": SQL}
    assert answer == {"role": "tool", "content": "7", "tool_call_id": "call_1"}
    listed = (await served.get(f"{RESPONSES}/{made['id']}/input_items")).json["data"]
    assert [each["type"] for each in listed] == ["custom_tool_call_output"]


async def test_a_choice_names_it_by_its_type(served: Served, wire: Wire) -> None:
    asked = {"model": "default", "input": "How many?", "tools": [FLAT]}
    choice = {"type": "custom", "name": "query"}
    reply = await served.post(RESPONSES, {**asked, "tool_choice": choice})

    assert reply.json["tool_choice"] == choice
    sent = {"type": "custom", "custom": {"name": "query"}}
    assert wire.seen[-1].body["tool_choice"] == sent
    for path, body, wrong in (
        (RESPONSES, asked, {"type": "function", "name": "query"}),
        (CHAT, {**ASKED, "tools": [CUSTOM]}, {"type": "function", "function": {"name": "query"}}),
    ):
        reply = await served.post(path, {**body, "tool_choice": wrong})
        assert (reply.status, reply.error["param"]) == (400, "tool_choice")


@pytest.mark.parametrize("model", ["plain", "claude"])
async def test_a_model_that_does_not_know_them_refuses_by_name(served: Served, model: str) -> None:
    call = {"id": "1", "type": "custom", "custom": {"name": "query", "input": "x"}}
    held = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1",
            "content": "7"}]  # fmt: skip
    cases: list[tuple[str, dict[str, Any], str]] = [
        (CHAT, {**ASKED, "tools": [CUSTOM]}, "tools.0.type"),
        (RESPONSES, {"input": "How many?", "tools": [FLAT]}, "tools.0.type"),
        (CHAT, {**ASKED, "messages": held}, "messages"),
    ]
    for path, body, param in cases:
        reply = await served.post(path, {**body, "model": model})
        assert (reply.status, reply.error["param"]) == (400, param), reply.body
        assert "does not know" in reply.error["message"]


@pytest.mark.parametrize(
    ("format", "param"),
    [
        ({"type": "grammar"}, "grammar"),
        ({"type": "grammar", "grammar": {"syntax": "bnf", "definition": "x"}}, "grammar.syntax"),
        ({"type": "grammar", "grammar": {"syntax": "lark", "definition": " "}},
         "grammar.definition"),
        ({"type": "json"}, "type"),
    ],
)  # fmt: skip
async def test_a_format_that_is_none_is_named(
    served: Served, format: dict[str, Any], param: str
) -> None:
    tool = {"type": "custom", "custom": {"name": "query", "format": format}}
    reply = await served.post(CHAT, {**ASKED, "tools": [tool]})
    assert (reply.status, reply.error["param"]) == (400, f"tools.0.custom.format.{param}")

    flat = {"type": format["type"], **format.get("grammar", {})}
    asked = {"model": "default", "input": "Hi", "tools": [{"type": "custom", "name": "q",
             "format": flat}]}  # fmt: skip
    reply = await served.post(RESPONSES, asked)
    path = reply.error["param"]
    assert (reply.status, path.rpartition(".")[0]) == (400, "tools.0.format")


@pytest.mark.parametrize("type", ["web_search", "web_search_preview", "web_search_2025_08_26"])
async def test_a_search_of_the_web_is_refused_with_a_way_to_have_one(
    served: Served, type: str
) -> None:
    asked = {"model": "default", "input": "Hi", "tools": [{"type": type}]}
    reply = await served.post(RESPONSES, asked)

    assert (reply.status, reply.error["param"]) == (400, "tools.0.type")
    assert "MCP server" in reply.error["message"]
