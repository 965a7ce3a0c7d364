"""The openai adapter against a local server: what it sends, and how it reads good streams."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.openai_wire import (
    DONE,
    SERVED_MODEL,
    USAGE,
    Answer,
    Exchange,
    Wire,
    chunk,
    event,
    never_ends,
    one_byte_at_a_time,
    packets,
    serve_openai_wire,
    stalls_after_done,
    stalls_after_finish,
    stream_bytes,
    streams,
    usage_chunk,
    waits_for_release,
)

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, TextDelta, Usage
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import InvalidInput
from bedplate.models.openai import open_openai_model
from bedplate.models.protocol import ChatModel

ASK = ChatRequest((Message("system", "Be brief."), Message("user", "Say hello")))
TEXT = "Grüße 🪨"


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Wire, ChatModel]]:
    async with (
        serve_openai_wire() as wire,
        open_hashing_embedder({}) as embedder,
        open_openai_model(
            {"base_url": wire.base_url, "model": "m", **options}, embedder=embedder
        ) as model,
    ):
        yield wire, model


async def collect(model: ChatModel, request: ChatRequest = ASK) -> list[ChatEvent]:
    return [event async for event in model.stream(request)]


async def answered(answer: Answer, **options: Any) -> tuple[str, Finished]:
    async with serving(**options) as (wire, model):
        wire.script(answer)
        *deltas, last = await collect(model)
    assert isinstance(last, Finished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), last


async def test_sends_a_streamed_request_that_asks_for_usage():
    async with serving() as (wire, model):
        await collect(model)

    (seen,) = wire.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["Content-Type"] == "application/json"
    assert "Authorization" not in seen.headers
    assert seen.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Say hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_sends_the_key_the_headers_and_the_query_of_the_base_url():
    async with serve_openai_wire() as wire, open_hashing_embedder({}) as embedder:
        options = {
            "base_url": f"{wire.base_url}/?api-version=3",
            "model": "m",
            "api_key": "sk-secret",
            "headers": {"X-Team": "blue"},
        }
        async with open_openai_model(options, embedder=embedder) as model:
            await collect(model)

    assert wire.seen[0].path == "/v1/chat/completions?api-version=3"
    assert wire.seen[0].headers["Authorization"] == "Bearer sk-secret"
    assert wire.seen[0].headers["X-Team"] == "blue"
    assert wire.seen[0].headers["Accept-Encoding"] == "identity"


async def test_sends_every_field_of_the_request_and_passes_unknown_ones_through():
    request = ChatRequest(
        (Message("user", "Hi"),),
        max_output_tokens=9,
        temperature=0.0,
        top_p=0.5,
        stop=("END",),
        seed=4,
        extra={"response_format": {"type": "json_object"}, "min_p": 0.1, "n": 1},
    )
    async with serving(extra_body={"top_k": 7, "min_p": 0.9}) as (wire, model):
        await collect(model, request)

    sent = wire.seen[0].body
    assert {k: v for k, v in sent.items() if k not in {"model", "messages", "stream"}} == {
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.5,
        "stop": ["END"],
        "seed": 4,
        "response_format": {"type": "json_object"},
        "min_p": 0.1,
        "n": 1,
        "top_k": 7,
    }


@pytest.mark.parametrize(
    ("options", "request_limit", "expected"),
    [
        ({"max_output_tokens": 50}, None, {"max_tokens": 50}),
        ({"max_output_tokens": 50}, 9, {"max_tokens": 9}),
        ({"output_limit_field": "max_completion_tokens"}, 9, {"max_completion_tokens": 9}),
        ({}, None, {}),
    ],
)
async def test_the_output_limit_is_the_request_s_or_else_the_option_s(
    options: dict[str, Any], request_limit: int | None, expected: dict[str, int]
):
    request = ChatRequest((Message("user", "Hi"),), max_output_tokens=request_limit)
    async with serving(**options) as (wire, model):
        await collect(model, request)

    sent = wire.seen[0].body
    assert {name: value for name, value in sent.items() if name.startswith("max_")} == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "function"}]),
        ("functions", [{}]),
        ("logprobs", True),
        ("audio", {}),
        ("n", 2),
        ("n", "2"),
        ("model", "other"),
        ("stream", False),
    ],
)
async def test_fields_it_cannot_honour_are_refused_before_anything_is_sent(name: str, value: Any):
    async with serving() as (wire, model):
        if name == "audio":
            value = {"voice": "alto"}
        with pytest.raises(InvalidInput, match=name) as caught:
            await collect(model, ChatRequest(ASK.messages, extra={name: value}))

    assert caught.value.param == name
    assert wire.seen == []


async def test_text_that_is_no_unicode_is_refused():
    async with serving() as (_, model):
        with pytest.raises(InvalidInput, match="JSON"):
            await collect(model, ChatRequest((Message("user", "\ud800"),)))


async def test_each_chunk_becomes_one_delta_and_the_role_chunk_none():
    async with serving() as (wire, model):
        wire.script(streams("One", "ly", ""))
        events = await collect(model)

    assert events == [
        TextDelta("One"),
        TextDelta("ly"),
        Finished("stop", Usage(11, 7), SERVED_MODEL),
    ]


async def test_a_delta_is_given_before_the_server_sends_the_next():
    async with serving() as (wire, model):
        wire.script(waits_for_release("first", " last"))
        async with aclosing(model.stream(ASK)) as events:
            first = await anext(events)
            # The server sends no more before this.
            wire.released.set()
            rest = [event async for event in events]

    assert first == TextDelta("first")
    assert rest[0] == TextDelta(" last")


def crlf_without_space(*pieces: str) -> Answer:
    whole = b"".join(stream_bytes(*pieces, end="\r\n")).replace(b"data: ", b"data:")
    return packets(whole)


def with_comments(*pieces: str) -> Answer:
    sent = stream_bytes(*pieces)
    return packets(*(part for each in sent for part in (b": OPENROUTER PROCESSING\n\n", each)))


@pytest.mark.parametrize(
    "answer",
    [
        one_byte_at_a_time(TEXT),
        one_byte_at_a_time(TEXT, end="\r\n"),
        crlf_without_space(TEXT),
        with_comments(TEXT),
        packets(b"\xef\xbb\xbf" + b"".join(stream_bytes(TEXT))),
        packets(*stream_bytes(TEXT, done=False)),
        packets(event(usage_chunk({})), *stream_bytes(TEXT)),
        packets(event({"choices": None, "usage": None}), *stream_bytes(TEXT)),
        packets(event(chunk(TEXT)), event(chunk(finish="stop", usage=USAGE)), DONE),
        packets(event(chunk(TEXT)), event(usage_chunk(USAGE)), DONE),
        packets(*stream_bytes(TEXT), event(chunk("after the end"))),
        packets(*stream_bytes(TEXT), content_type="text/plain"),
    ],
    ids=[
        "one byte at a time",
        "one byte at a time, CRLF",
        "CRLF and no space",
        "keep-alive comments",
        "byte order mark",
        "no [DONE]",
        "empty choices first",
        "null choices first",
        "usage beside the finish reason",
        "no finish reason",
        "text after [DONE]",
        "wrong content type",
    ],
)
async def test_reads_the_stream_whatever_its_dress(answer: Answer):
    assert await answered(answer) == (TEXT, Finished("stop", Usage(11, 7), SERVED_MODEL))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5), st.lists(st.integers(0, 900), max_size=6))
async def test_any_text_survives_any_cut_into_packets(pieces: list[str], at: list[int]):
    whole = b"".join(stream_bytes(*pieces))
    edges = [0, *sorted(place % len(whole) for place in at), len(whole)]
    cut = [whole[start:end] for start, end in itertools.pairwise(edges)]

    text, last = await answered(packets(*cut))

    assert text == "".join(pieces)
    assert last.usage == Usage(11, 7)


async def test_a_line_of_a_megabyte_is_read():
    text = "x" * 1_000_000

    assert (await answered(streams(text)))[0] == text


async def test_content_in_parts_gives_its_text_without_the_thoughts():
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Yes"}]
    answer = packets(event(chunk(parts)), event(chunk(finish="stop")), DONE)

    assert (await answered(answer))[0] == "Yes"


async def test_a_refusal_is_text_and_thoughts_are_not():
    answer = packets(
        event(chunk(reasoning_content="hm")),
        event(chunk(refusal="I cannot.")),
        event(chunk(finish="stop")),
        DONE,
    )

    assert (await answered(answer))[0] == "I cannot."


async def test_only_the_first_choice_is_read():
    other = chunk("other")
    other["choices"][0]["index"] = 1

    assert (await answered(packets(event(other), *stream_bytes("mine"))))[0] == "mine"


@pytest.mark.parametrize(
    ("wire_reason", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos_token", "stop"),
        # There were none.
        ("tool_calls", "stop"),
        ("function_call", "stop"),
    ],
)
async def test_finish_reasons_are_mapped(wire_reason: str, reason: str):
    _, last = await answered(streams("x", finish=wire_reason))

    assert last.reason == reason


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": 3}, {"prompt_tokens": -1, "completion_tokens": 2}]
)
async def test_usage_the_server_does_not_give_is_estimated_from_characters(usage: Any):
    _, last = await answered(streams("12345", usage=usage))

    assert last.usage == Usage(input_tokens=5, output_tokens=2, estimated=True)


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        (stalls_after_finish("abcd"), Usage(5, 1, estimated=True)),
        (stalls_after_done("abcd"), Usage(11, 7)),
    ],
)
async def test_a_whole_answer_does_not_fail_for_a_stream_left_open(answer: Answer, usage: Usage):
    text, last = await answered(answer, idle_seconds=0.5)

    assert text == "abcd"
    assert last.usage == usage


async def test_closing_early_closes_the_connection_and_the_next_call_works():
    async with serving(max_connections=1) as (wire, model):
        wire.script(never_ends("x"), streams("next"))
        async with aclosing(model.stream(ASK)) as events:
            await anext(events)
        await asyncio.wait_for(wire.disconnected.wait(), 5)
        *deltas, _ = await collect(model)

    assert deltas == [TextDelta("next")]


async def test_one_connection_serves_one_call_after_another():
    async with serving() as (wire, model):
        for _ in range(3):
            await collect(model)

    assert len({seen.peer for seen in wire.seen}) == 1


async def test_a_server_that_closes_behind_an_answer_without_a_word_is_asked_on_new_connections():
    """As llama.cpp's does: headers and body end as those of a connection that stays."""

    async def closes_behind(exchange: Exchange) -> None:
        for packet in stream_bytes("One"):
            await exchange.send(packet)
        assert exchange.response is not None
        await exchange.response.write_eof()
        assert exchange.request.transport is not None
        exchange.request.transport.close()

    async with serving(keep_alive=False) as (wire, model):
        wire.script(closes_behind)
        for _ in range(20):
            assert (await collect(model))[0] == TextDelta("One")

    assert len({seen.peer for seen in wire.seen}) == 20


async def test_no_more_calls_run_at_once_than_there_are_connections():
    async with serving(max_connections=2) as (wire, model), asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(collect(model))

    assert len(wire.seen) == 6
    assert wire.most_active == 2
