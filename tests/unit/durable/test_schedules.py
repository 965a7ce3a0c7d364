from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.durable.protocol import Schedule
from bedplate.durable.schedules import Clock, latest
from bedplate.errors import ConfigError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENTS = st.integers(1_577_836_800, 2_208_988_800).map(lambda s: datetime.fromtimestamp(s, UTC))


def every(**length: float) -> Schedule:
    return Schedule("s", "w", DEFAULT_TENANT, every=timedelta(**length))


def cron(fields: str, timezone: str = "UTC") -> Schedule:
    return Schedule("s", "w", DEFAULT_TENANT, cron=fields, timezone=timezone)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (every(minutes=15), NOON),
        (every(hours=24), NOON.replace(hour=0)),
        (cron("0 12 * * *"), NOON),
        (cron("30 3 * * *"), NOON.replace(hour=3, minute=30)),
        (cron("0 9 * * *", "America/New_York"), NOON.replace(day=1, hour=13) - timedelta(days=1)),
        (cron("0 8 * * *", "America/New_York"), NOON),
    ],
)
def test_the_last_time_that_was_due_is_at_or_before_now(
    schedule: Schedule, expected: datetime
) -> None:
    assert latest(schedule, NOON) == expected


@given(MOMENTS, st.integers(1, 10_000), st.floats(0, 0.999))
def test_all_processes_come_to_the_same_time_within_one_period(
    moment: datetime, seconds: int, share: float
) -> None:
    schedule = every(seconds=seconds)
    due = latest(schedule, moment)
    assert due <= moment < due + timedelta(seconds=seconds)
    assert latest(schedule, due + timedelta(seconds=seconds * share)) == due


@given(MOMENTS)
def test_a_cron_time_is_its_own_last_time(moment: datetime) -> None:
    schedule = cron("*/7 * * * *")
    due = latest(schedule, moment)
    assert due <= moment
    assert latest(schedule, due) == due


def test_nothing_is_due_at_the_start_and_of_several_missed_times_the_last() -> None:
    schedule = every(minutes=10)
    clock = Clock([schedule], NOON)
    assert clock.due(NOON + timedelta(minutes=9)) == []
    due = NOON + timedelta(minutes=30)
    assert clock.due(NOON + timedelta(minutes=35)) == [(schedule, due)]


def test_a_start_that_failed_is_due_until_it_is_acknowledged() -> None:
    schedule = every(minutes=10)
    clock = Clock([schedule], NOON)
    (first,) = clock.due(NOON + timedelta(minutes=11))
    assert clock.due(NOON + timedelta(minutes=12)) == [first]
    clock.fired(*first)
    assert clock.due(NOON + timedelta(minutes=12)) == []


def test_a_clock_that_was_put_back_starts_nothing_again() -> None:
    schedule = every(minutes=10)
    clock = Clock([schedule], NOON)
    clock.fired(schedule, NOON + timedelta(minutes=10))
    assert clock.due(NOON - timedelta(hours=1)) == []
    assert clock.due(NOON + timedelta(minutes=10)) == []


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule("s", "w", DEFAULT_TENANT), "either cron or every"),
        (Schedule("s", "w", DEFAULT_TENANT, cron="* * * * *", every=timedelta(1)), "either"),
        (every(seconds=0), "the least is one second"),
        (cron("61 * * * *"), "write five fields"),
        (cron("* * * * * *"), "write five fields"),
        (cron("* * * * *", "Mars/Olympus"), "unknown timezone"),
        (cron("* * * * *", "../etc"), "unknown timezone"),
    ],
)
def test_a_schedule_that_can_never_fire_is_refused(schedule: Schedule, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Clock([schedule], NOON)


def test_two_schedules_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="same name"):
        Clock([every(hours=1), every(hours=2)], NOON)
