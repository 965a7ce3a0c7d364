"""The openai adapter where an answer is wanted whole: asked for as JSON, told as the same events."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.fixtures.openai_wire import (
    SERVED_MODEL,
    USAGE,
    Answer,
    Wire,
    envelope,
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
    Unseen,
)
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import UpstreamError, UpstreamTimeout
from bedplate.models.openai import open_openai_model
from bedplate.models.protocol import ChatModel

ASK = ChatRequest((Message("user", "Say hello"),), max_output_tokens=50, whole_answer=True)
JSON = "application/json"


@asynccontextmanager
async def serving(answer: Answer, **options: Any) -> AsyncGenerator[tuple[Wire, ChatModel]]:
    async with (
        serve_openai_wire() as wire,
        open_hashing_embedder({}) as embedder,
        open_openai_model(
            {"base_url": wire.base_url, "model": "m", **options}, embedder=embedder
        ) as model,
    ):
        wire.script(answer)
        yield wire, model


async def asked(answer: Answer, **options: Any) -> tuple[list[ChatEvent], Wire, Unseen]:
    unseen = Unseen()
    async with serving(answer, **options) as (wire, model):
        request = replace(ASK, unstreamed=unseen)
        return [event async for event in model.stream(request)], wire, unseen


async def failing(answer: Answer, **options: Any) -> UpstreamError:
    async with serving(answer, **options) as (_, model):
        with pytest.raises(UpstreamError) as raised:
            _ = [event async for event in model.stream(replace(ASK, unstreamed=Unseen()))]
    return raised.value


def completion(message: Mapping[str, Any], finish: str | None = "stop", **fields: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion", "model": SERVED_MODEL, "choices": [choice]}
    return refuses(200, {**body, "usage": USAGE, **fields})


async def test_a_whole_answer_is_asked_for_as_json_and_told_as_text_and_its_end() -> None:
    said = completion({"content": "Hello."}, system_fingerprint="fp")
    events, wire, unseen = await asked(said)
    assert "stream" not in wire.seen[0].body
    assert "stream_options" not in wire.seen[0].body
    assert events[0] == TextDelta("Hello.")
    end = events[1]
    assert isinstance(end, Finished)
    assert (end.reason, end.model, end.whole) == ("stop", SERVED_MODEL, True)
    assert (end.usage.input_tokens, end.usage.output_tokens, end.usage.estimated) == (11, 7, False)
    assert end.extra == {"system_fingerprint": "fp"}
    assert not unseen.under_way


async def test_thoughts_calls_and_refusals_of_a_whole_answer_are_told_as_those_of_a_stream() -> (
    None
):
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id, name, arguments in (("1", "rain", '{"in": "Ulm"}'), ("2", "wind", "{}"))
    ]
    message = {"content": None, "reasoning_content": "Hm.", "tool_calls": calls}
    events, _, _ = await asked(completion(message, "tool_calls"))
    assert events[0] == ReasoningDelta("Hm.")
    told = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [(each.index, each.id, each.name) for each in told] == [
        (0, "1", "rain"),
        (1, "2", "wind"),
    ]
    assert events[-1].reason == "tool_calls"  # pyright: ignore[reportAttributeAccessIssue]
    refused, _, _ = await asked(completion({"content": None, "refusal": "No."}))
    assert refused[0] == TextDelta("No.", refusal=True)


async def test_a_server_that_streams_all_the_same_is_read_as_a_stream() -> None:
    events, _, unseen = await asked(streams("Hel", "lo."))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello."
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.whole
    assert not unseen.under_way


async def test_a_server_may_be_set_to_be_asked_for_streams_alone() -> None:
    _, wire, _ = await asked(streams("Hello."), whole_answers=False)
    assert wire.seen[0].body["stream"] is True


async def test_a_whole_answer_may_take_longer_than_the_first_token_of_a_stream() -> None:
    async def late(exchange: Any) -> None:
        await asyncio.sleep(0.2)
        await completion({"content": "Hello."})(exchange)

    events, _, _ = await asked(late, first_token_seconds=0.05, idle_seconds=0.05)
    assert events[0] == TextDelta("Hello.")


async def test_a_whole_answer_that_does_not_come_costs_what_it_may_have_come_to() -> None:
    error = await failing(silent(), total_seconds=0.1)
    assert isinstance(error, UpstreamTimeout)
    assert error.usage is not None
    assert (error.usage.output_tokens, error.usage.estimated) == (50, True)


async def test_a_whole_answer_that_breaks_off_costs_what_it_may_have_come_to() -> None:
    error = await failing(packets(b'{"choices": [', b'{"mess', reset=True, content_type=JSON))
    assert error.usage is not None
    assert error.usage.output_tokens == 50


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"null",
        b'{"choices": null}',
        b'{"choices": [1]}',
        b'{"choices": [{}]}',
        b"[" * 100_000,
    ],
    ids=range(7),
)
async def test_what_is_no_completion_is_refused(body: bytes) -> None:
    error = await failing(packets(body, content_type=JSON))
    assert error.status == 200
    assert error.usage is None


async def test_an_error_with_status_200_is_the_error_that_it_names() -> None:
    error = await failing(refuses(200, envelope("overloaded", code=503)))
    assert (error.status, "overloaded" in error.message) == (503, True)


async def test_an_answer_above_its_limit_of_bytes_is_refused() -> None:
    error = await failing(completion({"content": "x" * 2_000}), max_answer_bytes=1_000)
    assert "max_answer_bytes" in error.message


async def test_closing_the_call_closes_the_connection_and_says_that_it_was_under_way() -> None:
    unseen = Unseen()
    async with serving(silent()) as (wire, model):
        async with aclosing(model.stream(replace(ASK, unstreamed=unseen))) as events:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await anext(events)
        await asyncio.wait_for(wire.disconnected.wait(), 2)
    assert unseen.under_way


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        (refuses(503, envelope("overloaded")), {}),
        (streams("Hello."), {"base_url": "http://127.0.0.1:9/v1"}),
    ],
    ids=["refused", "not reached"],
)
async def test_nothing_is_under_way_once_a_call_failed_that_used_nothing(
    answer: Answer, options: dict[str, Any]
) -> None:
    unseen = Unseen()
    async with serving(answer, **options) as (_, model):
        with pytest.raises(UpstreamError):
            _ = [event async for event in model.stream(replace(ASK, unstreamed=unseen))]
    assert not unseen.under_way
