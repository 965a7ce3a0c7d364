"""Rates and estimates, on clocks that the tests turn."""

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.pace import SOON_SECONDS, WIDEST, Left, Meter, Pace

ANY_STEPS = st.lists(
    st.tuples(
        st.floats(-1e6, 1e9, allow_nan=False) | st.floats(0, 3),
        st.floats(-1e9, 1e12, allow_nan=False) | st.floats(0, 100),
    ),
    max_size=200,
)


def fed(steps: Iterable[tuple[float, float]]) -> Pace:
    """Steps are how much later, and how much more was done by then."""
    pace, at, done = Pace(), 0.0, 0.0
    pace.add(at, done)
    for later, more in steps:
        at, done = at + later, done + more
        pace.add(at, done)
    return pace


def covered(steps: list[tuple[float, float]]) -> tuple[int, int, int]:
    """After how many steps the end was still open, told, and inside what was told."""
    end, total = (sum(part) for part in zip(*steps, strict=True))
    pace, at, done, told, right = Pace(), 0.0, 0.0, 0, 0
    pace.add(0, 0)
    for later, more in steps[:-1]:
        at, done = at + later, done + more
        pace.add(at, done)
        if (left := pace.left(at, total)) is not None:
            told += 1
            right += left.low <= end - at <= left.high
    return len(steps) - 1, told, right


@given(ANY_STEPS, st.floats(0, 1e15), st.floats(-1e9, 1e9))
@settings(deadline=None)
def test_whatever_it_is_fed_nothing_is_negative_or_infinite(
    steps: list[tuple[float, float]], total: float, asked: float
) -> None:
    pace = fed(steps)
    rate, left = pace.rate(asked), pace.left(asked, total)
    assert rate is None or (rate >= 0 and math.isfinite(rate))
    assert left is None or (0 <= left.low <= left.high and math.isfinite(left.high))


@given(
    st.floats(1e-3, 1e6),
    st.lists(st.floats(0.01, 5), min_size=40, max_size=300),
    st.floats(1, 1e5),
)
@settings(deadline=None)
def test_a_constant_rate_is_found_and_its_end_is_inside_a_narrow_range(
    rate: float, times: list[float], seconds: float
) -> None:
    pace = fed((time, time * rate) for time in times)
    at, done = sum(times), sum(time * rate for time in times)
    assert pace.rate(at) == (None if at < 2 and pace.rate(at) is None else pytest.approx(rate))
    left = pace.left(at, done + seconds * rate)
    enough = at > 6 and max(times) < at / 10
    assert left is not None or not enough
    if left is not None:
        assert left.low <= seconds <= left.high
        assert left.high <= 1.3 * left.low


@given(
    st.integers(1, 5),
    st.integers(0, 5),
    st.floats(0.5, 20),
    st.integers(30, 60),
)
@settings(max_examples=40, deadline=None)
def test_regular_bursts_end_inside_the_range(
    working: int, waiting: int, second: float, cycles: int
) -> None:
    steps = ([(second, 10.0)] * working + [(second, 0.0)] * waiting) * cycles
    every, told, right = covered(steps)
    assert told >= every * 0.5 - 2  # nothing is told in the first burst
    assert right >= told * 0.9 - 2


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda draw: (1.0, draw.expovariate(1)), id="sizes-vary"),
        pytest.param(lambda draw: (draw.expovariate(1), 1.0), id="times-vary"),
        pytest.param(lambda draw: (draw.uniform(5, 20), 256.0), id="large-batches"),
    ],
)
def test_irregular_runs_end_inside_the_range_19_times_of_20(step) -> None:
    counts = [covered([step(draw) for _ in range(200)]) for draw in map(random.Random, range(15))]
    every, told, right = (sum(each) for each in zip(*counts, strict=True))
    assert told > every * 0.5
    assert right > told * 0.93


def test_a_file_that_weighs_as_much_as_all_others_takes_as_long() -> None:
    """By files the end would be near: 900 of 901 are done."""
    pace = fed([(0.1, 10.0)] * 900)
    left = pace.left(90, 18_000)
    assert left is not None
    assert left.low <= 90 <= left.high


def test_without_a_total_there_is_a_rate_and_no_end() -> None:
    pace = fed([(1, 5)] * 20)
    assert pace.rate(20) == 5
    assert pace.left(20, None) is None


def test_nothing_is_told_before_enough_was_seen() -> None:
    assert Pace().left(5, 100) is None
    assert Pace().rate(5) is None
    assert fed([(0.1, 1)] * 10).left(1, 100) is None
    assert fed([(5, 1)] * 3).left(15, 100) is None
    assert fed([(5, 0)] * 30).left(150, 100) is None


def test_what_is_done_has_nothing_left() -> None:
    assert fed([(1, 5)] * 20).left(20, 100) == Left(0, 0)


def test_a_rate_all_over_the_place_gives_no_range() -> None:
    steps = [(1.0, 1000.0 if number % 31 == 0 else 0.1) for number in range(64)]
    assert fed(steps).left(64, 1e6) is None


@given(ANY_STEPS, st.floats(0, 1e15))
@settings(deadline=None)
def test_a_range_says_something_or_that_the_end_is_near(
    steps: list[tuple[float, float]], total: float
) -> None:
    pace = fed(steps)
    left = pace.left(max([0.0, *(sum(s[0] for s in steps[:n]) for n in range(201))]), total)
    assert left is None or left.high <= max(SOON_SECONDS, WIDEST * left.low)


def test_while_the_next_batch_is_due_the_end_comes_nearer() -> None:
    pace = fed([(10, 256)] * 12)
    before, after = pace.left(120, 256 * 40), pace.left(128, 256 * 40)
    assert before is not None
    assert after is not None
    assert after == Left(before.low - 8, before.high - 8)


def test_a_stall_ends_the_estimate_and_the_rate_falls() -> None:
    pace = fed([(1, 10)] * 60)
    rate = pace.rate(160)
    assert pace.left(160, 10_000) is None
    assert rate is not None
    assert rate < 1


def test_after_a_change_of_pace_the_range_follows() -> None:
    """Documents that had not changed, and then such that have to be embedded."""
    pace = fed([*[(0.1, 20.0)] * 100, *[(1.0, 2.0)] * 60])
    left = pace.left(70, 2_120 + 2 * 300)
    assert left is not None
    assert left.low <= 300 <= left.high


def test_a_clock_that_goes_back_stands_still() -> None:
    steady = [(1.0, 5.0)] * 40
    pace = fed([*steady, (-30.0, 5.0), (29.0, 5.0), *[(1.0, 5.0)] * 40])
    rate = pace.rate(80)
    assert rate is not None
    assert rate == pytest.approx(5, rel=0.3)


def test_a_new_count_is_other_work() -> None:
    pace = fed([(1, 100)] * 40)
    pace.add(41, 0)
    assert pace.left(41, 100) is None
    for second in range(1, 41):
        pace.add(41 + second, second)
    assert pace.rate(81) == 1


def test_long_runs_are_kept_in_little_memory() -> None:
    pace = fed([(0.3, 1)] * 50_000)
    assert len(pace._slices) < 64
    left = pace.left(15_000, 51_000)
    assert left is not None
    assert left.low <= 300 <= left.high


def test_a_meter_counts_one_thing_and_foresees_by_another() -> None:
    now = 0.0
    meter = Meter(lambda: now)
    for number in range(1, 41):
        now += 1
        meter.add(3 * number, 1000 * number, 100_000)
    reading = meter.read()
    assert (reading.rate, reading.seconds) == (3, 40)
    assert reading.left is not None
    assert reading.left.low <= 60 <= reading.left.high
