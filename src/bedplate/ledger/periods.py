"""Moments as whole microseconds since 1970, UTC, and the periods that budgets are for."""

from datetime import UTC, datetime, timedelta

from bedplate.domain.budgets import Period

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
START = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    past = moment - START
    return (past.days * 86_400 + past.seconds) * SECOND + past.microseconds


def moment(value: int) -> datetime:
    return START + timedelta(microseconds=value)


def begins(period: Period, now: int) -> int:
    """When the period began that `now` is in; 0 for one without an end."""
    match period:
        case "day":
            return now - now % DAY
        case "month":
            day = moment(now)
            return micros(datetime(day.year, day.month, 1, tzinfo=UTC))
        case _:
            return 0


def ends(period: Period, begin: int) -> int | None:
    """When the period is over that began then; None where it never is."""
    match period:
        case "day":
            return begin + DAY
        case "month":
            first = moment(begin)
            year, month = first.year + first.month // 12, first.month % 12 + 1
            return micros(datetime(year, month, 1, tzinfo=UTC))
        case _:
            return None
