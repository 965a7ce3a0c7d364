"""When scheduled work is due. Every process comes to the same times, so one id starts it once."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from bedplate.durable.protocol import Schedule
from bedplate.errors import ConfigError

LEAST = timedelta(seconds=1)


def check(schedule: Schedule) -> None:
    """ConfigError where a schedule could never fire as it is written."""
    named = f"The schedule {schedule.name!r}"
    if (schedule.cron is None) == (schedule.every is None):
        raise ConfigError(f"{named} needs either cron or every.")
    if schedule.every is not None and schedule.every < LEAST:
        raise ConfigError(f"{named} is every {schedule.every}: the least is one second.")
    if schedule.cron is not None and (
        len(schedule.cron.split()) != 5 or not croniter.is_valid(schedule.cron)
    ):
        raise ConfigError(
            f"{named} has cron {schedule.cron!r}: write five fields, such as '0 3 * * *'."
        )
    try:
        ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"{named} has the unknown timezone {schedule.timezone!r}.") from error


def latest(schedule: Schedule, now: datetime) -> datetime:
    """The last time at or before `now` when it was due, in UTC."""
    if schedule.every is not None:
        length = schedule.every.total_seconds()
        return datetime.fromtimestamp(math.floor(now.timestamp() / length) * length, UTC)
    # The moment itself counts, and the iterator gives only what lies before.
    local = (now + timedelta(microseconds=1)).astimezone(ZoneInfo(schedule.timezone))
    found: datetime = croniter(schedule.cron or "", local).get_prev(datetime)
    return found.astimezone(UTC)


class Clock:
    """Which schedules have become due since they were last looked at."""

    def __init__(self, schedules: Sequence[Schedule], now: datetime) -> None:
        self._schedules = {schedule.name: schedule for schedule in schedules}
        if len(self._schedules) < len(schedules):
            raise ConfigError("Two schedules have the same name: rename one of them.")
        for schedule in schedules:
            check(schedule)
        self._seen = {name: latest(each, now) for name, each in self._schedules.items()}

    def due(self, now: datetime) -> list[tuple[Schedule, datetime]]:
        """Those not yet acknowledged by `fired`, so that a start that failed is tried again."""
        times = [(schedule, latest(schedule, now)) for schedule in self._schedules.values()]
        return [(each, time) for each, time in times if time > self._seen[each.name]]

    def fired(self, schedule: Schedule, time: datetime) -> None:
        self._seen[schedule.name] = time
