"""Several streams told as one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from bedplate.api.choices import side_by_side
from bedplate.errors import UpstreamError


class Stream:
    def __init__(self, name: str, *, fails: Exception | None = None) -> None:
        self.name = name
        self.closed = False
        self._fails = fails

    async def events(self) -> AsyncGenerator[str]:
        try:
            for at in range(3):
                await asyncio.sleep(0)
                yield f"{self.name}{at}"
            if self._fails:
                raise self._fails
        finally:
            self.closed = True


async def test_each_streams_events_keep_their_order() -> None:
    told = [e async for e in side_by_side([Stream("a").events(), Stream("b").events()])]

    assert [e for e in told if e[0] == "a"] == ["a0", "a1", "a2"]
    assert [e for e in told if e[0] == "b"] == ["b0", "b1", "b2"]


@pytest.mark.parametrize("error", [UpstreamError("broken", provider="p"), KeyError("broken")])
async def test_the_first_error_ends_them_all_whatever_it_is(error: Exception) -> None:
    streams = [Stream("a", fails=error), Stream("b")]

    async with aclosing(side_by_side([s.events() for s in streams])) as events:
        with pytest.raises(type(error), match="broken"):
            _ = [event async for event in events]

    assert all(stream.closed for stream in streams)


async def test_who_stops_reading_ends_them_all() -> None:
    streams = [Stream("a"), Stream("b")]

    async with aclosing(side_by_side([s.events() for s in streams])) as events:
        await anext(events)

    assert all(stream.closed for stream in streams)
    assert asyncio.all_tasks() == {asyncio.current_task()}
