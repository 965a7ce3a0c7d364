"""The http reranker against servers that fail: each as its own error, and the key in none."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
from tests.fixtures.openai_wire import Answer, Exchange, Wire, envelope, refuses, silent
from tests.fixtures.rerank_wire import (
    answers,
    breaks_off,
    cohere,
    says,
    scores_words,
    serve_rerank_wire,
)

from bedplate.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.rerankers.http import open_http_reranker
from bedplate.rerankers.protocol import Reranker
from bedplate.upstream.failures import retry_after

KEY = "sk-very-secret-key"
TEXTS = ["a", "b", "c"]
NOW = {"Retry-After": "0"}


@asynccontextmanager
async def opened(wire: Wire, **options: Any) -> AsyncIterator[Reranker]:
    async with open_http_reranker(
        {"base_url": wire.base_url, "model": "m", "retries": 0, **options}
    ) as reranker:
        yield reranker


async def failure(*script: Answer, **options: Any) -> tuple[UpstreamError, int]:
    """The error a call ends in, and how many requests it took."""
    async with serve_rerank_wire() as wire, opened(wire, **options) as reranker:
        wire.script(*script)
        with pytest.raises(UpstreamError) as caught:
            await reranker.score("q", TEXTS, deadline=None)
    return caught.value, len(wire.seen)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"message": "too many tokens"}, "HTTP 400: too many tokens"),
        (401, {"message": "invalid api token"}, "HTTP 401; set api_key: invalid api token"),
        (403, {"detail": "no credit"}, "HTTP 403; set api_key: no credit"),
        (404, {"detail": "Not Found"}, "check model and base_url, and wire: Not Found"),
        (413, {"error": "batch size 64 > 32"}, "lower batch: batch size 64 > 32"),
        (422, envelope("top_n is odd"), "HTTP 422: top_n is odd"),
        (424, {"error": "not a re-ranker"}, "HTTP 424: not a re-ranker"),
        (500, b"", "answered HTTP 500."),
        (503, b"no   backend\n", "HTTP 503: no backend"),
        (307, b"", "redirected with HTTP 307; set base_url"),
        (204, b"", "answered HTTP 204."),
    ],
)
async def test_a_refusal_carries_its_status_and_the_server_s_words(
    status: int, body: Any, expected: str
) -> None:
    error, _ = await failure(refuses(status, body))

    assert type(error) is UpstreamError
    assert error.status == status
    assert error.provider == "http"
    assert expected in error.message
    assert "'m'" in error.message


@pytest.mark.parametrize("status", [408, 504])
async def test_a_gateway_that_gave_up_is_a_timeout(status: int) -> None:
    error, _ = await failure(refuses(status, b""))

    assert type(error) is UpstreamTimeout
    assert error.status == status


async def test_a_rate_limit_carries_the_seconds_to_wait() -> None:
    error, _ = await failure(refuses(429, {"message": "Slow down."}, {"Retry-After": "7"}))

    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after == 7.0
    assert "it asks to wait 7 s: Slow down" in error.message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(b""), "no answer of the cohere wire"),
        (says(b'{"results": [{"index": 0, "rel'), "no answer of the cohere wire"),
        (says(b"<html>"), "no answer of the cohere wire"),
        (says(b'{"a": ' + b"[" * 2_000), "no answer of the cohere wire"),
        (says(b'{"a": "\xff"}'), "no answer of the cohere wire"),
        (answers([{"index": 0, "score": 1.0}]), "no answer of the cohere wire"),
        (answers({"message": "fine"}), "no answer of the cohere wire"),
        (answers({"results": [{"index": 0}]}), "relevance_score"),
        (answers({"results": [{"index": "0", "relevance_score": 1}]}), "no answer of the cohere"),
        (cohere(0.1, float("nan"), 0.3), "no answer of the cohere wire"),
        (says(b'{"results": [{"index": 0, "relevance_score": 1e999}]}'), "cohere wire"),
        (cohere(0.1, "null", 0.3), "no answer of the cohere wire"),
        (answers({"results": []}), "3 of 3 documents have no score: 0, 1, 2"),
        (cohere(0.1, None, 0.3), "1 of 3 documents have no score: 1"),
        (cohere(0.1, 0.2, 0.3, 0.4), "scored document 3 of 3, numbered from 0"),
        (answers({"results": [{"index": -1, "relevance_score": 1}]}), "document -1 of 3"),
        (answers({"results": [{"index": 1, "relevance_score": 1}] * 2}), "document 1 twice"),
        (says(b" " * 2_000_000), "longer than"),
    ],
)
async def test_an_answer_without_exactly_one_score_a_document_is_an_error(
    answer: Answer, expected: str
) -> None:
    error, requests = await failure(answer, retries=2)

    assert type(error) is UpstreamError
    assert expected in error.message
    assert requests == 1, "the same request would have the same answer"
    assert not error.retryable


async def test_half_a_body_is_a_broken_connection() -> None:
    error, _ = await failure(breaks_off(b'{"results": [{"index": 0, "relevance_score": 0.5}'))

    assert "the connection broke (ClientPayloadError)" in error.message
    assert error.retryable


async def test_half_a_refusal_still_has_its_status() -> None:
    async def half(exchange: Exchange) -> None:
        exchange.request.transport.write(  # type: ignore[union-attr]
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99\r\n\r\n{"
        )
        await asyncio.sleep(0.01)
        exchange.request.transport.close()  # type: ignore[union-attr]
        await asyncio.Event().wait()

    error, _ = await failure(half)

    assert error.status == 401


async def test_what_breaks_once_is_asked_again() -> None:
    async with serve_rerank_wire() as wire, opened(wire, retries=2) as reranker:
        wire.script(breaks_off(b"{"), refuses(429, {}, NOW), cohere(1, 2, 3))
        assert await reranker.score("q", TEXTS, deadline=None) == [1.0, 2.0, 3.0]

    assert len(wire.seen) == 3
    assert wire.seen[0].body == wire.seen[1].body == wire.seen[2].body


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (refuses(429, {}, NOW), 3),
        (refuses(400, {"message": "no"}), 1),
        (refuses(401, {"message": "no"}), 1),
        (refuses(307, b""), 1),
    ],
)
async def test_repeats_are_bounded_and_only_for_what_may_pass(
    answer: Answer, requests: int
) -> None:
    _, seen = await failure(answer, retries=2)

    assert seen == requests


async def test_a_wait_beyond_the_time_left_is_not_begun() -> None:
    error, requests = await failure(
        refuses(429, {}, {"Retry-After": "3600"}), retries=2, seconds=30
    )

    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after == 3600.0
    assert requests == 1


async def test_one_batch_that_fails_fails_the_call() -> None:
    async with serve_rerank_wire() as wire, opened(wire, batch=2) as reranker:
        wire.script(scores_words, refuses(500, {"message": "out of memory"}))
        with pytest.raises(UpstreamError, match="out of memory"):
            await reranker.score("q", TEXTS, deadline=None)


async def test_a_server_that_is_silent_times_out() -> None:
    error, _ = await failure(silent(), seconds=0.1, retries=2)

    assert type(error) is UpstreamTimeout
    assert "0.1 s (seconds)" in error.message


async def test_the_deadline_wins_over_the_options() -> None:
    async with serve_rerank_wire() as wire, opened(wire) as reranker:
        wire.script(silent())
        with pytest.raises(UpstreamTimeout, match="deadline"):
            await reranker.score("q", TEXTS, deadline=asyncio.get_running_loop().time() + 0.1)


async def test_a_refused_connection_asks_whether_the_server_runs() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with opened(Wire(url)) as reranker:
        with pytest.raises(UpstreamError) as caught:
            await reranker.score("q", TEXTS, deadline=None)

    assert type(caught.value) is UpstreamError
    assert f"(connection refused); is the server running at {url}" in caught.value.message


async def test_a_connection_that_is_never_taken_times_out_as_connect() -> None:
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        async with opened(Wire(url), connect_seconds=0.2) as reranker:
            with pytest.raises(UpstreamTimeout, match=r"within 0\.2 s \(connect_seconds\)"):
                await reranker.score("q", TEXTS, deadline=None)


async def test_tls_with_a_server_that_speaks_none_says_so() -> None:
    async with serve_rerank_wire() as wire:
        url = wire.base_url.replace("http:", "https:")
        async with opened(Wire(url)) as reranker:
            with pytest.raises(UpstreamError, match="no secure connection"):
                await reranker.score("q", TEXTS, deadline=None)


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async with serve_rerank_wire() as elsewhere:
        location = {"Location": f"{elsewhere.base_url}/rerank"}
        await failure(refuses(307, b"", location), api_key=KEY)

    assert elsewhere.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        refuses(401, {"message": f"invalid token {KEY}"}),
        refuses(429, {"message": f"{KEY} used too often"}),
        refuses(500, f"Bearer {KEY}".encode()),
    ],
)
async def test_a_key_that_the_server_repeats_is_masked(answer: Answer) -> None:
    error, _ = await failure(answer, api_key=KEY)

    assert KEY not in error.message
    assert "***" in error.message


async def test_a_long_refusal_is_shortened() -> None:
    error, _ = await failure(refuses(500, {"message": "x" * 100_000}))

    assert len(error.message) < 700


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
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
