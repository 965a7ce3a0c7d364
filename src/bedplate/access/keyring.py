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

POLL_SECONDS = 0.5
"""Between two looks: for so long, and the time of one look, a process that did not revoke a key may
still let it in.
"""

STALE_SECONDS = 10.0
"""After so long without a look at the database nobody is let in."""

NOTE_SECONDS = 10.0
"""Between two writes of when keys were last used; a crash loses as much."""


class Keyring:
    """`clock` is monotonic, in seconds; `now` is the wall clock."""

    def __init__(
        self,
        keys: AccessKeys,
        *,
        stale_seconds: float = STALE_SECONDS,
        note_seconds: float = NOTE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.keys = keys
        self._stale_seconds = stale_seconds
        self._note_seconds = note_seconds
        self._clock = clock
        self._now = now
        self._version: int | None = None
        self._known: Mapping[bytes, AccessKey] = {}
        self._closed = False
        self._looked_at: float | None = None
        self._note_at = clock() + note_seconds
        self._used: dict[str, datetime] = {}
        self._looking = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether no key was ever made; Unavailable where that is not known."""
        self._check_fresh()
        return not self._closed

    def find(self, secret: str) -> AccessKey | None:
        """The valid key that `secret` is, noted as used; Unavailable where that is not known."""
        return self.find_digest(digest_of(secret))

    def find_digest(self, digest: bytes) -> AccessKey | None:
        """As `find`, by the digest of the secret."""
        self._check_fresh()
        now = self._now()
        key = self._known.get(digest)
        if key is None or not key.holds_at(now):
            return None
        self._used[key.id] = now
        return key

    def holder(self, id: str) -> AccessKey | None:
        """The valid key of that id, whatever its secret is now; Unavailable as of `find`."""
        self._check_fresh()
        now = self._now()
        return next((k for k in self._known.values() if k.id == id and k.holds_at(now)), None)

    async def refresh(self) -> None:
        """Look whether keys were made, rotated or revoked."""
        async with self._looking:
            started = self._clock()
            found = await self.keys.look(self._version, self._now())
            if found is not None:
                self._version, self._known = found
                # Never open again: a database that lost its keys must not let everybody in.
                self._closed = self._closed or self._version > 0
            # As of before the look: what changed during it may not have been seen.
            self._looked_at = started

    async def note(self) -> None:
        """Write down which keys were used, and when; what cannot be written is kept for the next."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self.keys.note_use(used)
        except BaseException:
            self._used = {**used, **self._used}
            raise

    async def follow(self, seconds: float = POLL_SECONDS) -> None:
        """Look and note until cancelled; a database that is away is asked again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
                if self._clock() >= self._note_at:
                    self._note_at = self._clock() + self._note_seconds
                    await self.note()
            except BedplateError as error:
                logger.warning("access keys not read", extra={"error": error.message})

    def _check_fresh(self) -> None:
        if self._looked_at is None or self._clock() - self._looked_at > self._stale_seconds:
            raise Unavailable("The access keys cannot be read now: try again.")


@asynccontextmanager
async def open_keyring(
    keys: AccessKeys,
    *,
    poll_seconds: float = POLL_SECONDS,
    note_seconds: float = NOTE_SECONDS,
) -> AsyncGenerator[Keyring]:
    """A keyring that follows `keys` while the block runs, and writes the last uses at its end."""
    keyring = Keyring(keys, note_seconds=note_seconds)
    await keyring.refresh()
    # A TaskGroup would wrap what the block raises.
    following = asyncio.get_running_loop().create_task(keyring.follow(poll_seconds))
    try:
        yield keyring
    finally:
        following.cancel()
        await asyncio.wait([following])
        if not following.cancelled() and (error := following.exception()) is not None:
            logger.error("access keys were not followed", exc_info=error)
        try:
            await keyring.note()
        except BedplateError as error:
            logger.error("last uses of keys are lost", extra={"error": error.message})  # noqa: TRY400 - said in full
