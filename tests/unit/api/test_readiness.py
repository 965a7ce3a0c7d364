import asyncio
from typing import Any, cast

from bedplate.api.readiness import Readiness
from bedplate.app import App
from bedplate.errors import StorageError


class Parts:
    """Checked when told to; `problem` is what goes wrong then."""

    def __init__(self) -> None:
        self.checks = 0
        self.go = asyncio.Event()
        self.problem: str | None = None

    async def check(self) -> None:
        self.checks += 1
        await self.go.wait()
        if self.problem:
            raise StorageError(self.problem)


def readiness(parts: Parts, **options: Any) -> Readiness:
    return Readiness(cast(App, parts), **options)


async def test_those_who_ask_together_are_told_of_one_check() -> None:
    parts = Parts()
    asked = readiness(parts, keep_seconds=60)
    async with asyncio.TaskGroup() as tasks:
        told = [tasks.create_task(asked.problem()) for _ in range(20)]
        await asyncio.sleep(0)
        parts.go.set()
    assert [task.result() for task in told] == [None] * 20
    parts.problem = "the disk is full"
    assert await asked.problem() is None
    assert parts.checks == 1


async def test_an_outcome_is_forgotten_after_its_time() -> None:
    parts = Parts()
    parts.go.set()
    asked = readiness(parts, keep_seconds=0)
    assert await asked.problem() is None
    parts.problem = "the disk is full"
    assert await asked.problem() == "the disk is full"


async def test_one_who_goes_away_during_a_check_leaves_it_to_the_next() -> None:
    parts = Parts()
    asked = readiness(parts)
    gone = asyncio.create_task(asked.problem())
    await asyncio.sleep(0)
    gone.cancel()
    parts.go.set()
    assert await asked.problem() is None
    assert parts.checks == 2
