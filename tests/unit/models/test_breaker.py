"""An endpoint that does not work is left alone, and found again by one call."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.told_model import fails, heard, question, says, told

from bedplate.domain.chat import Unseen
from bedplate.errors import (
    BedplateError,
    Busy,
    InvalidInput,
    Unavailable,
    UpstreamError,
    UpstreamRateLimited,
)
from bedplate.models.breaker import PROBE_SECONDS, Breaker, Breakers
from bedplate.models.breaking import Breaking
from bedplate.sections import BreakerConfig

SETTINGS = BreakerConfig(failures=3, share=0.5, window_seconds=10.0, open_seconds=5.0)


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker("https://x/v1", SETTINGS, now=clock)
    for _ in range(3):
        breaker.failed(breaker.enter(), "down", begun=False)
    assert breaker.health.state == "open"
    return breaker


def down(status: int | None = 503) -> UpstreamError:
    return UpstreamError("down", provider="p", status=status)


def test_it_opens_after_so_many_failures_and_says_when_to_come_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1.5

    with pytest.raises(Unavailable, match=r"https://x/v1 .*last with: down") as caught:
        breaker.enter()

    assert caught.value.retry_after == pytest.approx(3.5)
    health = breaker.health
    assert (health.calls, health.failures, health.last_error) == (3, 3, "down")
    assert health.retry_after == pytest.approx(3.5)


def test_it_stays_closed_while_most_calls_are_answered() -> None:
    breaker = Breaker("x", SETTINGS, now=Clock())
    for _ in range(10):
        breaker.answered(breaker.enter())
        breaker.answered(breaker.enter())
        breaker.failed(breaker.enter(), "down", begun=False)

    assert breaker.health.state == "closed"
    assert (breaker.health.calls, breaker.health.failures) == (30, 10)


def test_failures_older_than_the_window_are_forgotten() -> None:
    clock = Clock()
    breaker = Breaker("x", SETTINGS, now=clock)
    for _ in range(10):
        breaker.failed(breaker.enter(), "down", begun=False)
        clock.now += 6.0

    assert breaker.health.state == "closed"


def test_a_stream_that_breaks_counts_once() -> None:
    breaker = Breaker("x", SETTINGS, now=Clock())
    permit = breaker.answered(breaker.enter())
    breaker.failed(permit, "broke", begun=True)

    assert (breaker.health.calls, breaker.health.failures) == (1, 1)


def test_half_open_one_call_probes_and_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5.0

    probe = breaker.enter()
    with pytest.raises(Unavailable) as caught:
        breaker.enter()
    assert caught.value.retry_after == PROBE_SECONDS
    assert breaker.health.state == "half_open"

    breaker.answered(probe)
    assert breaker.health.state == "closed"
    assert breaker.health.failures == 0
    breaker.enter()


def test_a_probe_that_fails_opens_it_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5.0
    breaker.failed(breaker.enter(), "still down", begun=False)

    assert breaker.health.state == "open"
    assert breaker.health.retry_after == pytest.approx(5.0)


def test_a_probe_that_was_given_up_leaves_its_place_to_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5.0
    breaker.left(breaker.enter())

    breaker.answered(breaker.enter())
    assert breaker.health.state == "closed"


def test_calls_from_before_it_opened_neither_close_nor_hold_it() -> None:
    clock = Clock()
    breaker = Breaker("x", SETTINGS, now=clock)
    early, late = breaker.enter(), breaker.enter()
    for _ in range(3):
        breaker.failed(breaker.enter(), "down", begun=False)
    breaker.answered(early)
    assert breaker.health.state == "open"

    clock.now += 5.0
    probe = breaker.enter()
    breaker.failed(late, "down", begun=False)
    assert breaker.health.state == "half_open"
    breaker.answered(probe)
    assert breaker.health.state == "closed"


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["enter", "answered", "failed", "left", "wait"]), st.integers(0, 9)),
    max_size=80,
)


@given(ACTIONS)
def test_whatever_happens_at_most_one_call_probes_and_it_never_sticks(
    actions: list[tuple[str, int]],
) -> None:
    clock = Clock()
    breaker = Breaker("x", SETTINGS, now=clock)
    inside: list[tuple[int, str]] = []
    for action, which in actions:
        if action == "wait":
            clock.now += which
            continue
        if action == "enter":
            before = breaker.health
            try:
                permit = breaker.enter()
            except Unavailable:
                assert before.state != "closed"
            else:
                assert before.state != "open" or before.retry_after == 0
                inside.append((permit, breaker.health.state))
        elif inside:
            permit, _ = inside.pop(which % len(inside))
            if action == "answered":
                breaker.left(breaker.answered(permit))
            elif action == "failed":
                breaker.failed(permit, "down", begun=False)
                breaker.left(permit)
            else:
                breaker.left(permit)
        current = breaker._permit  # pyright: ignore[reportPrivateUsage]
        probes = [1 for permit, state in inside if state == "half_open" and permit == current]
        assert len(probes) <= 1
    for permit, _ in inside:
        breaker.left(permit)
    clock.now += SETTINGS.open_seconds
    breaker.answered(breaker.enter())
    assert breaker.health.state == "closed"


@pytest.mark.parametrize("error", [down(), down(None), down(408)])
async def test_what_shows_that_an_endpoint_does_not_work_opens_it(error: BedplateError) -> None:
    breaker = Breaker("x", SETTINGS)
    model = told("m", fails(error))

    for _ in range(3):
        with pytest.raises(UpstreamError):
            await heard(Breaking(model, breaker))
    with pytest.raises(Unavailable):
        await heard(Breaking(model, breaker))

    assert len(model.requests) == 3


@pytest.mark.parametrize(
    "error",
    [
        down(400),
        down(401),
        UpstreamRateLimited("slow down", provider="p"),
        InvalidInput("no"),
        Busy("full"),
    ],
)
async def test_what_shows_that_it_works_or_nothing_leaves_it_closed(error: BedplateError) -> None:
    breaker = Breaker("x", SETTINGS)
    model = told("m", fails(error))

    for _ in range(9):
        with pytest.raises(type(error)):
            await heard(Breaking(model, breaker))

    assert breaker.health.state == "closed"
    assert breaker.health.failures == 0


async def test_a_caller_without_time_left_does_not_count_against_the_endpoint() -> None:
    breaker = Breaker("x", SETTINGS)
    past = asyncio.get_running_loop().time() - 1.0

    for _ in range(9):
        with pytest.raises(UpstreamError):
            await heard(Breaking(told("m", fails(down())), breaker), question(deadline=past))

    assert breaker.health.state == "closed"


async def test_silence_until_the_deadline_counts_and_going_away_does_not() -> None:
    breaker = Breaker("x", SETTINGS)
    model = Breaking(told("m", says("x", released=asyncio.Event())), breaker)
    clock = asyncio.get_running_loop().time

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await heard(model, question(deadline=clock() + 60.0))
    assert breaker.health.failures == 0

    deadline = clock() + 0.005
    with pytest.raises(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await heard(model, question(deadline=deadline))
    assert breaker.health.failures == 1


@pytest.mark.parametrize(("under_way", "failures"), [(True, 0), (False, 1)])
async def test_a_deadline_too_near_for_a_whole_answer_says_nothing_of_the_endpoint(
    under_way: bool, failures: int
) -> None:
    breaker = Breaker("x", SETTINGS)
    model = Breaking(told("m", says("x", released=asyncio.Event())), breaker)
    deadline = asyncio.get_running_loop().time() + 0.005
    asked = question(deadline=deadline, unstreamed=Unseen(under_way=under_way))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await heard(model, asked)
    assert breaker.health.failures == failures


async def test_a_cancelled_probe_lets_the_next_call_probe() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5.0
    model = told("m", says("x", released=asyncio.Event()), says("Back."))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await heard(Breaking(model, breaker))
    text, _ = await heard(Breaking(model, breaker))

    assert text == "Back."
    assert breaker.health.state == "closed"


def test_models_of_one_endpoint_share_its_breaker() -> None:
    breakers = Breakers()

    assert breakers.of("x", SETTINGS) is breakers.of("x", SETTINGS)
    assert breakers.of("y", SETTINGS) is not breakers.of("x", SETTINGS)
    assert [health.endpoint for health in breakers.health] == ["x", "y"]
