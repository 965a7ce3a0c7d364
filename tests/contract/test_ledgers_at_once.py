"""No budget is spent beyond what was reserved: many calls, two processes, crashes, any order."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.ledger_places import empty, place_of
from tests.contract.ledger_process import CALLS, spend
from tests.contract.ledgers import (
    ACCOUNT,
    DAY,
    T1,
    TENANT,
    Clock,
    reserve,
    sums,
    usd,
    used,
)

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import EACH, MEASURES, Subject
from bedplate.domain.money import from_micro
from bedplate.errors import BudgetExceeded, InvalidInput
from bedplate.ledger import LEDGERS
from bedplate.ledger.protocol import Ledger, LedgerOptions, Reservation, utc_now

DOLLAR = 1_000_000
NAMES = ["sqlite", "postgres"]


@contextmanager
def other_process(what: str, name: str, place: Path | str) -> Generator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.ledger_process", what, name, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert said(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]") -> object:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@asynccontextmanager
async def opened(name: str, folder: Path) -> AsyncGenerator[tuple[Path | str, Ledger]]:
    with place_of(name, folder) as place:
        async with LEDGERS.load(name)(LedgerOptions(place)) as ledger:
            yield place, ledger


@pytest.mark.parametrize("name", NAMES)
async def test_a_hundred_calls_at_once_do_not_overspend(name: str, tmp_path: Path) -> None:
    async with opened(name, tmp_path) as (_, ledger):
        await ledger.budgets.set(TENANT, {DAY: DOLLAR})
        cost = await spend(ledger, seed=1)
        assert await sums(ledger) == (cost, 0)
        # Each may cost 0.03 and costs half of that at least: so many fit, and not all.
        assert 33 * 15_000 <= cost <= DOLLAR


@pytest.mark.parametrize("name", NAMES)
async def test_of_calls_that_go_together_each_has_its_own_verdict(
    name: str, tmp_path: Path
) -> None:
    async with opened(name, tmp_path) as (_, ledger):
        await ledger.budgets.set(TENANT, {DAY: DOLLAR})
        await ledger.budgets.set(Subject("key", EACH), {MEASURES["usd_total"]: 100_000})
        # None can be written whose key is half of a character; it is nobody else's trouble.
        keys = [f"k{number % 20}" for number in range(60)] + ["\ud800"]
        verdicts = await asyncio.gather(
            *(reserve(ledger, "0.05", account=Account(T1, key=key)) for key in keys),
            return_exceptions=True,
        )
        granted = [each for each in verdicts if isinstance(each, Reservation)]
        assert len(granted) == 20
        assert sum(isinstance(each, BudgetExceeded) for each in verdicts) == 40
        assert isinstance(verdicts[-1], InvalidInput)
        assert await sums(ledger) == (0, DOLLAR)
        # What two say of one call counts once, and what is given back is there for the next.
        first, second, *_ = granted
        await asyncio.gather(
            *(ledger.settle(first, used("0.01")) for _ in range(3)),
            *(ledger.release(second) for _ in range(3)),
            reserve(ledger, "0.09"),
        )
        assert await sums(ledger) == (10_000, 990_000)


@pytest.mark.parametrize("name", NAMES)
async def test_two_processes_do_not_overspend_together(name: str, tmp_path: Path) -> None:
    async with opened(name, tmp_path) as (place, ledger):
        await ledger.budgets.set(TENANT, {DAY: 2 * DOLLAR})
        with other_process("spend", name, place) as process:
            tell(process)
            mine = await spend(ledger, seed=1)
            theirs = await asyncio.to_thread(said, process)
        assert isinstance(theirs, int)
        assert await sums(ledger) == (mine + theirs, 0)
        assert mine + theirs <= 2 * DOLLAR
        assert CALLS * 2 * 15_000 > 2 * DOLLAR


@pytest.mark.parametrize("name", NAMES)
async def test_what_a_killed_process_held_counts_as_spent(name: str, tmp_path: Path) -> None:
    with place_of(name, tmp_path) as place:
        async with LEDGERS.load(name)(LedgerOptions(place)) as ledger:
            await ledger.budgets.set(TENANT, {DAY: DOLLAR})
        with other_process("hold", name, place) as process:
            tell(process)
            assert await asyncio.to_thread(said, process) == "held"
            process.kill()
            process.wait()
        async with LEDGERS.load(name)(LedgerOptions(place)) as ledger:
            # It might still be at work.
            assert await sums(ledger) == (0, 400_000)
        later = Clock(utc_now() + timedelta(seconds=121))
        async with LEDGERS.load(name)(LedgerOptions(place, clock=later)) as ledger:
            spent, held = await sums(ledger)
            # Past midnight the day in which it was spent is over.
            assert held == 0
            assert spent in ({400_000} if later().day == utc_now().day else {0, 400_000})


@pytest.mark.parametrize("name", NAMES)
async def test_a_caller_who_is_cancelled_holds_nothing(name: str, tmp_path: Path) -> None:
    async with opened(name, tmp_path) as (_, ledger):
        await ledger.budgets.set(TENANT, {DAY: DOLLAR})
        await sums(ledger)
        cancelled = 0
        for steps in range(6):
            task = asyncio.get_running_loop().create_task(
                ledger.reserve(ACCOUNT, "m", usd("0.5"), seconds=60)
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            try:
                held = await task
            except asyncio.CancelledError:
                cancelled += 1
            else:
                assert held is not None
                await ledger.release(held)
            assert await sums(ledger) == (0, 0)
        assert cancelled


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 600_000)),
        st.tuples(st.just("settle"), st.integers(0, 100)),
        st.tuples(st.just("release"), st.integers(0, 100)),
        st.tuples(st.just("turn"), st.integers(-30, 30)),
        st.tuples(st.just("open"), st.just(0)),
    ),
    max_size=20,
)


class History:
    """Steps done one after another; after each the sums must be sound."""

    def __init__(self, name: str, place: Path | str) -> None:
        self._name, self._place = name, place
        self._clock = Clock()
        self._held: list[tuple[Reservation, int]] = []

    async def run(self, steps: list[Step]) -> None:
        async with self.opened() as ledger:
            await ledger.budgets.set(TENANT, {DAY: DOLLAR})
            for step, number in steps:
                await self._do(ledger, step, number)
                spent, reserved = await sums(ledger)
                assert spent >= 0
                assert reserved >= 0
                assert spent + reserved <= DOLLAR

    def opened(self):
        return LEDGERS.load(self._name)(LedgerOptions(self._place, clock=self._clock))

    async def _do(self, ledger: Ledger, step: str, number: int) -> None:
        match step:
            case "reserve":
                try:
                    held = await reserve(ledger, str(from_micro(number)))
                except BudgetExceeded:
                    return
                self._held.append((held, number))
            case "settle" | "release" if self._held:
                held, bound = self._held[number % len(self._held)]
                if step == "release":
                    await ledger.release(held)
                else:
                    await ledger.settle(held, used(str(from_micro(bound * number // 100))))
            case "turn":
                self._clock.turn(hours=number)
            case "open":
                async with self.opened():
                    pass
            case _:
                pass


@pytest.fixture(scope="module", params=NAMES)
def emptied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], History]]:
    """Makes histories that begin in one place, with nothing in it."""
    name: str = request.param
    folder = tmp_path_factory.mktemp("ledger")
    with place_of(name, folder) as place:

        def begin() -> History:
            if isinstance(place, str):
                empty(place)
            for file in folder.iterdir():
                file.unlink()
            return History(name, place)

        yield begin


@settings(max_examples=10, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_the_sums_stay_within_the_budget(
    emptied: Callable[[], History], steps: list[Step]
) -> None:
    asyncio.run(emptied().run(steps))


@pytest.mark.parametrize("name", NAMES)
async def test_two_places_of_work_share_a_tools_rate(name: str, tmp_path: Path) -> None:
    async with (
        opened(name, tmp_path) as (place, one),
        LEDGERS.load(name)(LedgerOptions(place)) as other,
    ):
        waits = await asyncio.gather(
            *(each.admit(T1, "shop.find", 5) for each in [one, other] * 10)
        )
        assert waits.count(None) == 5
