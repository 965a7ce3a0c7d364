"""Days and months of UTC."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bedplate.ledger.periods import begins, ends, micros, moment

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(at=MOMENTS)
def test_a_moment_lies_in_its_day_and_its_month(at: datetime) -> None:
    now = micros(at)
    assert moment(now) == at
    day, month = begins("day", now), begins("month", now)
    assert moment(day) == at.replace(hour=0, minute=0, second=0, microsecond=0)
    assert moment(month) == moment(day).replace(day=1)
    for period, begin in (("day", day), ("month", month)):
        end = ends(period, begin)  # type: ignore[arg-type]
        assert end is not None
        assert begin <= now < end
        assert begins(period, end) == end  # type: ignore[arg-type]


def test_a_year_ends_in_january() -> None:
    december = micros(datetime(2026, 12, 1, tzinfo=UTC))
    assert ends("month", december) == micros(datetime(2027, 1, 1, tzinfo=UTC))


def test_what_is_counted_in_all_has_neither_begin_nor_end() -> None:
    now = micros(datetime(2026, 5, 5, tzinfo=UTC) + timedelta(hours=7))
    assert begins("total", now) == 0
    assert ends("total", 0) is None
