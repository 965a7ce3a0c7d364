"""What every reranker keeps, whatever it is made of (rerankers/protocol.py)."""

import asyncio
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.fixtures.rerank_wire import serve_rerank_wire
from tests.fixtures.tiny_cross_encoder import write_cross_encoder

from bedplate.errors import UpstreamTimeout
from bedplate.rerankers import RERANKERS
from bedplate.rerankers.protocol import Reranker

QUERY = "rain umbrella"
TEXTS = [
    "the cake recipe",
    "the umbrella keeps you dry in the rain",
    "",
    "日本語のテキスト",
    "rain",
    "long " * 2000,
    "\x00 odd \ufffd",
    "half a pair \ud800 of surrogates",
]


@asynccontextmanager
async def cross_encoder(folder: Path) -> AsyncGenerator[Mapping[str, Any]]:
    write_cross_encoder(folder)
    yield {"folder": str(folder)}


@asynccontextmanager
async def cohere(folder: Path) -> AsyncGenerator[Mapping[str, Any]]:
    async with serve_rerank_wire() as wire:
        yield {"base_url": wire.base_url, "model": "m", "batch": 3}


@asynccontextmanager
async def tei(folder: Path) -> AsyncGenerator[Mapping[str, Any]]:
    async with serve_rerank_wire() as wire:
        yield {"base_url": wire.base_url, "wire": "tei", "batch": 3}


@asynccontextmanager
async def terms(folder: Path) -> AsyncGenerator[Mapping[str, Any]]:
    yield {}


Prepare = Callable[[Path], AbstractAsyncContextManager[Mapping[str, Any]]]

ADAPTERS: Mapping[str, tuple[str, Prepare]] = {
    "cross_encoder": ("cross_encoder", cross_encoder),
    "http": ("http", cohere),
    "http, tei": ("http", tei),
    "terms": ("terms", terms),
}


@pytest.fixture(params=sorted(ADAPTERS))
async def reranker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reranker]:
    name, prepare = ADAPTERS[request.param]
    async with prepare(tmp_path) as options, RERANKERS.load(name)(options) as opened:
        yield opened


def test_every_reranker_in_the_table_is_in_this_suite() -> None:
    assert {name for name, _ in ADAPTERS.values()} == set(RERANKERS.names())


async def test_each_text_has_one_finite_score(reranker: Reranker) -> None:
    scores = await reranker.score(QUERY, TEXTS, deadline=None)

    assert len(scores) == len(TEXTS)
    assert all(type(score) is float and math.isfinite(score) for score in scores)


async def test_a_text_that_answers_scores_above_one_that_does_not(reranker: Reranker) -> None:
    far, near, *_ = await reranker.score(QUERY, TEXTS, deadline=None)

    assert near > far


async def test_scores_follow_their_texts_whatever_the_order(reranker: Reranker) -> None:
    alone = dict(zip(TEXTS, await reranker.score(QUERY, TEXTS, deadline=None), strict=True))
    mixed = random.Random(7).sample(TEXTS, len(TEXTS))

    scores = await reranker.score(QUERY, mixed, deadline=None)

    assert scores == pytest.approx([alone[text] for text in mixed], abs=1e-4)


async def test_equal_texts_score_alike(reranker: Reranker) -> None:
    scores = await reranker.score(QUERY, ["rain", "cake", "rain", "cake"], deadline=None)

    assert scores[0] == pytest.approx(scores[2], abs=1e-4)
    assert scores[1] == pytest.approx(scores[3], abs=1e-4)


async def test_nothing_gives_nothing(reranker: Reranker) -> None:
    assert await reranker.score(QUERY, [], deadline=None) == []


@pytest.mark.parametrize("query", ["", "the", "\ud800", "rain " * 4000])
async def test_any_query_has_scores(reranker: Reranker, query: str) -> None:
    scores = await reranker.score(query, TEXTS, deadline=None)

    assert len(scores) == len(TEXTS)
    assert all(map(math.isfinite, scores))


async def test_concurrent_calls_do_not_mix(reranker: Reranker) -> None:
    queries = ["rain", "cake recipe", "umbrella"]
    alone = [await reranker.score(query, TEXTS, deadline=None) for query in queries]

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(reranker.score(query, TEXTS, deadline=None)) for query in queries
        ]

    assert alone[0] != alone[1]
    for task, scores in zip(tasks, alone, strict=True):
        assert task.result() == pytest.approx(scores, abs=1e-4)


async def test_a_deadline_in_the_past_raises_upstream_timeout(reranker: Reranker) -> None:
    with pytest.raises(UpstreamTimeout) as caught:
        await reranker.score(QUERY, TEXTS, deadline=asyncio.get_running_loop().time() - 1)

    assert "deadline" in caught.value.message


async def test_a_deadline_that_is_far_enough_changes_nothing(reranker: Reranker) -> None:
    free = await reranker.score(QUERY, TEXTS, deadline=None)
    bound = await reranker.score(QUERY, TEXTS, deadline=asyncio.get_running_loop().time() + 60)

    assert bound == pytest.approx(free, abs=1e-4)


async def test_a_cancelled_call_leaves_no_task_and_the_next_one_works(reranker: Reranker) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reranker.score(QUERY, TEXTS * 20, deadline=None))
        await asyncio.sleep(0)
        task.cancel()

    assert task.cancelled()
    near, far = await reranker.score(QUERY, ["rain", "cake"], deadline=None)
    assert near > far


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
async def test_unknown_options_are_refused(adapter: str, tmp_path: Path) -> None:
    name, prepare = ADAPTERS[adapter]
    async with prepare(tmp_path) as options:
        with pytest.raises(ValidationError, match="nonsense"):
            async with RERANKERS.load(name)({**options, "nonsense": 1}):
                pass
