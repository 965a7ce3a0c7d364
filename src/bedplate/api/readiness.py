"""Whether every part works, asked of the parts once for all who want to know at the same time.

Anyone may ask, and the check is work: it must not be a way to keep the server busy.
"""

import asyncio
import logging

from bedplate.app import App
from bedplate.errors import BedplateError

logger = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
KEEP_SECONDS = 1.0
"""For so long an outcome is told again."""


class Readiness:
    def __init__(self, app: App, *, keep_seconds: float = KEEP_SECONDS) -> None:
        self._app = app
        self._keep_seconds = keep_seconds
        self._checking = asyncio.Lock()
        self._kept_until: float | None = None
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """What does not work, or None."""
        time = asyncio.get_running_loop().time
        async with self._checking:
            if self._kept_until is None or time() >= self._kept_until:
                self._problem = await self._check()
                self._kept_until = time() + self._keep_seconds
            return self._problem

    async def _check(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._app.check()
        except TimeoutError:
            problem = f"the check took over {CHECK_SECONDS:g} s."
        except BedplateError as error:
            problem = error.message
        else:
            return None
        logger.warning("not ready", extra={"error": problem})
        return problem
