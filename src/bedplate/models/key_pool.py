"""Several keys for one model, used in turn."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, Usage
from bedplate.errors import UpstreamError, UpstreamRateLimited
from bedplate.models.ending import ended, owning, used, why
from bedplate.models.protocol import ChatModel

logger = logging.getLogger(__name__)

REST_SECONDS = 10.0
"""How long a key rests after a 429 that names no time."""

UNAUTHORISED = 401


@dataclass(slots=True)
class Key:
    """One key, as the adapter that was opened with it. Times are on the event loop's clock."""

    number: int
    model: ChatModel
    limited: float = 0.0
    rests_until: float = 0.0
    used: float = 0.0
    refused: bool = False


class KeyPool:
    """The same model under each of its keys.

    The key whose last 429 is longest ago is taken first. One that gets a 429 rests for as long as
    the provider asks, one that gets a 401 is used no more; before the answer has begun the call
    goes on with the next. `name` is what the model is configured as.

    Raises:
        UpstreamRateLimited: all keys rest; `retry_after` is until the first is back.
        UpstreamError: all keys were refused.
    """

    def __init__(self, name: str, models: Sequence[ChatModel]) -> None:
        self.inner = models[0]
        self._name = name
        self._keys = [Key(number, model) for number, model in enumerate(models, start=1)]

    @property
    def name(self) -> str:
        return self.inner.name

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        notes: list[Note] = []
        failed: list[Usage] = []
        untried = list(self._keys)
        while (key := self._next(untried)) is not None:
            untried.remove(key)
            begun = False
            try:
                async with aclosing(key.model.stream(request)) as events:
                    async for event in events:
                        begun = True
                        yield ended(event, notes, failed) if isinstance(event, Finished) else event
            except UpstreamError as error:
                if not self._blame(key, error) or begun:
                    owning(error, failed)
                    raise
                notes.append(Note("key", self._name, f"Key {key.number}: {why(error)}"))
                failed += used(error)
            else:
                return
        raise owning(self._exhausted(), failed)

    def _next(self, untried: Sequence[Key]) -> Key | None:
        now = asyncio.get_running_loop().time()
        usable = [key for key in untried if not key.refused and key.rests_until <= now]
        if not usable:
            return None
        chosen = min(usable, key=lambda key: (key.limited, key.used))
        chosen.used = now
        return chosen

    def _blame(self, key: Key, error: UpstreamError) -> bool:
        """Whether the failure is the key's, who is then spared or given up."""
        now = asyncio.get_running_loop().time()
        if isinstance(error, UpstreamRateLimited):
            rest = REST_SECONDS if error.retry_after is None else error.retry_after
            key.limited, key.rests_until = now, now + rest
            return True
        if error.status == UNAUTHORISED:
            key.refused = True
            extra = {"model": self._name, "key": key.number}
            logger.warning("key refused, not used again until the next start", extra=extra)
            return True
        return False

    def _exhausted(self) -> UpstreamError:
        resting = [key.rests_until for key in self._keys if not key.refused]
        if not resting:
            return UpstreamError(
                f"Every key of the model {self._name!r} was refused with HTTP 401; set valid "
                f"ones in models.{self._name}.api_keys and start again.",
                provider=self.name,
                status=UNAUTHORISED,
            )
        wait = max(0.0, min(resting) - asyncio.get_running_loop().time())
        return UpstreamRateLimited(
            f"Every key of the model {self._name!r} is at its limit; the first is free again in "
            f"{wait:.3g} s.",
            provider=self.name,
            retry_after=wait,
        )
