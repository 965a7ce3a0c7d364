"""All valid keys in memory, so that a request is let in or refused without the database."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bedplate.access.protocol import AccessKey, AccessKeys
from bedplate.access.secret import digest_of
from bedplate.errors import BedplateError, Unavailable

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How long a revoked key may still be let in, by a process that did not revoke it."""

STALE_SECONDS = 10.0
"""After so long without a look at the database nobody is let in."""


class Keyring:
    """`clock` is monotonic, in seconds."""

    def __init__(
        self,
        keys: AccessKeys,
        *,
        stale_seconds: float = STALE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._version = -1
        self._known: Mapping[bytes, AccessKey] = {}
        self._looked_at: float | None = None
        self._used: dict[str, datetime] = {}

    @property
    def is_open(self) -> bool:
        """Whether no key was ever made; Unavailable where that is not known."""
        self._check_fresh()
        return self._version == 0

    def find(self, secret: str) -> AccessKey | None:
        """The valid key that `secret` is, noted as used; Unavailable where that is not known."""
        self._check_fresh()
        now = datetime.now(UTC)
        key = self._known.get(digest_of(secret))
        if key is None or not key.holds_at(now):
            return None
        self._used[key.id] = now
        return key

    async def refresh(self) -> None:
        """Look whether keys were made or revoked, and write down which were used."""
        started = self._clock()
        if await self._keys.version() != self._version:
            self._version, self._known = await self._keys.digests()
        # As of before the look: what changed during it may not have been seen.
        self._looked_at = started
        if used := self._used:
            self._used = {}
            await self._keys.note_use(used)

    async def follow(self, seconds: float = POLL_SECONDS) -> None:
        """Refresh until cancelled; a database that is away is asked again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
            except BedplateError as error:
                logger.warning("access keys not read", extra={"error": error.message})

    def _check_fresh(self) -> None:
        if self._looked_at is None or self._clock() - self._looked_at > self._stale_seconds:
            raise Unavailable("The access keys cannot be read now: try again.")


@asynccontextmanager
async def open_keyring(
    keys: AccessKeys, *, poll_seconds: float = POLL_SECONDS, stale_seconds: float = STALE_SECONDS
) -> AsyncGenerator[Keyring]:
    """A keyring that follows `keys` for as long as the block runs."""
    keyring = Keyring(keys, stale_seconds=stale_seconds)
    await keyring.refresh()
    try:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(keyring.follow(poll_seconds))
            try:
                yield keyring
            finally:
                following.cancel()
    except ExceptionGroup as group:
        # The block's own error, as it was raised.
        raise group.exceptions[0] from group.exceptions[0].__cause__
