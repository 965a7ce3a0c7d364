"""Whether a client is still there, without a task that waits for it to leave."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, cast

from starlette.types import Receive


class Departure:
    """Cancels the task of a block when the client leaves meanwhile, of which nothing is told outside.

    `receive` is asked for the client's messages after its body is read. Its coroutine is stepped by
    hand, each time that what it waits for is done: a task for each request would cost as much as
    many a layer.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._step: Coroutine[Any, Any, Any] | None = None
        self._cancelled = False
        self.answered = False
        """Set once the answer was sent to its end: servers report a departure then, too."""
        self.gone = asyncio.Event()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._advance()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        step, self._step = self._step, None
        if step is not None:
            step.close()
        if not self._cancelled or self._task is None:
            return False
        # Whoever else cancelled the task, a deadline or the server's end, finds its own left.
        others = self._task.uncancel()
        return kind is asyncio.CancelledError and not others

    def _advance(self) -> None:
        """Take messages up to the next wait."""
        while True:
            if self._step is None:
                self._step = cast("Coroutine[Any, Any, Any]", self._receive())
            try:
                waited: asyncio.Future[Any] | None = self._step.send(None)
            except StopIteration as done:
                self._step = None
                if done.value["type"] == "http.disconnect":
                    self._leave()
                    return
            else:
                self._wait(waited)
                return

    def _wait(self, waited: "asyncio.Future[Any] | None") -> None:
        """Go on when it is done; None is a coroutine's wish to be asked again soon (asyncio.sleep(0))."""
        if waited is None:
            asyncio.get_running_loop().call_soon(self._woken)
            return
        # As a task does that takes a future from its coroutine.
        waited._asyncio_future_blocking = False  # noqa: SLF001
        waited.add_done_callback(self._woken)

    def _woken(self, *_: object) -> None:
        if self._step is not None:
            self._advance()

    def _leave(self) -> None:
        self.gone.set()
        if not self.answered and self._task is not None:
            self._cancelled = True
            self._task.cancel()
