"""Work that is done by the clock, in every process, for as long as the server lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bedplate.errors import BedplateError

logger = logging.getLogger(__name__)


async def again(what: str, work: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Do it, and once more so many seconds after it is done, until that is cancelled."""
    while True:
        await attempt(what, work)
        await asyncio.sleep(seconds)


async def attempt(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Whatever fails is tried again at the next turn."""
    try:
        await work()
    except BedplateError as error:
        facts = {"what": what, "code": error.code, "error": error.message}
        logger.warning("to be tried again", extra=facts)
