"""What the openai adapter sends of tools, images, schemas and thoughts, and reads of them."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.openai_wire import (
    DONE,
    SERVED_MODEL,
    USAGE,
    Answer,
    Wire,
    chunk,
    event,
    packets,
    part,
    serve_openai_wire,
    streams,
    tool_chunk,
    usage_chunk,
)

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ImagePart,
    Message,
    ReasoningDelta,
    TextDelta,
    TextPart,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.tools import OutputFormat, ToolCall, ToolChoice, ToolSpec
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import InvalidInput, UpstreamError
from bedplate.models.openai import open_openai_model
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_reply import OpenAIReply
from bedplate.models.protocol import ChatModel
from bedplate.models.sse import SseParser
from bedplate.upstream.failures import Failures

USER = Message("user", "Hi")
WEATHER = ToolSpec("weather", "The weather.", {"type": "object", "properties": {}}, strict=True)
TIME = ToolSpec("time")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Wire, ChatModel]]:
    async with (
        serve_openai_wire() as wire,
        open_hashing_embedder({}) as embedder,
        open_openai_model(
            {"base_url": wire.base_url, "model": "m", **options}, embedder=embedder
        ) as model,
    ):
        wire.script(streams("x"))
        yield wire, model


async def sent(request: ChatRequest, **options: Any) -> dict[str, Any]:
    async with serving(**options) as (wire, model):
        [_ async for _ in model.stream(request)]
    return wire.seen[0].body


async def said(answer: Answer, request: ChatRequest | None = None, **options: Any) -> list[Any]:
    async with serving(**options) as (wire, model):
        wire.script(answer)
        return [event async for event in model.stream(request or ChatRequest((USER,)))]


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest((USER,), **fields)


async def test_messages_are_sent_with_images_calls_and_answers():
    conversation = (
        Message("developer", "Be brief."),
        Message(
            "user",
            "Look: nice",
            parts=(TextPart("Look: "), ImagePart("data:image/png;base64,AA", "low")),
            name="ann",
        ),
        Message("assistant", "", tool_calls=(ToolCall("c1", "weather", '{"a": 1}'),)),
        Message("tool", "Rain", tool_call_id="c1"),
        Message("tool", "No such city.", tool_call_id="c2", failed=True),
    )
    body = await sent(ChatRequest(conversation))

    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "Look: "},
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,AA", "detail": "low"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"a": 1}'},
                }
            ],
        },
        {"role": "tool", "content": "Rain", "tool_call_id": "c1"},
        {
            "role": "tool",
            "content": "The tool failed: No such city.",
            "tool_call_id": "c2",
        },
    ]


async def test_llama_cpp_server_gets_schemas_and_calls_in_its_own_form():
    call = ToolCall("c1", "weather", "{}")
    turns = (
        USER,
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "", tool_call_id="c1"),
    )
    request = ChatRequest(turns, output=OutputFormat(SCHEMA, "place"))
    body = await sent(request, preset="llama-cpp-python")

    assert body["response_format"] == {"type": "json_object", "schema": SCHEMA}
    assert body["messages"][1]["content"] == ""


async def test_a_stream_that_ends_without_a_word_is_too_long_a_request_where_it_can_be():
    long = ChatRequest((Message("user", "A barn is red. " * 100),))
    with pytest.raises(UpstreamError, match="context length of 300 tokens") as caught:
        await said(packets(b""), long, silent_overflow_tokens=300)
    assert (caught.value.status, caught.value.reason) == (400, "context_length_exceeded")

    for answer, request in (
        (packets(b""), ChatRequest((USER,))),
        (packets(event(chunk("A"))), long),
    ):
        with pytest.raises(UpstreamError, match="ended early after [01] characters"):
            await said(answer, request, silent_overflow_tokens=300)


async def test_a_server_that_knows_developers_and_no_names_gets_the_one_and_not_the_other():
    messages = (Message("developer", "Be brief."), Message("user", "Hi", name="ann"))
    body = await sent(ChatRequest(messages), developer_role=True, message_names=False)

    assert body["messages"] == [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


async def test_every_wish_has_its_field():
    body = await sent(
        ask(
            tools=(WEATHER, TIME),
            tool_choice=ToolChoice("auto"),
            parallel_tool_calls=False,
            output=OutputFormat(SCHEMA, "place", "A place.", strict=True),
            reasoning_effort="low",
            logprobs=2,
            seed=7,
        )
    )

    assert {name: body[name] for name in body if name not in {"model", "messages", "stream"}} == {
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "The weather.",
                    "parameters": {"type": "object", "properties": {}},
                    "strict": True,
                },
            },
            {"type": "function", "function": {"name": "time"}},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "place",
                "description": "A place.",
                "schema": SCHEMA,
                "strict": True,
            },
        },
        "reasoning_effort": "low",
        "logprobs": True,
        "top_logprobs": 2,
        "seed": 7,
    }


async def test_json_without_a_schema_and_logprobs_without_others():
    body = await sent(ask(output=OutputFormat(), logprobs=0))

    assert body["response_format"] == {"type": "json_object"}
    assert body["logprobs"] is True
    assert "top_logprobs" not in body


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("choice", "options", "wire_choice", "tools"),
    [
        (ToolChoice("none"), {}, "none", ["weather", "time"]),
        (ToolChoice("required"), {}, "required", ["weather", "time"]),
        (ToolChoice("required", ("time",)), {}, named("time"), ["weather", "time"]),
        (ToolChoice("auto", ("time",)), {}, "auto", ["time"]),
        (ToolChoice("required", ("time", "weather")), {}, "required", ["weather", "time"]),
        (
            ToolChoice("auto", ("time",)),
            {"allowed_tools": True},
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [named("time")]},
            },
            ["weather", "time"],
        ),
        (None, {}, None, ["weather", "time"]),
        (ToolChoice("auto"), {"unsupported": ["tool_choice"]}, None, ["weather", "time"]),
        (ToolChoice("none"), {"unsupported": ["tool_choice"]}, None, []),
    ],
)
async def test_the_choice_of_tools_is_the_one_that_was_made(
    choice: ToolChoice | None, options: dict[str, Any], wire_choice: Any, tools: list[str]
):
    body = await sent(ask(tools=(WEATHER, TIME), tool_choice=choice), **options)

    assert body.get("tool_choice") == wire_choice
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == tools


@pytest.mark.parametrize(
    ("unsupported", "request_", "param"),
    [
        ("logprobs", ask(logprobs=0), "logprobs"),
        ("json_schema", ask(output=OutputFormat(SCHEMA)), "response_format"),
        ("json_object", ask(output=OutputFormat()), "response_format"),
        ("tools", ask(tools=(TIME,)), "tools"),
        ("seed", ask(seed=1), "seed"),
        ("reasoning_effort", ask(reasoning_effort="low"), "reasoning_effort"),
        (
            "tool_choice",
            ask(tools=(TIME,), tool_choice=ToolChoice("required")),
            "tool_choice",
        ),
        (
            "parallel_tool_calls",
            ask(tools=(TIME,), parallel_tool_calls=False),
            "parallel_tool_calls",
        ),
        (
            "image_url",
            ChatRequest((Message("user", "", parts=(ImagePart("https://h/a.png"),)),)),
            "messages",
        ),
    ],
)
async def test_what_the_server_does_not_know_is_refused_before_anything_is_sent(
    unsupported: str, request_: ChatRequest, param: str
):
    async with serving(unsupported=[unsupported]) as (wire, model):
        with pytest.raises(InvalidInput, match=f"does not know {unsupported}") as caught:
            await anext(model.stream(request_))

    assert caught.value.param == param
    assert wire.seen == []


async def test_a_seed_and_the_usage_are_asked_for_as_the_server_wants_it():
    body = await sent(ask(seed=3), seed_field="random_seed", stream_usage=False)

    assert body["random_seed"] == 3
    assert "seed" not in body
    assert "stream_options" not in body


FINISH = event(chunk(finish="stop", usage=USAGE))


def answer(*chunks: Mapping[str, Any]) -> Answer:
    return packets(*map(event, chunks), FINISH, DONE)


CALL = part('{"a": 1}', index=0, id="c1", name="weather")


async def test_calls_end_in_tool_calls_whatever_the_server_says():
    assert await said(answer(tool_chunk(CALL))) == [
        ToolCallDelta(0, '{"a": 1}', "c1", "weather"),
        Finished("tool_calls", Usage(11, 7), SERVED_MODEL),
    ]


async def test_a_call_that_the_limit_cuts_off_ends_in_length():
    *_, last = await said(
        packets(event(tool_chunk(CALL)), event(chunk(finish="length", usage=USAGE)), DONE)
    )

    assert last.reason == "length"


async def test_a_call_without_a_name_is_the_server_s_error():
    with pytest.raises(UpstreamError, match="a tool call came without a name"):
        await said(answer(tool_chunk(part("{}", index=0, id="c1"))))


@pytest.mark.parametrize(
    ("deltas", "thought", "kept"),
    [
        ([{"reasoning_content": "A"}, {"reasoning_content": "B"}], "AB", "reasoning_content"),
        ([{"reasoning": "A"}, {"reasoning": "B"}], "AB", "reasoning"),
        ([{"reasoning": "A", "reasoning_content": "A"}], "A", "reasoning"),
        ([{"reasoning": {"odd": 1}, "reasoning_content": "A"}], "A", "reasoning_content"),
    ],
)
async def test_thoughts_are_no_text_and_are_kept_under_their_name(
    deltas: list[dict[str, Any]], thought: str, kept: str
):
    *events, last = await said(answer(*(chunk(**delta) for delta in deltas), chunk("Yes")))

    assert [type(each) for each in events] == [ReasoningDelta] * len(deltas) + [TextDelta]
    assert "".join(each.text for each in events[:-1]) == thought
    assert last.reasoning[kept] == thought


async def test_details_of_thoughts_are_put_together_as_the_server_wants_them_back():
    first = {"type": "reasoning.text", "text": "A", "index": 0, "format": "f", "signature": None}
    second = {"type": "reasoning.text", "text": "B", "index": 0, "signature": "sig"}
    sealed = {"type": "reasoning.encrypted", "data": "xyz", "index": 1}
    *events, last = await said(
        answer(*(chunk(reasoning_details=[each]) for each in (first, second, sealed)))
    )
    details = [
        {"type": "reasoning.text", "text": "AB", "index": 0, "format": "f", "signature": "sig"},
        sealed,
    ]

    assert events == [ReasoningDelta("A"), ReasoningDelta("B")]
    assert last.reasoning == {"reasoning_details": details}
    back = ChatRequest((USER, Message("assistant", "x", reasoning=last.reasoning), USER))
    assert "reasoning_details" not in (await sent(back))["messages"][1]
    body = await sent(back, returned_reasoning=["reasoning_details"])
    assert body["messages"][1]["reasoning_details"] == details


async def test_thoughts_in_parts_of_the_content_are_thoughts():
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Yes"},
    ]
    *events, _ = await said(answer(chunk(content)))

    assert events == [ReasoningDelta("hm"), TextDelta("Yes")]


async def test_a_refusal_is_told_apart():
    *events, last = await said(answer(chunk(refusal="I "), chunk(refusal="cannot.")))

    assert events == [TextDelta("I ", refusal=True), TextDelta("cannot.", refusal=True)]
    assert last.extra == {}


async def test_logprobs_come_with_the_text_that_they_are_of():
    def token(text: str, *top: str) -> dict[str, Any]:
        others = [{"token": each, "logprob": -2.5, "bytes": None} for each in top]
        return {"token": text, "logprob": -0.5, "bytes": [72], "top_logprobs": others}

    # The first byte of a character has no text of its own.
    half, rest = chunk(""), chunk("Hé")
    half["choices"][0]["logprobs"] = {"content": [token("H", "J")]}
    rest["choices"][0]["logprobs"] = {"content": [token("é")], "refusal": None}
    first, *_ = await said(answer(half, rest), ask(logprobs=1))

    assert first == TextDelta(
        "Hé",
        (
            TokenLogprob("H", -0.5, (72,), (TokenLogprob("J", -2.5),)),
            TokenLogprob("é", -0.5, (72,)),
        ),
    )


FULL = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 4},
    "cost": 0.00125,
}


@pytest.mark.parametrize(
    ("usage", "options", "expected"),
    [
        (FULL, {}, Usage(20, 9, cached_tokens=5, cache_write_tokens=3, reasoning_tokens=4)),
        ({**FULL, "prompt_tokens": 10**15}, {}, Usage(1, 1, estimated=True)),
        (
            {**FULL, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}},
            {"reports_cost": True},
            Usage(20, 9, False, Decimal("1.00125"), 5, 3, 4),
        ),
        (FULL, {"reports_cost": True}, Usage(20, 9, False, Decimal("0.00125"), 5, 3, 4)),
        ({**FULL, "cost": "free"}, {"reports_cost": True}, Usage(20, 9, False, None, 5, 3, 4)),
        ({**FULL, "cost": -1}, {"reports_cost": True}, Usage(20, 9, False, None, 5, 3, 4)),
        # xAI counts thoughts beside the completion.
        ({**FULL, "total_tokens": 33}, {}, Usage(20, 13, False, None, 5, 3, 4)),
        (
            {"prompt_tokens": 20, "completion_tokens": 9, "prompt_cache_hit_tokens": 6},
            {},
            Usage(20, 9, cached_tokens=6),
        ),
        (
            {**USAGE, "prompt_tokens_details": {"cached_tokens": 999}},
            {},
            Usage(11, 7, cached_tokens=11),
        ),
        ({"prompt_tokens": 20.0, "completion_tokens": 9}, {}, Usage(20, 9)),
        ({"prompt_tokens": "20", "completion_tokens": 9}, {}, Usage(1, 1, estimated=True)),
        ({"prompt_tokens": True, "completion_tokens": 9}, {}, Usage(1, 1, estimated=True)),
        ("lots", {}, Usage(1, 1, estimated=True)),
        ([], {}, Usage(1, 1, estimated=True)),
    ],
)
async def test_usage_is_read_where_it_can_be_and_estimated_where_not(
    usage: Any, options: dict[str, Any], expected: Usage
):
    chunks = [event(chunk("abc")), event(chunk(finish="stop")), event(usage_chunk(usage)), DONE]
    *_, last = await said(packets(*chunks), **options)

    assert last.usage == expected


async def test_usage_is_found_where_groq_and_moonshot_put_it():
    groq = {**chunk(finish="stop"), "x_groq": {"id": "r", "usage": USAGE}}
    moonshot = chunk(finish="stop")
    moonshot["choices"][0]["usage"] = USAGE
    for last_chunk in (groq, moonshot):
        *_, last = await said(packets(event(chunk("abc")), event(last_chunk), DONE))
        assert last.usage == Usage(11, 7)


async def test_fields_it_does_not_know_are_handed_through():
    first = {**chunk("x"), "system_fingerprint": "fp", "provider": "P", "service_tier": None}
    first["choices"][0]["delta"]["annotations"] = [{"a": 1}]
    last_chunk = chunk(finish="stop")
    last_chunk["choices"][0]["stop_reason"] = 128009
    *_, last = await said(packets(event(first), event(last_chunk), DONE))

    assert last.extra == {
        "system_fingerprint": "fp",
        "provider": "P",
        "annotations": [{"a": 1}],
        "stop_reason": 128009,
    }


@pytest.mark.parametrize(
    "sent_error",
    [
        b'event: error\ndata: {"message": "out of memory", "code": 503}\n\n',
        b'data: {"object": "error", "message": "out of memory", "code": 503}\n\n',
        b'data: {"error": {"message": "out of memory", "code": 503}, "choices": []}\n\n',
    ],
)
async def test_errors_in_mid_stream_are_known_in_all_their_forms(sent_error: bytes):
    with pytest.raises(UpstreamError, match="failed after 3 characters: out of memory") as caught:
        await said(packets(event(chunk("One")), sent_error))

    assert caught.value.status == 503
    assert caught.value.retryable


RICH = b"".join(
    [
        event({**chunk(reasoning_content="Grüß"), "system_fingerprint": "fp"}),
        event(chunk("Grüße 🪨")),
        event(tool_chunk(part("", index=0, id="c1", name="weather"))),
        event(tool_chunk(part("", index=1, id="c2", name="time"))),
        event(tool_chunk(part('{"tz": "Ü', index=1))),
        event(tool_chunk(part('{"city": "Ålesund"}', index=0))),
        event(tool_chunk(part('"}', index=1))),
        event(chunk(finish="tool_calls")),
        event(usage_chunk(FULL)),
        DONE,
    ]
)
PROMPT = ask(tools=(WEATHER, TIME))


def read(pieces: list[bytes]) -> list[ChatEvent]:
    options = OpenAIOptions(model="m", base_url="http://h/v1")
    reply = OpenAIReply(PROMPT, options, Failures("The model", "http://h", 1.0, ()))
    parser = SseParser()
    made = [each for piece in pieces for event in parser.feed(piece) for each in reply.take(event)]
    return [*made, *reply.finish()]


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(RICH)), max_size=30))
def test_any_split_of_the_bytes_gives_the_same_events(at: list[int]):
    edges = [0, *sorted(at), len(RICH)]
    cut = [RICH[start:end] for start, end in itertools.pairwise(edges)]

    assert read(cut) == [
        ReasoningDelta("Grüß"),
        TextDelta("Grüße 🪨"),
        ToolCallDelta(0, "", "c1", "weather"),
        ToolCallDelta(0, '{"city": "Ålesund"}'),
        ToolCallDelta(1, '{"tz": "Ü"}', "c2", "time"),
        Finished(
            "tool_calls",
            Usage(20, 9, cached_tokens=5, cache_write_tokens=3, reasoning_tokens=4),
            SERVED_MODEL,
            reasoning={"reasoning_content": "Grüß"},
            extra={"system_fingerprint": "fp"},
        ),
    ]
