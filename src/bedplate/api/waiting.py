"""What is to be done before a wait, and only before one."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class BeforeWaiting(Generic[T]):
    """Awaits `step`; where that has to wait, `prepare` is awaited first, once.

    A step that is done at once costs no more than a call. `step` begins before `prepare`, and takes
    an error of it, a cancellation too, as one of its own wait.
    """

    def __init__(self, step: Awaitable[T], prepare: Callable[[], Awaitable[None]]) -> None:
        self._step = step
        self._prepare = prepare

    def __await__(self) -> Generator[Any, Any, T]:
        # A coroutine is run up to its first wait by hand (PEP 492, "await" as `yield from`); what
        # it yields there is the future, which the task has not been told of yet.
        step: Any = self._step.__await__()
        try:
            future = next(step)
            try:
                yield from self._prepare().__await__()
            except BaseException as error:  # noqa: BLE001 - handed to the step, which raises it on
                future = step.throw(error)
            while True:
                try:
                    sent = yield future
                except BaseException as error:  # noqa: BLE001 - as above
                    future = step.throw(error)
                else:
                    future = step.send(sent)
        except StopIteration as done:
            return done.value
