"""Faults that users of other servers met with /v1/responses and chat completions, each once.

The upstream is a wire, so that it can be as careless as real ones are.
"""

import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.openai_wire import (
    DONE,
    USAGE,
    Answer,
    Wire,
    chunk,
    event,
    packets,
    part,
    serve_openai_wire,
    stream_bytes,
    tool_chunk,
    usage_chunk,
)
from tests.fixtures.responses_wire import check_items, checked, events_of
from tests.fixtures.serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT, PATH = "/v1/chat/completions", "/v1/responses"
HI = {"role": "user", "content": "Hi"}
TOOLS = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}
    for name in ("weather", "clock")
]
CALL = {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{}"}
CALL_B = {**CALL, "call_id": "b", "name": "clock"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_openai_wire() as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncGenerator[Served]:
    upstream = {"use": "openai", "model": "m", "base_url": wire.base_url}
    async with serving(tmp_path_factory.mktemp("faults"), models__default=upstream) as served:
        yield served


def answer(*chunks: dict[str, Any]) -> Answer:
    return packets(*map(event, chunks), event(usage_chunk(USAGE)), DONE)


def call_chunk(name: str, arguments: Any, index: int = 0, id: str = "call_x") -> dict[str, Any]:
    return tool_chunk(part(arguments, index=index, id=id, name=name))


def more(arguments: Any, index: int = 0) -> dict[str, Any]:
    return tool_chunk(part(arguments, index=index))


async def create(served: Served, *input: Any, **fields: Any) -> dict[str, Any]:
    reply = await served.post(PATH, {"model": "default", "input": list(input) or "Hi", **fields})
    assert reply.status == 200, reply.body
    return checked(reply.body)


async def stream(served: Served, *input: Any, **fields: Any) -> list[dict[str, Any]]:
    asked = {"model": "default", "input": list(input) or "Hi", "stream": True, **fields}
    return events_of((await served.post(PATH, asked)).body)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk("One "), chunk("two"), chunk(finish="stop")],
        [chunk(reasoning_content="Hm"), chunk("Yes"), chunk(finish="stop")],
        [call_chunk("weather", "{}"), chunk(finish="tool_calls")],
        [chunk(reasoning_content="Hm"), call_chunk("weather", "{}"), chunk(finish="tool_calls")],
        [chunk("Wait."), call_chunk("weather", '{"a":'), more("1}"), chunk(finish="tool_calls")],
        [chunk(refusal="No."), chunk(finish="stop")],
        [chunk("Cut"), chunk(finish="length")],
        [chunk(reasoning_content="Hm"), chunk("A"), chunk(reasoning_content="Hm"), chunk("B"),
         chunk(finish="stop")],
    ],
    ids=["text", "thoughts", "call", "thoughts-call", "text-call", "refusal", "cut", "turns"],
)  # fmt: skip
async def test_items_are_opened_and_closed_under_one_id(
    served: Served, wire: Wire, chunks: list[dict[str, Any]]
) -> None:
    wire.script(answer(*chunks))
    events = await stream(served, tools=TOOLS)

    check_items(events)
    assert events[-1]["response"]["usage"]["total_tokens"] == 18


async def test_a_call_without_words_opens_no_message(served: Served, wire: Wire) -> None:
    wire.script(answer(chunk(""), call_chunk("weather", "{}"), chunk(finish="tool_calls")))
    events = await stream(served, tools=TOOLS)

    assert not [each for each in events if "content_part" in each["type"]]
    assert [each["type"] for each in events[-1]["response"]["output"]] == ["function_call"]


async def test_calls_written_side_by_side_are_items_of_their_own(
    served: Served, wire: Wire
) -> None:
    wire.script(
        answer(
            call_chunk("weather", "", 0, "call_1"),
            call_chunk("clock", "", 1, "call_2"),
            more('{"city": ', 0),
            more('{"zone": ', 1),
            more('"Oslo"}', 0),
            more('"CET"}', 1),
            chunk(finish="tool_calls"),
        )
    )
    events = await stream(served, tools=TOOLS)

    check_items(events)
    made = [(each["call_id"], each["arguments"]) for each in events[-1]["response"]["output"]]
    assert made == [("call_1", '{"city": "Oslo"}'), ("call_2", '{"zone": "CET"}')]
    deltas: dict[str, str] = defaultdict(str)
    for each in events:
        if each["type"].endswith("arguments.delta"):
            deltas[each["item_id"]] += each["delta"]
    assert list(deltas.values()) == [arguments for _, arguments in made]


async def test_the_rest_of_a_call_that_comes_behind_other_text_is_not_lost(
    served: Served, wire: Wire
) -> None:
    wire.script(
        answer(
            call_chunk("weather", '{"city"'),
            chunk(reasoning_content="Hm"),
            more(': "Oslo"}'),
            chunk(finish="tool_calls"),
        )
    )
    events = await stream(served, tools=TOOLS)

    check_items(events)
    [call] = [each for each in events[-1]["response"]["output"] if each["type"] == "function_call"]
    assert (call["name"], call["arguments"]) == ("weather", '{"city": "Oslo"}')


async def test_parts_of_calls_may_be_empty_or_hold_no_function(served: Served, wire: Wire) -> None:
    wire.script(
        answer(
            call_chunk("weather", ""),
            more(""),
            more(None),
            tool_chunk({"index": 0}),
            chunk(finish="tool_calls"),
        )
    )
    [call] = (await create(served, tools=TOOLS))["output"]
    assert call["arguments"] == "{}"
    asked = {"model": "default", "messages": [HI], "stream": True, "tools": [
        {"type": "function", "function": {"name": "weather"}}]}  # fmt: skip
    reply = await served.post(CHAT, asked)
    assert b"error" not in reply.body
    assert b'"finish_reason":"tool_calls"' in reply.body


async def test_arguments_that_come_as_an_object_are_text(served: Served, wire: Wire) -> None:
    wire.script(answer(call_chunk("weather", {"city": "Oslo"}), chunk(finish="stop")))
    response = await create(served, tools=TOOLS)

    [call] = response["output"]
    assert json.loads(call["arguments"]) == {"city": "Oslo"}
    assert response["status"] == "completed"


async def test_a_call_that_is_cut_off_says_so(served: Served, wire: Wire) -> None:
    wire.script(answer(call_chunk("weather", '{"city": "Os'), chunk(finish="length")))
    events = await stream(served, tools=TOOLS, max_output_tokens=7)

    check_items(events)
    response = events[-1]["response"]
    assert (events[-1]["type"], response["status"]) == ("response.incomplete", "incomplete")
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["completed_at"] is None


async def test_a_stream_that_breaks_ends_with_a_failed_response(served: Served, wire: Wire) -> None:
    wire.script(packets(event(chunk("Half an ans")), reset=True))
    events = await stream(served)

    last = events[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert last["response"]["output"][0]["status"] == "incomplete"


async def test_a_response_can_be_gone_on_from_as_soon_as_its_end_is_told(
    served: Served, wire: Wire
) -> None:
    wire.script(packets(*stream_bytes("Hello")))
    asked = {"model": "default", "input": "Hi", "stream": True}
    async with served.session.post(served.url + PATH, json=asked) as reply:
        async for line in reply.content:
            if line.startswith(b'data: {"type":"response.completed"'):
                id = json.loads(line.removeprefix(b"data: "))["response"]["id"]
                follow = {"model": "default", "input": "And?", "previous_response_id": id}
                assert (await served.post(PATH, follow)).status == 200
                break
        else:
            pytest.fail("the stream has no end")


async def test_what_was_put_out_may_come_back_beside_the_response_it_is_of(
    served: Served, wire: Wire
) -> None:
    wire.script(answer(call_chunk("weather", "{}", 0, "a"), chunk(finish="tool_calls")))
    first = await create(served, tools=TOOLS)
    wire.script(packets(*stream_bytes("Rain.")))
    output = {"type": "function_call_output", "call_id": "a", "output": "rain"}
    await create(served, *first["output"], output, previous_response_id=first["id"], tools=TOOLS)

    roles = [each["role"] for each in wire.seen[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool"]


async def test_results_of_calls_side_by_side_follow_one_message_with_both(
    served: Served, wire: Wire
) -> None:
    wire.script(packets(*stream_bytes("Rain, at noon.")))
    results = [
        {"type": "function_call_output", "call_id": id, "output": said}
        for id, said in (("a", "rain"), ("b", "noon"))
    ]
    for given in ([HI, CALL, CALL_B, *results], [HI, CALL, CALL_B, *reversed(results)]):
        await create(served, *given, tools=TOOLS)
        _, calls, *told = wire.seen[-1].body["messages"]
        assert [each["id"] for each in calls["tool_calls"]] == ["a", "b"]
        assert {each["tool_call_id"]: each["content"] for each in told} == {
            "a": "rain", "b": "noon",
        }  # fmt: skip


async def test_a_result_in_parts_is_text_for_the_model(served: Served, wire: Wire) -> None:
    wire.script(packets(*stream_bytes("Rain.")))
    parts = [{"type": "input_text", "text": "ra"}, {"type": "input_text", "text": "in"}]
    output = {"type": "function_call_output", "call_id": "a", "output": parts}
    await create(served, HI, CALL, output, tools=TOOLS)

    assert wire.seen[-1].body["messages"][-1]["content"] == "rain"


@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
async def test_a_result_of_no_call_is_refused_as_openai_refuses_it(
    served: Served, wire: Wire, kind: str
) -> None:
    before = len(wire.seen)
    output = {"type": kind, "call_id": "none", "output": "rain"}
    reply = await served.post(PATH, {"model": "default", "input": [HI, output]})

    assert (reply.status, reply.error["param"]) == (400, "input")
    assert "'none'" in reply.error["message"]
    late = [HI, {**output, "call_id": "a"}, CALL]
    assert (await served.post(PATH, {"model": "default", "input": late})).status == 400
    assert len(wire.seen) == before


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "assistant", "id": None, "status": None,
         "content": [{"type": "output_text", "text": "Hello", "annotations": []}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
        {"role": "assistant", "content": "Hello"},
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "Hello", "annotations": None, "logprobs": None}]},
        {"type": "message", "role": "assistant", "phase": "final_answer", "content": "Hello"},
    ],
    ids=["nulls", "bare-parts", "bare", "null-parts", "phase"],
)  # fmt: skip
async def test_what_an_assistant_said_may_come_back_without_its_ornaments(
    served: Served, wire: Wire, item: dict[str, Any]
) -> None:
    wire.script(packets(*stream_bytes("Again.")))
    response = await create(served, HI, item, {"role": "user", "content": "And?"})

    said = [(each["role"], each["content"]) for each in wire.seen[-1].body["messages"]]
    assert said == [("user", "Hi"), ("assistant", "Hello"), ("user", "And?")]
    listed = (await served.get(f"{PATH}/{response['id']}/input_items?order=asc")).json["data"]
    assert listed[1].get("phase") == item.get("phase")


@pytest.mark.parametrize(
    "thoughts",
    [
        {"summary": []},
        {"summary": None},
        {"summary": [], "content": []},
        {"summary": [], "content": None, "encrypted_content": None},
        {"id": None, "summary": [{"type": "summary_text", "text": "Hm"}]},
        {"content": [{"type": "reasoning_text", "text": "Hm"}]},
        {"summary": [], "encrypted_content": "gAAAA-not-ours"},
    ],
    ids=["empty", "null", "no-content", "nulls", "summary", "content", "foreign"],
)
async def test_thoughts_may_come_back_in_any_form_and_without_what_followed(
    served: Served, wire: Wire, thoughts: dict[str, Any]
) -> None:
    wire.script(packets(*stream_bytes("Again.")))
    await create(served, HI, {"type": "reasoning", **thoughts}, {"role": "user", "content": "And?"})

    said = [(each["role"], each["content"]) for each in wire.seen[-1].body["messages"]]
    assert said == [("user", "Hi"), ("user", "And?")]


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [], "text": {}, "reasoning": {}, "metadata": {}, "include": []},
        {"tools": None, "text": None, "reasoning": None, "metadata": None, "include": None},
        {"instructions": None, "previous_response_id": None, "conversation": None, "user": None},
        {"stream": None, "store": None, "background": None, "tool_choice": None},
        {"max_output_tokens": None, "temperature": None, "top_p": None, "truncation": None},
        {"stream_options": None, "service_tier": None, "prompt_cache_key": None},
        {"prompt": None, "moderation": None, "context_management": None, "max_tool_calls": None},
        {"text": {"format": {"type": "text"}, "verbosity": None}, "reasoning": {"effort": None}},
    ],
    ids=str,
)
async def test_fields_that_say_nothing_are_taken(
    served: Served, wire: Wire, fields: dict[str, Any]
) -> None:
    wire.script(packets(*stream_bytes("Hello")))
    assert (await create(served, **fields))["status"] == "completed"


async def test_nothing_streams_unless_it_is_asked_for(served: Served, wire: Wire) -> None:
    wire.script(packets(*stream_bytes("Hello")))
    for path, body in ((PATH, {"input": "Hi"}), (CHAT, {"messages": [HI]})):
        reply = await served.post(path, {"model": "default", **body})
        assert reply.headers["Content-Type"] == "application/json"


async def test_a_response_that_was_not_kept_cannot_be_gone_on_from(
    served: Served, wire: Wire
) -> None:
    wire.script(packets(*stream_bytes("Hello")))
    made = await create(served, store=False)
    follow = {"model": "default", "input": "And?", "previous_response_id": made["id"]}
    reply = await served.post(PATH, follow)

    assert (reply.status, reply.error["code"]) == (400, "previous_response_not_found")
    assert reply.error["param"] == "previous_response_id"


async def test_a_character_split_over_pieces_is_whole(served: Served, wire: Wire) -> None:
    wire.script(answer(chunk("\U0001f1f3"), chunk("\U0001f1f4 \u00e5"), chunk(finish="stop")))
    events = await stream(served)

    [message] = events[-1]["response"]["output"]
    assert message["content"][0]["text"] == "\U0001f1f3\U0001f1f4 \u00e5"
    deltas = [each["delta"] for each in events if each["type"].endswith("text.delta")]
    assert "".join(deltas) == message["content"][0]["text"]


async def test_the_whole_and_the_stream_say_the_same(served: Served, wire: Wire) -> None:
    chunks = [chunk(reasoning_content="Hm"), chunk("Wait."), call_chunk("weather", "{}", 0, "a"),
              chunk(finish="tool_calls")]  # fmt: skip
    wire.script(answer(*chunks))
    whole = await create(served, tools=TOOLS)
    streamed = (await stream(served, tools=TOOLS))[-1]["response"]

    def without_chance(response: dict[str, Any]) -> Any:
        chance = {"id", "created_at", "completed_at"}
        items = [{k: v for k, v in each.items() if k != "id"} for each in response["output"]]
        return {**{k: v for k, v in response.items() if k not in chance}, "output": items}

    assert without_chance(whole) == without_chance(streamed)
