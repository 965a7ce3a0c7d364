"""The openai embedder on the wire: what it sends, what it accepts, and how it fails."""

import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.fixtures.embeddings_wire import (
    DIMENSIONS,
    Answer,
    EmbeddingsWire,
    answers,
    embeds,
    embeds_after_a_turn,
    embeds_as_lists,
    embeds_backwards,
    half_a_body,
    never_answers,
    refuses,
    says,
    serve_embeddings_wire,
    with_value,
)

from bedplate.embedders.openai import open_openai_embedder
from bedplate.embedders.openai_reply import BadAnswer, read_vectors
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError, UpstreamError, UpstreamRateLimited, UpstreamTimeout

KEY = "sk-very-secret-key"


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[EmbeddingsWire, Embedder]]:
    """An embedder that asks nothing at the start, and the server it asks later."""
    given = {"model": "m", "dimensions": DIMENSIONS, **options}
    async with (
        serve_embeddings_wire() as wire,
        open_openai_embedder({"base_url": wire.base_url, **given}) as embedder,
    ):
        yield wire, embedder


async def failure(*script: Answer, **options: Any) -> tuple[UpstreamError, int]:
    """The error that two texts end in, and how often the server was asked."""
    async with opened(**options) as (wire, embedder):
        wire.script(*script)
        with pytest.raises(UpstreamError) as caught:
            await embedder.embed(["a", "b"])
        return caught.value, len(wire.seen)


async def test_the_request_is_what_the_wire_wants() -> None:
    async with opened(api_key=KEY, headers={"X-Team": "search"}) as (wire, embedder):
        await embedder.embed(["a red umbrella", "", "rain \ud800 coat"])

        assert wire.seen == [
            {
                "model": "m",
                "input": ["a red umbrella", " ", "rain ? coat"],
                "encoding_format": "base64",
                "dimensions": DIMENSIONS,
            }
        ]
        assert wire.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert wire.headers[0]["X-Team"] == "search"


async def test_without_dimensions_one_text_is_embedded_at_the_start() -> None:
    async with opened(dimensions=None) as (wire, embedder):
        assert embedder.dimensions == DIMENSIONS
        assert wire.seen == [{"model": "m", "input": ["ready"], "encoding_format": "base64"}]
        await embedder.embed(["rain"])
        assert "dimensions" not in wire.seen[1]


async def test_with_dimensions_nothing_is_asked_at_the_start() -> None:
    async with opened() as (wire, embedder):
        assert (embedder.dimensions, wire.seen) == (DIMENSIONS, [])


async def test_the_fingerprint_is_the_same_on_another_host() -> None:
    async with opened(model="a/b") as (_, first), opened(model="a/b", api_key=KEY) as (_, second):
        assert first.fingerprint == second.fingerprint == f"openai-a/b-{DIMENSIONS}"


@pytest.mark.parametrize("answer", [embeds_as_lists, embeds_backwards])
async def test_every_form_of_a_right_answer_gives_the_same_rows(answer: Answer) -> None:
    texts = ["rain", "umbrella", "cake"]
    async with opened() as (wire, embedder):
        wanted = await embedder.embed(texts)
        wire.script(answer)
        np.testing.assert_allclose(await embedder.embed(texts), wanted, atol=1e-6)


async def test_base64_is_little_endian_float32() -> None:
    body = b'{"data":[{"index":0,"embedding":"AABAQAAAgEA="}]}'
    assert read_vectors(body, 1, 2).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


async def test_texts_go_in_batches_bounded_by_number_and_characters() -> None:
    async with opened(batch=2, batch_characters=10, concurrency=1) as (wire, embedder):
        rows = await embedder.embed(["a", "b", "c", "123456789", "45", "x" * 50, "d"])
        assert wire.texts == [["a", "b"], ["c", "123456789"], ["45"], ["x" * 50], ["d"]]
        assert rows.shape == (7, DIMENSIONS)


async def test_no_more_requests_run_at_once_than_allowed() -> None:
    async with opened(batch=1, concurrency=3) as (wire, embedder):
        wire.script(embeds_after_a_turn)
        await embedder.embed([f"text {n}" for n in range(9)])
        assert wire.most_active == 3


@pytest.mark.parametrize(
    "failing",
    [
        refuses(429, {"Retry-After": "0"}),
        refuses(500),
        refuses(503, {"Retry-After": "0"}),
        half_a_body,
    ],
    ids=["429", "500", "503", "half a body"],
)
async def test_what_may_pass_is_tried_again(failing: Answer) -> None:
    async with opened() as (wire, embedder):
        wire.script(failing, embeds)
        assert (await embedder.embed(["a"])).shape == (1, DIMENSIONS)
        assert wire.texts == [["a"], ["a"]]


async def test_repetition_is_bounded() -> None:
    error, asked = await failure(refuses(429, {"Retry-After": "0"}), retries=2)
    assert isinstance(error, UpstreamRateLimited)
    assert error.retryable
    assert asked == 3


async def test_a_wait_beyond_what_is_allowed_fails_at_once() -> None:
    error, asked = await failure(refuses(429, {"Retry-After": "31"}))
    assert isinstance(error, UpstreamRateLimited)
    assert (error.retry_after, asked) == (31.0, 1)


async def test_a_busy_server_that_says_when_is_believed() -> None:
    error, asked = await failure(refuses(503, {"Retry-After": "600"}))
    assert isinstance(error, UpstreamRateLimited)
    assert (error.status, error.retry_after, asked) == (503, 600.0, 1)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "set api_key: no"),
        (404, "check model and base_url"),
        (400, "HTTP 400: no"),
        (302, "set base_url"),
    ],
)
async def test_a_refusal_is_not_repeated_and_says_what_to_do(status: int, message: str) -> None:
    error, asked = await failure(refuses(status))
    assert message in error.message
    assert "The embedding model 'm' at http://127.0.0.1" in error.message
    assert (error.status, error.retryable, asked) == (status, False, 1)


async def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    error, _ = await failure(refuses(401, message=f"wrong key {KEY}"), api_key=KEY)
    assert KEY not in error.message
    assert "wrong key ***" in error.message


ONE = np.ones((1, DIMENSIONS), dtype=np.float32)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answers(ONE), "1 vectors for 2 texts"),
        (answers(np.ones((3, DIMENSIONS), dtype=np.float32)), "3 vectors for 2 texts"),
        (answers(np.ones((2, 3), dtype=np.float32)), "3 numbers where 256 were expected"),
        (with_value(np.nan, row=1), "vector 1 holds NaN"),
        (with_value(np.inf), "vector 0 holds NaN or an infinite number"),
        (answers(np.zeros((2, DIMENSIONS), dtype=np.float32)), "vector 0 is zero"),
        (answers(data=[]), "0 vectors for 2 texts"),
        (answers(data=None), "no list of embeddings"),
        (says(b'{"data":[{"index":0,"embedding":[NaN]}]}'), "no list of embeddings"),
        (says(b"<html>"), "no list of embeddings"),
        (says(b"x" * (1024 * 1024 + 65_536)), "more than 1,048,576 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_wrong_answer_is_refused_once(answer: Answer, message: str) -> None:
    error, asked = await failure(answer)
    assert message in error.message
    assert asked == 1


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ('{"index":0,"embedding":"AAAA"},{"index":0,"embedding":"AAAA"}', "numbered"),
        ('{"index":0,"embedding":"?"},{"index":1,"embedding":"?"}', "not base64"),
        ('{"index":0,"embedding":"é"},{"index":1,"embedding":"?"}', "not base64"),
        ('{"index":0,"embedding":"AAAA"},{"index":1,"embedding":"AAAA"}', "3 bytes"),
        ('{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}', "2 numbers where 1 were"),
        ('{"index":0,"embedding":[]},{"index":1,"embedding":[]}', "0 numbers where some were"),
        ('{"index":0,"embedding":[1e300]},{"index":1,"embedding":[1]}', "infinite"),
        ('{"index":0,"embedding":null},{"index":1,"embedding":[1]}', "no list"),
    ],
)
def test_each_flaw_of_an_answer_is_named(items: str, message: str) -> None:
    with pytest.raises(BadAnswer, match=message):
        read_vectors(f'{{"data":[{items}]}}'.encode(), 2, None)


def test_numbers_near_the_ends_of_float32_keep_their_direction() -> None:
    rows = [[3e38, 3e38], [1e-11, 0.0]]
    data = ",".join(
        f'{{"index":{n},"embedding":"{base64.b64encode(np.array(r, "<f4").tobytes()).decode()}"}}'
        for n, r in enumerate(rows)
    )
    found = read_vectors(f'{{"data":[{data}]}}'.encode(), 2, 2)
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [1.0, 0.0]], rtol=1e-5)


async def test_a_slow_server_is_given_up_on_once() -> None:
    error, asked = await failure(never_answers, seconds=0.1)
    assert isinstance(error, UpstreamTimeout)
    assert "took longer than 0.1 s (seconds)" in error.message
    assert asked == 1


async def test_half_a_body_again_and_again_is_an_error() -> None:
    error, asked = await failure(half_a_body, retries=1)
    assert "the connection broke" in error.message
    assert (error.retryable, asked) == (True, 2)


async def test_a_server_that_is_not_there_stops_the_start_and_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(UpstreamError, match="start that server") as caught:
            async with open_openai_embedder({"model": "m", "base_url": url}):
                pass
    assert url in caught.value.message
    assert "connection refused" in caught.value.message


@pytest.mark.parametrize(
    "answer", [refuses(401), says(b"{}"), with_value(np.nan)], ids=["401", "no data", "NaN"]
)
async def test_an_answer_that_waiting_does_not_mend_is_an_error_of_the_set_up(
    answer: Answer,
) -> None:
    async with serve_embeddings_wire() as wire:
        wire.script(answer)
        with pytest.raises(ConfigError, match="correct the settings of embedder"):
            async with open_openai_embedder({"model": "m", "base_url": wire.base_url}):
                pass
        assert len(wire.seen) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"model": ""}, {"api_key": ""}, {"base_url": "localhost"}, {"batch": 0}, {"retries": 11},
     {"dimensions": 0}, {"seconds": 0}],
    ids=str,
)  # fmt: skip
async def test_bad_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        async with open_openai_embedder({"model": "m", **wrong}):
            pass
