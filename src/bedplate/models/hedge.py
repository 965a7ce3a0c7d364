"""A second call where the first is slow to begin (Dean and Barroso 2013, "The Tail at Scale")."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from decimal import Decimal
from functools import reduce

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, Usage, added
from bedplate.errors import BedplateError
from bedplate.models.ending import both, ended, used
from bedplate.models.protocol import Bound, MeteredModel


class Runner:
    """One of the calls, in a task of its own: a client's connection is closed by who opened it.

    It is at most one event ahead of its reader. `changed` is set when it speaks and when it fails.
    """

    def __init__(
        self, name: str, model: MeteredModel, request: ChatRequest, changed: asyncio.Event
    ) -> None:
        self.name = name
        self.bound = model.bound(request)
        self.spoke = False
        self.failure: Exception | None = None
        self._changed = changed
        self._events: asyncio.Queue[ChatEvent | None] = asyncio.Queue(1)
        # No TaskGroup: a stream may be closed by another task than began it. `_stop` ends this one.
        self.task = asyncio.create_task(self._run(model, request))  # noqa: TID251

    async def events(self) -> AsyncGenerator[ChatEvent]:
        while (event := await self._events.get()) is not None:
            yield event
        if self.failure is not None:
            raise self.failure

    async def _run(self, model: MeteredModel, request: ChatRequest) -> None:
        try:
            async with aclosing(model.stream(request)) as events:
                async for event in events:
                    self.spoke = True
                    self._changed.set()
                    await self._events.put(event)
        except Exception as error:  # noqa: BLE001 - raised again where the events are read
            self.failure = error
            self._changed.set()
        await self._events.put(None)


class Hedging:
    """Asks `other` as well once `model` has sent nothing for `seconds`; the first to speak answers.

    The slower call is cancelled. What it cost will never be known, so its bound is added to the
    cost; the tokens reported are those of the answer alone. A failure before the second call has
    begun is not hedged: retries and fallbacks are for that.
    """

    def __init__(
        self, name: str, model: MeteredModel, other: MeteredModel, *, seconds: float, second: str
    ) -> None:
        """`name` and `second` are what the two are configured as."""
        self.inner = model
        self._name = name
        self._other = other
        self._seconds = seconds
        self._second = second

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        """That of both calls."""
        one, other = self.inner.bound(request), self._other.bound(request)
        limits = [bound.output_tokens for bound in (one, other) if bound.output_tokens is not None]
        return Bound(one.tokens + other.tokens, both(one.usd, other.usd), min(limits, default=None))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        changed = asyncio.Event()
        runners = [Runner(self._name, self.inner, request, changed)]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await changed.wait()
            if not changed.is_set():
                runners.append(Runner(self._second, self._other, request, changed))
            winner = await _first_to_speak(runners, changed)
            losers = [runner for runner in runners if runner is not winner]
            await _stop(losers)
            async with aclosing(winner.events()) as events:
                async for event in events:
                    if isinstance(event, Finished) and losers:
                        yield self._ended(event, winner, losers)
                    else:
                        yield event
        finally:
            await _stop(runners)

    def _ended(self, end: Finished, winner: Runner, losers: Sequence[Runner]) -> Finished:
        note = Note(
            "hedge",
            winner.name,
            f"No token within {self._seconds:g} s; of two calls that of {winner.name} began first.",
        )
        costs = reduce(added, map(_spent, losers), Usage(cost_usd=end.usage.cost_usd))
        usage = replace(
            end.usage,
            cost_usd=costs.cost_usd,
            estimated=end.usage.estimated or costs.estimated,
        )
        return ended(replace(end, usage=usage), [note])


async def _stop(runners: Sequence[Runner]) -> None:
    """Every call is over, its connection closed, when this returns."""
    for runner in runners:
        runner.task.cancel()
    if runners:
        await asyncio.wait([runner.task for runner in runners])


def _spent(loser: Runner) -> Usage:
    """What a call that lost may have cost: its bound, or what it reported when it failed."""
    if loser.failure is None:
        return Usage(estimated=True, cost_usd=loser.bound.usd)
    reported = used(loser.failure) if isinstance(loser.failure, BedplateError) else ()
    return Usage(cost_usd=reported[0].cost_usd if reported else Decimal(0))


async def _first_to_speak(runners: Sequence[Runner], changed: asyncio.Event) -> Runner:
    """The first whose answer has begun; where all have failed, the first of them."""
    while True:
        await changed.wait()
        changed.clear()
        for runner in runners:
            if runner.spoke:
                return runner
        if all(runner.failure is not None for runner in runners):
            return runners[0]
