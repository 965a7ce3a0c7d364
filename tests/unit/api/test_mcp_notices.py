"""What is told of a request: what was asked for, in order, and not too often."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from bedplate.api.mcp_notices import Level, Notices

LEVELS = get_args(Level)


class Told(list[Any]):
    async def tell(self, notification: Mapping[str, Any]) -> None:
        self.append(notification["params"])


async def test_small_steps_that_come_at_once_are_counted_and_told_rarely() -> None:
    told = Told()
    notices = Notices(told.tell, "t", None)
    await notices.step("Begun.")
    for number in range(1000):
        await notices.step(f"{number}", small=True)
    await notices.step("Done.", of=1002)
    assert told[0] == {"progressToken": "t", "progress": 1, "message": "Begun."}
    assert told[-1] == {"progressToken": "t", "progress": 1002, "message": "Done.", "total": 1002}
    assert len(told) < 10
    assert [each["progress"] for each in told] == sorted({each["progress"] for each in told})


@pytest.mark.parametrize("asked", [None, *LEVELS])
async def test_a_log_has_its_level_and_those_above(asked: Level | None) -> None:
    told = Told()
    notices = Notices(told.tell, None, asked)
    for level in LEVELS:
        await notices.log(level, {})
    await notices.step("No token was given.")
    at = len(LEVELS) if asked is None else LEVELS.index(asked)
    assert [each["level"] for each in told] == list(LEVELS[at:])
