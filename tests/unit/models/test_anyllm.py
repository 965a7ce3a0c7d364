"""The anyllm adapter: real HTTP to local servers, by providers of any-llm that speak their wires."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError
from tests.fixtures import anthropic_wire
from tests.fixtures.anthropic_wire import block, serve_anthropic_wire
from tests.fixtures.openai_wire import (
    DONE,
    USAGE,
    Answer,
    Wire,
    chunk,
    envelope,
    event,
    never_ends,
    packets,
    refuses,
    serve_openai_wire,
    silent,
    streams,
)

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from bedplate.domain.tools import OutputFormat, ToolCall, ToolChoice, ToolSpec
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import (
    ConfigError,
    InvalidInput,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from bedplate.models.protocol import ChatModel

pytest.importorskip("any_llm")

from bedplate.models.anyllm import open_anyllm_model

KEY = "sk-very-secret-key"
ASK = ChatRequest((Message("user", "Hi"),))
TIME = ToolSpec("time", "The time.", {"type": "object", "properties": {}})


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[ChatModel]:
    given = {"provider": "vllm", "model": "m", "api_key": KEY, **options}
    async with (
        open_hashing_embedder({}) as embedder,
        open_anyllm_model(given, embedder=embedder) as model,
    ):
        yield model


@asynccontextmanager
async def serving(answer: Answer, **options: Any) -> AsyncIterator[tuple[Wire, ChatModel]]:
    async with serve_openai_wire() as wire, opened(base_url=wire.base_url, **options) as model:
        wire.script(answer)
        yield wire, model


async def read_into(seen: list[ChatEvent], model: ChatModel) -> None:
    async for each in model.stream(ASK):
        seen.append(each)  # noqa: PERF401 - a comprehension would lose what came before an error


async def failure(answer: Answer, **options: Any) -> tuple[UpstreamError, list[ChatEvent]]:
    seen: list[ChatEvent] = []
    async with serving(answer, **options) as (wire, model):
        with pytest.raises(UpstreamError) as caught:
            await read_into(seen, model)
    assert len(wire.seen) == 1, "the library repeated the call"
    assert caught.value.provider == "anyllm"
    assert KEY not in caught.value.message
    return caught.value, seen


async def test_the_request_reaches_the_provider_with_all_its_fields():
    request = ChatRequest(
        (Message("system", "Be brief."), Message("user", "Hi")),
        max_output_tokens=9,
        temperature=0.5,
        stop=("END",),
        seed=3,
        tools=(TIME,),
        tool_choice=ToolChoice("required", ("time",)),
        output=OutputFormat({"type": "object"}, "place"),
        logprobs=1,
        extra={"presence_penalty": 0.5},
    )
    async with serving(streams("x"), extra_body={"user": "u1"}) as (wire, model):
        [_ async for _ in model.stream(request)]

    (seen,) = wire.seen
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "stop": ["END"],
        "seed": 3,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "time",
                    "description": "The time.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "time"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "place", "schema": {"type": "object"}},
        },
        "logprobs": True,
        "top_logprobs": 1,
        "presence_penalty": 0.5,
        "user": "u1",
    }


async def test_usage_and_unknown_fields_come_back():
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}
    last_chunk = {**chunk(finish="stop", usage=usage), "system_fingerprint": "fp"}
    async with serving(packets(event(chunk("x")), event(last_chunk), DONE)) as (_, model):
        *_, last = [each async for each in model.stream(ASK)]

    assert isinstance(last, Finished)
    assert (last.usage.input_tokens, last.usage.cached_tokens) == (11, 4)
    assert last.extra == {"system_fingerprint": "fp"}
    assert last.reasoning is None


async def test_signatures_go_back_to_the_provider_that_gave_them():
    thought = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Well."},
        {"type": "signature_delta", "signature": "c2ln"},
    )
    called = block(
        1,
        {"type": "tool_use", "id": "toolu_1", "name": "time", "input": {}},
        {"type": "input_json_delta", "partial_json": "{}"},
    )
    answer = packets(*anthropic_wire.message(thought, called, stop="tool_use"))
    async with serve_anthropic_wire() as wire:
        # Anthropic's own SDK adds /v1 itself.
        base = wire.base_url.removesuffix("/v1")
        async with opened(provider="anthropic", base_url=base, max_output_tokens=99) as model:
            wire.script(answer)
            request = ChatRequest(ASK.messages, tools=(TIME,))
            *events, last = [each async for each in model.stream(request)]
            assert isinstance(last, Finished)
            said = Message(
                "assistant",
                "",
                tool_calls=(ToolCall("toolu_1", "time", "{}"),),
                reasoning=last.reasoning,
            )
            result = Message("tool", "noon", tool_call_id="toolu_1")
            again = ChatRequest((*ASK.messages, said, result), tools=(TIME,))
            [_ async for _ in model.stream(again)]

    assert events[0] == ReasoningDelta("Well.")
    assert next(each.name for each in events if isinstance(each, ToolCallDelta)) == "time"
    assert last.reason == "tool_calls"
    turn = wire.seen[1].body["messages"][1]["content"]
    assert {"type": "thinking", "thinking": "Well.", "signature": "c2ln"} in turn
    assert [part["id"] for part in turn if part["type"] == "tool_use"] == ["toolu_1"]


@pytest.mark.parametrize(
    ("answer", "kind", "status", "word"),
    [
        (refuses(429, envelope("slow"), {"Retry-After": "7"}), UpstreamRateLimited, 429, "7 s"),
        (refuses(401, envelope(f"bad {KEY}")), UpstreamError, 401, "set api_key"),
        (refuses(504, envelope("late")), UpstreamTimeout, 504, "gave up waiting"),
        (refuses(500, envelope("broken")), UpstreamError, 500, "broken"),
        (refuses(404, envelope("no model m")), UpstreamError, 404, "check model"),
        (refuses(400, envelope("too hot")), UpstreamError, 400, "too hot"),
    ],
)
async def test_failures_are_of_their_kind(
    answer: Answer, kind: type[UpstreamError], status: int, word: str
):
    error, _ = await failure(answer)

    assert type(error) is kind
    assert error.status == status
    assert word in error.message


async def test_a_stream_that_breaks_is_an_error_after_its_text():
    error, seen = await failure(packets(event(chunk("One")), reset=True))

    assert seen == [TextDelta("One")]
    assert error.retryable


async def test_a_stream_that_ends_early_is_an_error():
    error, seen = await failure(packets(event(chunk("One"))))

    assert seen == [TextDelta("One")]
    assert "ended early after 3 characters" in error.message


async def test_a_server_that_is_silent_times_out_at_the_first_token():
    error, _ = await failure(silent(), first_token_seconds=0.2)

    assert type(error) is UpstreamTimeout
    assert "(first_token_seconds)" in error.message


async def test_an_endless_answer_ends_at_the_total():
    error, seen = await failure(never_ends("x"), total_seconds=0.4)

    assert "(total_seconds)" in error.message
    assert seen


async def test_an_argument_that_the_provider_does_not_know_is_named():
    async with serving(streams("x")) as (wire, model):
        with pytest.raises(InvalidInput, match="min_p"):
            await anext(model.stream(ChatRequest(ASK.messages, extra={"min_p": 0.1})))

    assert wire.seen == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "gemni"}, "no provider 'gemni'. Did you mean 'gemini'"),
        ({"provider": "openai", "client": {"colour": "red"}}, "client of 'openai' cannot be made"),
    ],
)
async def test_a_provider_that_cannot_be_had_is_an_error_of_the_set_up(
    options: dict[str, Any], message: str
):
    with pytest.raises(ConfigError, match=message):
        async with opened(**options):
            pass


@pytest.mark.parametrize(
    "options", [{"provider": ""}, {"base_url": "nowhere"}, {"extra_body": {"tools": [1]}}]
)
async def test_bad_options_are_refused(options: dict[str, Any]):
    with pytest.raises(ValidationError):
        async with opened(**options):
            pass
