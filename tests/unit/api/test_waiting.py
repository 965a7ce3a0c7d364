import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from bedplate.api.streams import open_stream
from bedplate.api.waiting import BeforeWaiting


class Prepared:
    """Counts how often it was asked for, and may itself wait."""

    def __init__(self, wait: asyncio.Event | None = None) -> None:
        self.times = 0
        self._wait = wait

    async def __call__(self) -> None:
        self.times += 1
        if self._wait is not None:
            await self._wait.wait()


async def at_once() -> str:
    return "here"


async def test_a_step_that_need_not_wait_is_not_prepared_for() -> None:
    prepared = Prepared()
    assert await BeforeWaiting(at_once(), prepared) == "here"
    assert prepared.times == 0


async def test_a_step_that_waits_twice_is_prepared_for_once() -> None:
    prepared = Prepared()

    async def step() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return "later"

    assert await BeforeWaiting(step(), prepared) == "later"
    assert prepared.times == 1


async def test_a_step_is_done_while_it_is_prepared_for() -> None:
    loop = asyncio.get_running_loop()
    there: asyncio.Future[str] = loop.create_future()
    loop.call_soon(there.set_result, "meanwhile")
    wait = asyncio.Event()
    loop.call_later(0.01, wait.set)
    assert await BeforeWaiting(there, Prepared(wait)) == "meanwhile"


async def test_an_error_of_the_step_is_raised_at_once() -> None:
    async def step() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await BeforeWaiting(step(), Prepared())


@pytest.mark.parametrize("stuck", [True, False], ids=["in prepare", "in the step"])
async def test_a_cancellation_reaches_the_step(stuck: bool) -> None:
    ended: list[str] = []

    async def step() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("step")
            raise

    async def work() -> None:
        await BeforeWaiting(step(), Prepared(asyncio.Event() if stuck else None))

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["step"]


async def test_a_clock_in_the_step_runs_while_it_is_prepared_for() -> None:
    async def step() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await BeforeWaiting(step(), Prepared(asyncio.Event()))


async def test_events_that_come_at_once_leave_in_one_write_and_others_when_they_come() -> None:
    more = asyncio.Event()
    sent: list[bytes] = []

    async def events() -> AsyncGenerator[bytes]:
        yield b"first"
        yield b"a"
        yield b"b"
        await more.wait()
        yield b"c"
        yield b"d"

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"])
            if b"ab" in sent:
                more.set()

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    stream = await open_stream(events())
    await stream({"type": "http"}, receive, send)
    assert sent == [b"first", b"ab", b"cd", b""]
