"""The anthropic adapter against a local server: what it sends, and how it reads what comes."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fixtures.anthropic_wire import (
    SERVED_MODEL,
    block,
    end,
    failure,
    message,
    named,
    says,
    serve_anthropic_wire,
    start,
    text,
)
from tests.fixtures.openai_wire import Answer, Wire, packets, refuses

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ImagePart,
    Message,
    ReasoningDelta,
    TextDelta,
    TextPart,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.tools import OutputFormat, ToolCall, ToolChoice, ToolSpec
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import InvalidInput, UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.models.anthropic import open_anthropic_model
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.anthropic_reply import AnthropicReply
from bedplate.models.protocol import ChatModel
from bedplate.models.sse import SseParser
from bedplate.upstream.failures import Failures

KEY = "sk-ant-very-secret"
USER = Message("user", "Hi")
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = ToolSpec("weather", "The weather.", PARAMETERS, strict=True)
TIME = ToolSpec("time")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Wire, ChatModel]]:
    async with (
        serve_anthropic_wire() as wire,
        open_hashing_embedder({}) as embedder,
        open_anthropic_model(
            {"base_url": wire.base_url, "model": "claude", **options}, embedder=embedder
        ) as model,
    ):
        wire.script(says("x"))
        yield wire, model


async def sent(request: ChatRequest, **options: Any) -> dict[str, Any]:
    async with serving(**options) as (wire, model):
        [_ async for _ in model.stream(request)]
    return wire.seen[0].body


async def said(answer: Answer, request: ChatRequest | None = None, **options: Any) -> list[Any]:
    async with serving(**options) as (wire, model):
        wire.script(answer)
        return [event async for event in model.stream(request or ChatRequest((USER,)))]


async def read_into(seen: list[ChatEvent], model: ChatModel) -> None:
    async for each in model.stream(ask()):
        seen.append(each)  # noqa: PERF401 - a comprehension would lose what came before an error


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest((USER,), **fields)


async def test_sends_key_version_and_a_streamed_request_with_a_limit():
    async with serving(api_key=KEY) as (wire, model):
        [_ async for _ in model.stream(ask())]

    (seen,) = wire.seen
    assert seen.path == "/v1/messages"
    assert seen.headers["x-api-key"] == KEY
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in seen.headers
    assert seen.body == {
        "model": "claude",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": True,
        "max_tokens": 4096,
    }


async def test_every_field_has_its_name_here_and_unknown_ones_pass():
    body = await sent(
        ask(
            max_output_tokens=9,
            temperature=0.5,
            top_p=0.9,
            stop=("END",),
            seed=3,
            tools=(WEATHER, TIME),
            parallel_tool_calls=False,
            extra={"top_k": 5, "n": 1},
        ),
        extra_body={"metadata": {"user_id": "u"}, "top_k": 1},
    )

    assert {name: body[name] for name in body if name not in {"model", "messages", "stream"}} == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "tools": [
            {
                "name": "weather",
                "description": "The weather.",
                "input_schema": PARAMETERS,
                "strict": True,
            },
            {"name": "time", "input_schema": {"type": "object"}},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "u"},
        "top_k": 5,
    }


async def test_a_conversation_becomes_turns_of_blocks():
    calls = (ToolCall("c:1", "weather", '{"city": "Oslo"}'), ToolCall("c2", "time", "{oops"))
    body = await sent(
        ChatRequest(
            (
                Message("system", "Be brief."),
                Message("developer", "Be kind."),
                USER,
                Message(
                    "user",
                    "Look",
                    parts=(
                        TextPart("Look"),
                        ImagePart("data:image/PNG;base64,AAA="),
                        ImagePart("https://h/a.jpg"),
                    ),
                ),
                Message("assistant", "", tool_calls=calls),
                Message("tool", "Rain", tool_call_id="c:1"),
                Message("tool", "", tool_call_id="c2", failed=True),
                Message("user", "And now?"),
            )
        )
    )

    assert body["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Be kind."},
    ]
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "text", "text": "Look"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "AAA="},
                },
                {"type": "image", "source": {"type": "url", "url": "https://h/a.jpg"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c_1", "name": "weather", "input": {"city": "Oslo"}},
                {
                    "type": "tool_use",
                    "id": "c2",
                    "name": "time",
                    "input": {"INVALID_JSON": "{oops"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c_1",
                    "content": [{"type": "text", "text": "Rain"}],
                },
                {"type": "tool_result", "tool_use_id": "c2", "content": [], "is_error": True},
                {"type": "text", "text": "And now?"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("choice", "wire_choice", "tools"),
    [
        (ToolChoice("auto"), {"type": "auto"}, ["weather", "time"]),
        (ToolChoice("none"), {"type": "none"}, ["weather", "time"]),
        (ToolChoice("required"), {"type": "any"}, ["weather", "time"]),
        (
            ToolChoice("required", ("time",)),
            {"type": "tool", "name": "time"},
            ["weather", "time"],
        ),
        (ToolChoice("auto", ("time",)), {"type": "auto"}, ["time"]),
        (ToolChoice("required", ("time", "weather")), {"type": "any"}, ["weather", "time"]),
        (None, None, ["weather", "time"]),
    ],
)
async def test_the_choice_of_tools_is_the_one_that_was_made(
    choice: ToolChoice | None, wire_choice: Any, tools: list[str]
):
    body = await sent(ask(tools=(WEATHER, TIME), tool_choice=choice))

    assert body.get("tool_choice") == wire_choice
    assert [tool["name"] for tool in body["tools"]] == tools


async def test_the_fixed_beginning_is_marked_for_the_prompt_cache_where_configured():
    request = ChatRequest((Message("system", "Rules"), USER), tools=(WEATHER, TIME))
    marked = await sent(request, prompt_cache="1h")
    plain = await sent(request)

    mark = {"type": "ephemeral", "ttl": "1h"}
    assert marked["system"] == [{"type": "text", "text": "Rules", "cache_control": mark}]
    assert [tool.get("cache_control") for tool in marked["tools"]] == [None, mark]
    assert "cache_control" not in json.dumps(plain)


async def test_an_effort_is_a_budget_of_thinking_on_top_of_the_answer_s_limit():
    body = await sent(ask(reasoning_effort="low", max_output_tokens=100))

    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["max_tokens"] == 2148
    assert (await sent(ask(reasoning_effort="none")))["thinking"] == {"type": "disabled"}


async def test_an_effort_can_be_left_to_the_model():
    body = await sent(ask(reasoning_effort="max", output=OutputFormat(SCHEMA)), thinking="adaptive")

    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {
        "effort": "max",
        "format": {"type": "json_schema", "schema": SCHEMA},
    }


async def test_a_schema_goes_into_the_api_s_output_format():
    body = await sent(ask(output=OutputFormat(SCHEMA)))

    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert "tools" not in body


@pytest.mark.parametrize(
    ("output", "options"),
    [(OutputFormat(SCHEMA, "place"), {"schema_by": "tool"}), (OutputFormat(None, "place"), {})],
)
async def test_a_schema_may_be_a_tool_that_has_to_be_called(
    output: OutputFormat, options: dict[str, Any]
):
    asked = ask(output=output)
    body = await sent(asked, **options)
    called = block(
        0,
        {"type": "tool_use", "id": "t1", "name": "place", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"city": '},
        {"type": "input_json_delta", "partial_json": '"Oslo"}'},
    )
    events = await said(packets(*message(called, stop="tool_use")), asked, **options)

    assert [tool["name"] for tool in body["tools"]] == ["place"]
    assert body["tools"][0]["input_schema"] == (output.schema or {"type": "object"})
    assert body["tool_choice"] == {
        "type": "tool",
        "name": "place",
        "disable_parallel_tool_use": True,
    }
    assert events == [
        TextDelta('{"city": '),
        TextDelta('"Oslo"}'),
        Finished("stop", Usage(11, 7), SERVED_MODEL),
    ]


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (ask(logprobs=1), "logprobs"),
        (ask(temperature=1.5), "temperature"),
        (ask(temperature=0.5, reasoning_effort="low"), "temperature"),
        (ask(reasoning_effort="lots"), "reasoning_effort"),
        (
            ask(reasoning_effort="low", tools=(TIME,), tool_choice=ToolChoice("required")),
            "reasoning_effort",
        ),
        (ask(reasoning_effort="low", output=OutputFormat()), "reasoning_effort"),
        (ask(tool_choice=ToolChoice("required")), "tool_choice"),
        (ask(tools=(TIME,), tool_choice=ToolChoice("required", ("tim",))), "tool_choice"),
        (ask(extra={"tools": []}), "tools"),
        (ask(extra={"n": 2}), "n"),
        (ChatRequest((Message("system", "Only."),)), "messages"),
        (ChatRequest((Message("assistant", "Hello"), USER)), "messages"),
        (ChatRequest((Message("user", ""),)), "messages"),
        (ChatRequest((Message("user", "", parts=(ImagePart("http://h/a.png"),)),)), "messages"),
        (ChatRequest((Message("user", "\ud800"),)), None),
    ],
)
async def test_what_the_api_cannot_do_is_refused_before_anything_is_sent(
    request_: ChatRequest, param: str | None
):
    async with serving() as (wire, model):
        with pytest.raises(InvalidInput) as caught:
            await anext(model.stream(request_))

    assert caught.value.param == param
    assert wire.seen == []


THOUGHT = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "Well, "},
    {"type": "thinking_delta", "thinking": "Oslo."},
    {"type": "signature_delta", "signature": "sig+/="},
)
SEALED = block(1, {"type": "redacted_thinking", "data": "xyz"})
SAID = block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Let me see."})
CALLED = block(
    3,
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
    {"type": "input_json_delta", "partial_json": ""},
    {"type": "input_json_delta", "partial_json": '{"city": "O'},
    {"type": "input_json_delta", "partial_json": 'slo"}'},
)
ALSO = block(4, {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}})
WHOLE = message(THOUGHT, SEALED, SAID, CALLED, ALSO, stop="tool_use")
BLOCKS = [
    {"type": "thinking", "thinking": "Well, Oslo.", "signature": "sig+/="},
    {"type": "redacted_thinking", "data": "xyz"},
    {"type": "text", "text": "Let me see."},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}},
]
EVENTS: list[ChatEvent] = [
    ReasoningDelta("Well, "),
    ReasoningDelta("Oslo."),
    TextDelta("Let me see."),
    ToolCallDelta(0, "", "toolu_1", "weather"),
    ToolCallDelta(0, '{"city": "O'),
    ToolCallDelta(0, 'slo"}'),
    ToolCallDelta(1, "{}", "toolu_2", "time"),
    Finished("tool_calls", Usage(11, 7), SERVED_MODEL, BLOCKS),
]


async def test_thoughts_text_and_calls_come_in_order():
    assert await said(packets(*WHOLE)) == EVENTS


def read(pieces: list[bytes]) -> list[ChatEvent]:
    options = AnthropicOptions(model="m", base_url="http://h/v1")
    reply = AnthropicReply(ask(), options, Failures("The model", "http://h", 1.0, ()))
    parser = SseParser()
    made = [each for piece in pieces for event in parser.feed(piece) for each in reply.take(event)]
    return [*made, *reply.finish()]


@settings(max_examples=60)
@given(st.data())
def test_any_split_of_the_bytes_gives_the_same_events(data: st.DataObject):
    whole = b"".join(WHOLE)
    at = data.draw(st.lists(st.integers(0, len(whole)), max_size=30))
    edges = [0, *sorted(at), len(whole)]

    assert read([whole[start:end] for start, end in itertools.pairwise(edges)]) == EVENTS


async def test_thoughts_go_back_as_they_came_and_where_they_stood():
    calls = (ToolCall("toolu_1", "weather", '{"city": "Oslo"}'), ToolCall("toolu_2", "time", "{}"))
    kept = Message("assistant", "Let me see.", tool_calls=calls, reasoning=BLOCKS)
    changed = Message("assistant", "Let me think.", reasoning=BLOCKS)
    foreign = Message("assistant", "Sure.", reasoning={"reasoning_content": "hm"})
    body = await sent(ChatRequest((USER, kept, USER, changed, USER, foreign)))

    answers = [turn["content"] for turn in body["messages"] if turn["role"] == "assistant"]
    assert answers == [
        BLOCKS,
        [*BLOCKS[:2], {"type": "text", "text": "Let me think."}],
        [{"type": "text", "text": "Sure."}],
    ]


@pytest.mark.parametrize(
    ("stop", "reason", "extra"),
    [
        ("end_turn", "stop", {}),
        ("max_tokens", "length", {}),
        ("refusal", "content_filter", {"stop_reason": "refusal"}),
        ("pause_turn", "stop", {"stop_reason": "pause_turn"}),
        (
            "model_context_window_exceeded",
            "length",
            {"stop_reason": "model_context_window_exceeded"},
        ),
        ("something_new", "stop", {"stop_reason": "something_new"}),
    ],
)
async def test_stop_reasons_are_mapped_and_those_that_say_more_handed_through(
    stop: str, reason: str, extra: dict[str, Any]
):
    *_, last = await said(says("x", stop=stop))

    assert (last.reason, last.extra) == (reason, extra)


async def test_a_stop_sequence_is_handed_through():
    *_, last = await said(says("x", stop="stop_sequence", stop_sequence="END"))

    assert last.reason == "stop"
    assert last.extra == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        (
            {"cache_read_input_tokens": 100, "cache_creation_input_tokens": 20},
            {"output_tokens": 7},
            Usage(131, 7, cached_tokens=100, cache_write_tokens=20),
        ),
        ({}, {"output_tokens": 7, "input_tokens": 13}, Usage(13, 7)),
        ({"input_tokens": -1}, {"output_tokens": 7}, Usage(1, 1, estimated=True)),
        ({"input_tokens": "many"}, {"output_tokens": 7}, Usage(1, 1, estimated=True)),
        ({"output_tokens": 3}, None, Usage(11, 3)),
    ],
)
async def test_usage_counts_what_the_cache_gave_and_took_as_input(
    first: dict[str, Any], later: Any, expected: Usage
):
    *_, last = await said(packets(start(**first), *text("abc"), *end(usage=later)))

    assert last.usage == expected


@pytest.mark.parametrize(
    ("kind", "expected", "status"),
    [
        ("overloaded_error", UpstreamError, 529),
        ("rate_limit_error", UpstreamRateLimited, 429),
        ("timeout_error", UpstreamTimeout, 504),
        ("authentication_error", UpstreamError, 401),
        ("new_error", UpstreamError, None),
    ],
)
async def test_an_error_in_mid_stream_is_of_the_kind_it_says(
    kind: str, expected: type[UpstreamError], status: int | None
):
    broken = failure(kind, f"Trouble with {KEY}")
    seen: list[ChatEvent] = []
    async with serving(api_key=KEY) as (wire, model):
        wire.script(packets(start(), *text("One"), named(broken.pop("type"), **broken)))
        with pytest.raises(UpstreamError, match="after 3 characters: Trouble with") as caught:
            await read_into(seen, model)

    assert seen == [TextDelta("One")]
    assert type(caught.value) is expected
    assert caught.value.status == status
    assert caught.value.provider == "anthropic"
    assert KEY not in caught.value.message


async def test_an_overloaded_api_may_be_asked_again():
    with pytest.raises(UpstreamError, match="HTTP 529: Overloaded") as caught:
        await said(refuses(529, failure("overloaded_error", "Overloaded")))

    assert caught.value.retryable


async def test_unknown_events_and_blocks_are_passed_over():
    odd = block(1, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})
    packets_ = message(
        [*text("x"), named("content_block_stop", index=0)], odd, [named("a_new_event", a=1)]
    )

    assert (await said(packets(*packets_)))[0] == TextDelta("x")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, 'api_key = { env = "ANTHROPIC_API_KEY" }'),
        ({"api_key": "k", "thinking": "hard"}, "thinking"),
        ({"api_key": "k", "max_output_tokens": 0}, "max_output_tokens"),
        ({"api_key": "k", "extra_body": {"stream": False}}, "stream"),
        ({"api_key": "k", "model": ""}, "model"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], wrong: str):
    with pytest.raises(ValidationError, match=wrong):
        AnthropicOptions.model_validate({"model": "m", **options})


def test_a_header_of_one_s_own_takes_the_place_of_the_adapter_s():
    options = AnthropicOptions.model_validate(
        {"model": "m", "api_key": KEY, "headers": {"X-API-Key": "other"}}
    )

    assert options.sent_headers["X-API-Key"] == "other"
    assert "x-api-key" not in options.sent_headers
