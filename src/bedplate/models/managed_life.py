"""One stay of a managed model in memory: from its start, over crashes, until it is stopped."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from bedplate.errors import BedplateError, Unavailable, UpstreamError
from bedplate.models.managed_log import ServerLog
from bedplate.models.managed_options import ManagedOptions
from bedplate.models.managed_process import ServerProcess, open_process
from bedplate.models.managed_ready import NotReady, free_port, wait_until_ready
from bedplate.models.managed_room import Resident, Room
from bedplate.models.managed_templates import Place, command_line, template
from bedplate.models.protocol import ChatModel

logger = logging.getLogger(__name__)

Speak = Callable[[Place], AbstractAsyncContextManager[ChatModel]]
"""Opens the model at a server."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is served. `name` is what requests to the server call it."""

    name: str
    options: ManagedOptions
    environment: Mapping[str, str]
    speak: Speak


LONGEST_PAUSE = 60.0
SHOWN_LINES = 5


class Crashes:
    """When a model's server crashed, whichever of its lives it was in."""

    def __init__(self, options: ManagedOptions) -> None:
        self._window = options.crash_window_seconds
        self._most = options.restarts
        self._times: list[float] = []

    def count(self) -> int:
        """Of those in the window."""
        now = asyncio.get_running_loop().time()
        self._times = [time for time in self._times if time > now - self._window]
        return len(self._times)

    def add(self) -> None:
        self._times.append(asyncio.get_running_loop().time())

    @property
    def too_many(self) -> bool:
        return self.count() > self._most

    def over_in(self) -> float:
        """Seconds until they are few enough again."""
        now = asyncio.get_running_loop().time()
        oldest = self._times[-self._most - 1]
        return max(0.0, oldest + self._window - now)


class Life:
    """`run` is its whole course. `ready` gives the model while its server can be asked; it is another
    future after a crash. `ending` once it is being stopped.
    """

    def __init__(
        self, resident: Resident, recipe: Recipe, room: Room, crashes: Crashes, log: ServerLog
    ) -> None:
        self.ending = False
        self.ready = _future()
        self._resident = resident
        self._recipe = recipe
        self._options = recipe.options
        self._room = room
        self._crashes = crashes
        self._log = log

    async def run(self) -> None:
        """Until it is cancelled, or fails for good; then `ready` has the error."""
        error: BedplateError = Unavailable(
            f"The model {self._resident.name!r} was stopped while it started; try again."
        )
        try:
            while True:
                await self._once()
                if self._crashes.too_many:
                    raise self.given_up()
                await asyncio.sleep(self._pause())
        except (BedplateError, OSError) as failure:
            error = failure if isinstance(failure, BedplateError) else self._no_start(failure)
            logger.warning("managed model failed", extra=self._facts(error.message))
        finally:
            self.ending = True
            if self.ready.done():
                self.ready = _future()
            self.ready.set_exception(error)

    def given_up(self) -> UpstreamError:
        return UpstreamError(
            f"The server of the model {self._resident.name!r} crashed {self._crashes.count()} times "
            f"(restarts = {self._options.restarts}) and is started again in "
            f"{self._crashes.over_in():.0f} s at the earliest. It wrote last: {self._last_words()}",
            provider="managed",
        )

    def _no_start(self, failure: OSError) -> UpstreamError:
        return UpstreamError(
            f"The server of the model {self._resident.name!r} cannot be started: {failure}.",
            provider="managed",
        )

    async def _once(self) -> None:
        """One process, until it has crashed."""
        try:
            async with self._started() as (process, model):
                self._room.settle(self._resident)
                self.ready.set_result(model)
                self._log.note("ready")
                logger.info("managed model ready", extra=self._facts("ready"))
                what = f"crashed with exit code {await asyncio.shield(process.exited)}"
                self.ready = _future()
        except NotReady as failure:
            what = str(failure)
        self._crashes.add()
        self._log.note(what)
        logger.warning("managed model crashed", extra=self._facts(what))

    @asynccontextmanager
    async def _started(self) -> AsyncGenerator[tuple[ServerProcess, ChatModel]]:
        await self._room.enter(self._resident, self._options.room_seconds)
        try:
            place = Place(free_port(), secrets.token_urlsafe(24))
            chosen = template(self._options)
            own = [value.get_secret_value() for value in self._options.environment.values()]
            self._log.hide = (place.api_key, *filter(None, own))
            environment = dict(self._recipe.environment)
            if chosen.key_variable:
                environment[chosen.key_variable] = place.api_key
            command = command_line(self._options, self._recipe.name, place)
            self._log.note(f"starting {command[0]}")
            async with (
                open_process(command, environment, self._log) as process,
                self._recipe.speak(place) as model,
            ):
                await wait_until_ready(
                    process,
                    place.url + (self._options.health or chosen.health),
                    place.api_key,
                    seconds=self._options.start_seconds,
                )
                yield process, model
        finally:
            self._room.leave(self._resident)

    def _pause(self) -> float:
        doubled = self._options.restart_seconds * 2 ** (self._crashes.count() - 1)
        return min(doubled, LONGEST_PAUSE)

    def _last_words(self) -> str:
        return " | ".join(self._log.tail(SHOWN_LINES)) or "nothing"

    def _facts(self, what: str) -> dict[str, str]:
        return {"model": self._resident.name, "what": what}


def _future() -> "asyncio.Future[ChatModel]":
    """One whose error nobody need fetch: perhaps no request waits."""
    future: asyncio.Future[ChatModel] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future
