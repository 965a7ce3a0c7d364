"""A deadline that does not count the waiting for a turn, and ends all the same."""

import asyncio

import pytest

from bedplate.upstream.turns import deadline, in_line


async def spend(seconds: float, *, most_waiting: float, waits: list[float], work: float) -> None:
    """Wait in line so often and so long, then work, under a deadline."""
    async with deadline(seconds, most_waiting=most_waiting):
        for wait in waits:
            with in_line():
                await asyncio.sleep(wait)
        await asyncio.sleep(work)


async def test_waiting_in_line_is_not_counted() -> None:
    await spend(0.1, most_waiting=60, waits=[0.3, 0.3], work=0)


async def test_what_is_not_waiting_is_counted() -> None:
    with pytest.raises(TimeoutError):
        await spend(0.1, most_waiting=60, waits=[0.2], work=60)


@pytest.mark.parametrize("waits", [[60], [0.06] * 1000])
async def test_waiting_is_bounded(waits: list[float]) -> None:
    with pytest.raises(TimeoutError):
        await spend(0.05, most_waiting=0.1, waits=waits, work=0)


async def test_without_a_deadline_anybody_may_wait() -> None:
    with in_line():
        await asyncio.sleep(0)


async def test_each_task_has_its_own_deadline() -> None:
    long, short = await asyncio.gather(
        spend(60, most_waiting=60, waits=[0.2], work=0.2),
        spend(0.1, most_waiting=60, waits=[0.2], work=60),
        return_exceptions=True,
    )
    assert long is None
    assert isinstance(short, TimeoutError)
