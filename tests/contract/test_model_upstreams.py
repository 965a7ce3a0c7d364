"""What every adapter makes of a server, or a network, that does not answer as it should."""

import asyncio
import socket
from typing import Any

import pytest
from tests.contract.model_scripts import open_model
from tests.fixtures import anthropic_wire, openai_wire
from tests.fixtures.anthropic_wire import serve_anthropic_wire
from tests.fixtures.openai_wire import Answer, envelope, packets, refuses, serve_openai_wire

from bedplate.domain.chat import ChatEvent, ChatRequest, Message, TextDelta
from bedplate.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout

KEY = "sk-very-secret-key"
ASK = ChatRequest((Message("user", "Hi"),))
WIRES = {"anthropic": serve_anthropic_wire, "openai": serve_openai_wire}
ENDLESS = {
    "anthropic": anthropic_wire.never_ends("more "),
    "openai": openai_wire.never_ends("more "),
}
BEGUN = {
    "anthropic": [anthropic_wire.start(), *anthropic_wire.text("One")],
    "openai": [openai_wire.event(openai_wire.chunk("One"))],
}

pytestmark = pytest.mark.parametrize("name", sorted(WIRES))


async def failure(
    name: str, answer: Answer | None, **options: Any
) -> tuple[UpstreamError, list[ChatEvent]]:
    """The error that a call ends in, and what came before it."""
    seen: list[ChatEvent] = []
    async with WIRES[name]() as wire:
        if answer is not None:
            wire.script(answer)
        given = {"base_url": wire.base_url, "model": "m", "api_key": KEY, **options}
        async with open_model(name, given) as model:
            with pytest.raises(UpstreamError) as caught:
                await read_into(seen, model)
    assert caught.value.provider == name
    assert KEY not in caught.value.message
    return caught.value, seen


async def read_into(seen: list[ChatEvent], model: Any) -> None:
    async for event in model.stream(ASK):
        seen.append(event)  # noqa: PERF401 - a comprehension would lose what came before an error


async def test_a_web_page_is_no_answer(name: str):
    page = b"<!doctype html><title>Sign in</title>"
    error, _ = await failure(name, packets(page, content_type="text/html; charset=utf-8"))

    assert "no answer of a model; check base_url: <!doctype html>" in error.message


async def test_an_error_under_200_is_an_error(name: str):
    error, _ = await failure(name, refuses(200, envelope("model is loading")))

    assert "model is loading" in error.message


@pytest.mark.parametrize(
    ("code", "kind"), [(429, UpstreamRateLimited), (504, UpstreamTimeout), (503, UpstreamError)]
)
async def test_an_error_under_200_has_the_status_that_it_names(
    name: str, code: int, kind: type[UpstreamError]
):
    error, _ = await failure(name, refuses(200, envelope("busy", code=code)))

    assert type(error) is kind
    assert error.status == code
    assert error.retryable


async def test_half_a_json_ends_the_answer_after_what_came_before(name: str):
    error, seen = await failure(name, packets(*BEGUN[name], b'data: {"choices": [{"del\n\n'))

    assert seen == [TextDelta("One")]
    assert "cannot be read after 3 characters" in error.message


@pytest.mark.parametrize("broken", [b"data: null\n\n", b"data: 3\n\n", b'data: "x"\n\n'])
async def test_json_that_is_no_event_ends_the_answer(name: str, broken: bytes):
    error, _ = await failure(name, packets(*BEGUN[name], broken))

    assert "cannot be read after 3 characters" in error.message


async def test_json_of_absurd_depth_ends_the_answer(name: str):
    deep = b'data: {"x": ' + b"[" * 100_000 + b"\n\n"
    error, _ = await failure(name, packets(*BEGUN[name], deep))

    assert "cannot be read after 3 characters" in error.message


async def test_a_stream_that_ends_early_says_how_far_it_came(name: str):
    error, seen = await failure(name, packets(*BEGUN[name]))

    assert seen == [TextDelta("One")]
    assert "ended early after 3 characters" in error.message


async def test_a_stream_that_fails_midway_says_what_it_used(name: str):
    said = openai_wire.event(openai_wire.chunk("One two three. " * 20))
    if name == "anthropic":
        said = b"".join([anthropic_wire.start(), *anthropic_wire.text("One two three. " * 20)])
    error, _ = await failure(name, packets(said))
    assert error.usage is not None
    # What Anthropic's first event reports of its output is of that moment.
    assert (error.usage.output_tokens, error.usage.estimated) == (100, True)
    assert error.usage.input_tokens > 0

    error, _ = await failure(name, refuses(503, envelope("busy")))
    assert error.usage is None
    error, _ = await failure(name, openai_wire.silent(), first_token_seconds=0.2)
    assert error.usage is not None
    assert (error.usage.input_tokens > 0, error.usage.output_tokens) == (True, 0)


async def test_an_empty_answer_is_an_error(name: str):
    error, _ = await failure(name, packets(b"\n"))

    assert "ended early after 0 characters" in error.message


async def test_an_endless_answer_ends_at_its_bytes(name: str):
    error, seen = await failure(name, ENDLESS[name], max_answer_bytes=2_000)

    assert "more than 2000 bytes (max_answer_bytes)" in error.message
    assert seen


async def test_an_endless_answer_ends_at_its_seconds(name: str):
    error, _ = await failure(name, ENDLESS[name], total_seconds=0.2)

    assert type(error) is UpstreamTimeout
    assert "(total_seconds)" in error.message


async def test_endless_pings_end_at_the_first_token(name: str):
    async def pings(exchange: openai_wire.Exchange) -> None:
        while True:
            await exchange.send(anthropic_wire.PING if name == "anthropic" else b": ping\n\n")
            await asyncio.sleep(0.01)

    error, _ = await failure(name, pings, first_token_seconds=0.2)

    assert "(first_token_seconds)" in error.message


@pytest.mark.parametrize(
    "inwards",
    ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/v1", "/elsewhere"],
)
async def test_a_redirect_is_refused_and_not_followed(name: str, inwards: str):
    error, _ = await failure(name, refuses(307, b"", {"Location": inwards}))

    assert "redirected with HTTP 307; set base_url" in error.message


async def test_a_wrong_key_names_the_setting(name: str):
    error, _ = await failure(name, refuses(401, envelope(f"invalid key {KEY}")))

    assert "refused the key with HTTP 401; set api_key" in error.message
    assert not error.retryable


async def test_a_rate_limit_carries_the_seconds_to_wait(name: str):
    error, _ = await failure(name, refuses(429, envelope("slow down"), {"Retry-After": "7"}))

    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after == 7.0


async def test_a_host_that_is_not_found_is_named(name: str):
    error, _ = await failure(name, None, base_url="http://nowhere.invalid/v1")

    assert "cannot find the host 'nowhere.invalid'" in error.message
    assert "check base_url" in error.message


async def test_a_server_without_tls_is_no_secure_one(name: str):
    async with WIRES[name]() as wire:
        url = wire.base_url.replace("http:", "https:")
        error, _ = await failure(name, None, base_url=url)

    assert "no secure connection" in error.message


async def test_a_connection_that_is_refused_asks_whether_the_server_runs(name: str):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error, _ = await failure(name, None, base_url=f"http://127.0.0.1:{port}/v1")

    assert "connection refused" in error.message
