"""Moments as the tables have them: whole microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

START = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - START) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    return START + timedelta(microseconds=value)


def now() -> int:
    return micros(datetime.now(UTC))
