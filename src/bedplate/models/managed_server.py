"""The server of one managed model: started when it is asked for, stopped when it is not."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from bedplate.domain.chat import ChatRequest
from bedplate.errors import BedplateError, Unavailable, UpstreamError, UpstreamTimeout
from bedplate.models.managed_life import Crashes, Life, Recipe
from bedplate.models.managed_log import ServerLog
from bedplate.models.managed_memory import Device
from bedplate.models.managed_room import Room
from bedplate.models.managed_speculation import Speculation, SpeculationStatus
from bedplate.models.managed_trial import Mode
from bedplate.models.protocol import ChatModel

State = Literal["stopped", "starting", "ready", "stopping"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """`requests` are under way, or wait for the start; `crashes` are of the window that counts."""

    name: str
    state: State
    device: Device
    memory_bytes: int
    requests: int
    starts: int
    crashes: int
    speculation: SpeculationStatus
    log: Sequence[str]


class ManagedServer:
    """A Resident of the room. Any number of requests start it once."""

    def __init__(
        self,
        name: str,
        device: Device,
        size: int,
        recipe: Recipe,
        room: Room,
        speculation: Speculation,
    ) -> None:
        self.speculation = speculation
        self.name = name
        self.device: Device = device
        self.bytes = size
        self._recipe = recipe
        self._room = room
        self._log = ServerLog(recipe.options.log_lines)
        self._crashes = Crashes(recipe.options)
        self._life: Life | None = None
        self._living: asyncio.Task[None] | None = None
        self._requests = 0
        self._starts = 0
        self._last_used = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def idle_since(self) -> float | None:
        return None if self._requests else self._last_used

    def status(self, lines: int) -> ServerStatus:
        return ServerStatus(
            name=self.name,
            state=self._state(),
            device=self.device,
            memory_bytes=self.bytes,
            requests=self._requests,
            starts=self._starts,
            crashes=self._crashes.count(),
            speculation=self.speculation.status(),
            log=self._log.tail(lines),
        )

    @asynccontextmanager
    async def lease(self, deadline: float | None) -> AsyncGenerator[ChatModel]:
        """The model, ready to be asked; it is not stopped while this lasts.

        The start goes on if the deadline passes meanwhile, for whoever asks next.

        Raises:
            UpstreamTimeout: it was not ready by the deadline, on the event loop's clock.
            UpstreamError: it does not start, or crashed too often.
            Unavailable: there is no memory for it; Busy where others use that now.
        """
        self._requests += 1
        if self._timer is not None:
            self._timer.cancel()
        if self._resting is not None and self.speculation.trying:
            self._resting.cancel()
        try:
            yield await self._ready(deadline)
        finally:
            self._requests -= 1
            if not self._requests:
                self._last_used = asyncio.get_running_loop().time()
                self._wait_for_rest()
                self._room.look_again()

    def sent(self, request: ChatRequest) -> ChatRequest:
        """A leased request as the server gets it."""
        return self.speculation.sent(request, self._requests)

    async def stop(self) -> None:
        """See Resident. A request that comes meanwhile starts it again."""
        life, living = self._life, self._living
        if life is None or living is None:
            return
        if not life.ending:
            life.ending = True
            living.cancel()
        await asyncio.wait([living])

    async def close(self) -> None:
        """Stops it for good."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._resting is not None and not self._resting.done():
            self._resting.cancel()
            await asyncio.wait([self._resting])
        await self.stop()

    async def _ready(self, deadline: float | None) -> ChatModel:
        late = UpstreamTimeout(
            f"The server of the model {self.name!r} was not ready by the request's deadline.",
            provider="managed",
        )
        if deadline is not None and deadline <= asyncio.get_running_loop().time():
            raise late
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    life = self._life
                    if life is None:
                        life = self._start()
                    elif life.ending and self._living is not None:
                        await asyncio.wait([self._living])
                        continue
                    return await asyncio.shield(life.ready)
        except TimeoutError as error:
            raise late from error
        except UpstreamError as error:
            # Each request has an error of its own: usage is written into it on its way.
            raise UpstreamError(error.message, provider=error.provider) from error

    def _start(self) -> Life:
        if self._closed:
            raise Unavailable(f"The model {self.name!r} is not started: Bedplate is stopping.")
        mode = self.speculation.mode
        options = self._recipe.options.model_copy(update={"speculation": mode})
        recipe = replace(self._recipe, options=options)
        life = Life(self, recipe, self._room, self._crashes, self._log)
        if self._crashes.too_many:
            raise life.given_up()
        self._starts += 1
        self._life = life
        self.speculation.running = mode
        # It outlives the request that began it; `close` waits for its end.
        self._living = asyncio.create_task(life.run())  # noqa: TID251
        self._living.add_done_callback(self._ended)
        return life

    def _ended(self, living: "asyncio.Task[None]") -> None:
        life, self._life, self._living = self._life, None, None
        # A task that is cancelled before its first step never ran.
        if life is not None and not life.ready.done():
            life.ready.set_exception(Unavailable(f"The model {self.name!r} was stopped."))
        if not living.cancelled() and (error := living.exception()) is not None:
            raise error

    def _wait_for_rest(self) -> None:
        seconds, due = self._recipe.options.idle_seconds, self.speculation.due
        if due:
            seconds = min(seconds, self.speculation.quiet_seconds)
        self._timer = asyncio.get_running_loop().call_later(seconds, partial(self._rest, due=due))

    def _rest(self, *, due: bool = False) -> None:
        if not self._requests and not self._closed:
            # `close` waits for its end.
            self._resting = asyncio.create_task(  # noqa: TID251
                self._use_quiet() if due else self.stop()
            )

    async def _use_quiet(self) -> None:
        """Sees to speculation; the server is stopped when that is done and nobody has asked."""
        if self._requests or self._life is None:
            return
        try:
            await self.speculation.settle(self._serve)
        except BedplateError as error:
            self._log.note(f"not started again: {error.message}")
        if not self._requests and not self._closed:
            loop = asyncio.get_running_loop()
            self._last_used = loop.time()
            self._timer = loop.call_later(self._recipe.options.idle_seconds, self._rest)

    async def _serve(self, mode: Mode) -> ChatModel:
        """The server started anew, in the mode that `speculation` has."""
        await self.stop()
        return await self._ready(None)

    def _state(self) -> State:
        if self._life is None:
            return "stopped"
        if self._life.ending:
            return "stopping"
        return "ready" if self._life.ready.done() else "starting"
