"""Calls at once are bounded, and so is the queue before them."""

import asyncio

import pytest
from tests.fixtures.serving import until
from tests.fixtures.told_model import broken_off, heard, question, says, told

from bedplate.errors import Busy, UpstreamTimeout
from bedplate.models.concurrency import Queued
from bedplate.models.timeouts import Timed
from bedplate.sections import ConcurrencyConfig, TimeoutsConfig


async def test_no_more_calls_run_at_once_than_allowed_and_all_are_answered() -> None:
    model = told("m", says("Fine.", pause=0.001))
    queued = Queued("small", model, ConcurrencyConfig(calls=3))

    answers = await asyncio.gather(*(heard(queued) for _ in range(20)))

    assert [text for text, _ in answers] == ["Fine."] * 20
    assert model.most_active == 3
    assert queued.waiting == 0


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    release = asyncio.Event()
    model = told("m", says("Fine.", released=release))
    queued = Queued("small", model, ConcurrencyConfig(calls=1, waiting=1))
    async with asyncio.TaskGroup() as group:
        group.create_task(heard(queued))
        await until(lambda: model.active == 1)
        group.create_task(heard(queued))
        await until(lambda: queued.waiting == 1)

        with pytest.raises(Busy, match=r"'small'.*concurrency\.waiting") as caught:
            await heard(queued)
        release.set()

    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1.0
    assert len(model.requests) == 2


async def test_waiting_ends_after_its_limit_and_at_the_deadline() -> None:
    release = asyncio.Event()
    model = told("m", says("Fine.", released=release))
    queued = Queued("small", model, ConcurrencyConfig(calls=1, wait_seconds=0.02))
    async with asyncio.TaskGroup() as group:
        group.create_task(heard(queued))
        await until(lambda: model.active == 1)

        with pytest.raises(Busy, match=r"concurrency\.wait_seconds"):
            await heard(queued)
        soon = asyncio.get_running_loop().time() + 0.005
        with pytest.raises(UpstreamTimeout, match="deadline"):
            await heard(queued, question(deadline=soon))
        release.set()

    assert (await heard(queued))[0] == "Fine."


async def test_a_waiting_call_that_goes_away_takes_no_turn() -> None:
    release = asyncio.Event()
    model = told("m", says("Fine.", released=release))
    queued = Queued("small", model, ConcurrencyConfig(calls=1))
    async with asyncio.TaskGroup() as group:
        group.create_task(heard(queued))
        await until(lambda: model.active == 1)
        gone = group.create_task(heard(queued))
        await until(lambda: queued.waiting == 1)
        gone.cancel()
        await until(gone.done)
        release.set()

    assert (await heard(queued))[0] == "Fine."
    assert queued.waiting == 0


async def test_a_call_that_does_not_begin_in_time_is_ended() -> None:
    model = told("m", says("Late.", released=asyncio.Event()))

    with pytest.raises(UpstreamTimeout, match="first_token_seconds"):
        await heard(Timed(model, TimeoutsConfig(first_token_seconds=0.01)))

    assert model.active == 0


async def test_a_call_that_falls_silent_is_ended() -> None:
    model = told("m", says("One", "never", pause=0.2))

    seen, error = await broken_off(Timed(model, TimeoutsConfig(idle_seconds=0.01)))

    assert isinstance(error, UpstreamTimeout)
    assert "idle_seconds" in error.message
    assert len(seen) == 1
    assert model.active == 0
