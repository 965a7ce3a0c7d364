"""The openai adapter against servers that fail: each as its own error, and no secret in any."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from tests.fixtures.openai_wire import (
    Answer,
    Exchange,
    chunk,
    envelope,
    event,
    never_ends,
    packets,
    refuses,
    serve_openai_wire,
    silent,
    stalls,
    streams,
)

from bedplate.domain.chat import ChatEvent, ChatRequest, Message, TextDelta
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.models.openai import open_openai_model
from bedplate.models.protocol import ChatModel
from bedplate.models.sse import MAX_EVENT_BYTES
from bedplate.upstream.failures import retry_after

ASK = ChatRequest((Message("user", "Say hello"),))
KEY = "sk-very-secret-key"


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[ChatModel]:
    async with (
        open_hashing_embedder({}) as embedder,
        open_openai_model({"model": "m", **options}, embedder=embedder) as model,
    ):
        yield model


async def failure(
    answer: Answer, request: ChatRequest = ASK, **options: Any
) -> tuple[UpstreamError, list[ChatEvent]]:
    """The error a call ends in, and what came before it."""
    seen: list[ChatEvent] = []
    async with serve_openai_wire() as wire, opened(base_url=wire.base_url, **options) as model:
        wire.script(answer)
        with pytest.raises(UpstreamError) as caught:
            await read_into(seen, model, request)
    return caught.value, seen


async def read_into(seen: list[ChatEvent], model: ChatModel, request: ChatRequest) -> None:
    async for each in model.stream(request):
        seen.append(each)  # noqa: PERF401 - a comprehension would lose what came before an error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_refused_connection_asks_whether_the_server_runs():
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with opened(base_url=url) as model:
        with pytest.raises(UpstreamError) as caught:
            await anext(model.stream(ASK))

    assert type(caught.value) is UpstreamError
    assert f"(connection refused); is the server running at {url}" in caught.value.message
    assert "'m'" in caught.value.message


async def test_a_connection_that_is_never_taken_times_out_as_connect():
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        async with opened(base_url=url, connect_seconds=0.2) as model:
            with pytest.raises(UpstreamTimeout, match=r"within 0\.2 s \(connect_seconds\)"):
                await anext(model.stream(ASK))


async def test_tls_with_a_server_that_speaks_none_says_so():
    async with serve_openai_wire() as wire:
        url = wire.base_url.replace("http:", "https:")
        async with opened(base_url=url) as model:
            with pytest.raises(UpstreamError, match="no secure connection"):
                await anext(model.stream(ASK))


@pytest.mark.parametrize(
    ("status", "said"), [(200, "compressed its answer (br)"), (503, "HTTP 503.")]
)
async def test_an_answer_that_is_compressed_unasked_is_not_read(status: int, said: str):
    async def answer(exchange: Exchange) -> None:
        headers = {"Content-Encoding": "br", "Content-Type": "text/event-stream"}
        await exchange.reply(web.Response(status=status, headers=headers, body=b"\x8b\x02"))

    error, _ = await failure(answer)

    assert said in error.message


async def test_a_server_that_is_silent_times_out_at_the_first_token():
    error, seen = await failure(silent(), first_token_seconds=0.1)

    assert type(error) is UpstreamTimeout
    assert "no token within 0.1 s (first_token_seconds)" in error.message
    assert seen == []


async def test_keep_alive_comments_are_no_token():
    error, _ = await failure(stalls(comments=True), first_token_seconds=0.1)

    assert "(first_token_seconds)" in error.message


async def test_a_role_chunk_is_no_token():
    error, _ = await failure(stalls(""), first_token_seconds=0.1, idle_seconds=0.05)

    assert "(first_token_seconds)" in error.message


@pytest.mark.parametrize("comments", [False, True])
async def test_a_stall_in_mid_stream_times_out_as_idle(comments: bool):
    error, seen = await failure(stalls("One", comments=comments), idle_seconds=0.1)

    assert type(error) is UpstreamTimeout
    assert "sent nothing for 0.1 s in mid-stream (idle_seconds)" in error.message
    assert seen == [TextDelta("One")]


async def test_a_reader_that_takes_its_time_is_not_taken_for_a_stall():
    async with serve_openai_wire() as wire:
        wire.script(streams("a", "b", "c"))
        async with opened(base_url=wire.base_url, idle_seconds=0.3) as model:
            seen: list[ChatEvent] = []
            async for each in model.stream(ASK):
                seen.append(each)
                await asyncio.sleep(0.35)

    assert seen[:3] == [TextDelta("a"), TextDelta("b"), TextDelta("c")]


async def test_an_endless_answer_ends_at_the_total():
    error, seen = await failure(never_ends("x"), total_seconds=1)

    assert type(error) is UpstreamTimeout
    assert "1 s (total_seconds)" in error.message
    assert seen


async def test_the_request_s_deadline_wins_over_the_options():
    deadline = asyncio.get_running_loop().time() + 0.2
    error, _ = await failure(never_ends("x"), ChatRequest(ASK.messages, deadline=deadline))

    assert type(error) is UpstreamTimeout
    assert "deadline" in error.message


async def test_a_deadline_in_the_past_sends_nothing():
    async with serve_openai_wire() as wire, opened(base_url=wire.base_url) as model:
        late = ChatRequest(ASK.messages, deadline=asyncio.get_running_loop().time() - 1)
        with pytest.raises(UpstreamTimeout):
            await anext(model.stream(late))

    assert wire.seen == []


async def test_waiting_for_a_connection_ends_at_the_first_token_limit():
    async with serve_openai_wire() as wire:
        wire.script(stalls("x"))
        async with opened(
            base_url=wire.base_url, max_connections=1, first_token_seconds=1
        ) as model:
            holding = model.stream(ASK)
            await anext(holding)
            with pytest.raises(UpstreamTimeout, match="first_token_seconds"):
                await anext(model.stream(ASK))
            await holding.aclose()

    assert len(wire.seen) == 1


async def test_a_rate_limit_carries_the_seconds_to_wait():
    error, _ = await failure(refuses(429, envelope("Slow down."), {"Retry-After": "7"}))

    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after == 7.0
    assert error.status == 429
    assert "Slow down" in error.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:00:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, envelope("temperature is too high"), "HTTP 400: temperature is too high"),
        (404, envelope("model 'm' not found"), "check model and base_url: model 'm' not found"),
        (422, {"detail": "messages: too long"}, "HTTP 422: messages: too long"),
        (401, envelope("no such key"), "HTTP 401; set api_key: no such key"),
        (403, {"error": "forbidden"}, "HTTP 403; set api_key: forbidden"),
        (500, envelope("out of memory"), "HTTP 500: out of memory"),
        (503, b"no   backend\n", "HTTP 503: no backend"),
        (500, b"", "answered HTTP 500."),
        (400, {"object": "error", "message": "bad prompt"}, "HTTP 400: bad prompt"),
        (302, b"", "redirected with HTTP 302; set base_url"),
        (200, {"choices": []}, "no answer of a model; check base_url"),
        (200, envelope("model is loading"), "model is loading"),
    ],
)
async def test_a_refusal_carries_its_status_and_the_server_s_words(
    status: int, body: Any, expected: str
):
    error, _ = await failure(refuses(status, body))

    assert type(error) is UpstreamError
    assert error.status == status
    assert expected in error.message


@pytest.mark.parametrize("status", [408, 504])
async def test_a_gateway_that_gave_up_is_a_timeout(status: int):
    error, _ = await failure(refuses(status, b""))

    assert type(error) is UpstreamTimeout
    assert error.status == status


async def test_a_long_refusal_is_shortened():
    error, _ = await failure(refuses(500, envelope("x" * 100_000)))

    assert len(error.message) < 700


async def test_a_redirect_is_not_followed_with_the_key():
    async with serve_openai_wire() as elsewhere:
        location = {"Location": f"{elsewhere.base_url}/chat/completions"}
        await failure(refuses(307, b"", location), api_key=KEY)

    assert elsewhere.seen == []


HALF = [event(chunk("One")), event(chunk("ly"))]


@pytest.mark.parametrize(
    "answer",
    [packets(*HALF), packets(*HALF, reset=True), packets(*HALF, b'data: {"choices": [{"del')],
    ids=["closed", "reset", "cut inside an event"],
)
async def test_half_a_stream_is_an_error_after_its_text(answer: Answer):
    error, seen = await failure(answer)

    assert seen == [TextDelta("One"), TextDelta("ly")]
    assert "the stream ended early after 5 characters" in error.message


async def test_a_reset_before_the_first_byte_is_a_broken_connection():
    error, _ = await failure(packets(reset=True))

    assert "connection broke" in error.message


@pytest.mark.parametrize(
    "broken",
    [
        b"data: {nope\n\n",
        b'data: {"choices": 3}\n\n',
        b"data: []\n\n",
        b'data: {"model":"\xff"}\n\n',
    ],
)
async def test_a_chunk_that_cannot_be_read_is_an_error_after_the_text_before_it(broken: bytes):
    error, seen = await failure(packets(HALF[0] + broken))

    assert seen == [TextDelta("One")]
    assert "cannot be read after 3 characters" in error.message


async def test_a_line_without_end_is_refused_at_the_limit():
    error, _ = await failure(packets(b"data: " + b"x" * (MAX_EVENT_BYTES + 1)))

    assert f"longer than {MAX_EVENT_BYTES} bytes" in error.message


@pytest.mark.parametrize(
    ("sent", "kind", "status"),
    [
        (envelope("overloaded", code=503), UpstreamError, 503),
        (envelope("overloaded"), UpstreamError, None),
        (envelope("slow", code=429), UpstreamRateLimited, 429),
        (envelope("slow", code="rate_limit_exceeded"), UpstreamRateLimited, 429),
        ({"error": "broke"}, UpstreamError, None),
        ({"error": {"odd": 1}}, UpstreamError, None),
    ],
)
async def test_an_error_inside_the_stream_is_raised_after_its_text(
    sent: Any, kind: type[UpstreamError], status: int | None
):
    error, seen = await failure(packets(HALF[0], event(sent)))

    assert type(error) is kind
    assert error.status == status
    assert seen == [TextDelta("One")]
    assert "failed after 3 characters" in error.message


@pytest.mark.parametrize("reason", ["error", "abort"])
async def test_an_answer_that_the_server_broke_off_is_an_error(reason: str):
    error, _ = await failure(streams("One", finish=reason))

    assert f"finish_reason '{reason}'" in error.message


@pytest.mark.parametrize(
    "answer",
    [
        refuses(401, envelope(f"Incorrect API key provided: {KEY}.")),
        refuses(429, envelope(f"{KEY} used too often")),
        refuses(500, f"Bearer {KEY}".encode()),
        packets(event(envelope(f"bad {KEY} and hidden-header"))),
    ],
)
async def test_secrets_that_the_server_repeats_are_masked(answer: Answer):
    error, _ = await failure(answer, api_key=KEY, headers={"X-Token": "hidden-header"})

    assert KEY not in error.message
    assert "hidden-header" not in error.message
    assert "***" in error.message
