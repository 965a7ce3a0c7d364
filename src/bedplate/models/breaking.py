"""A model behind the circuit breaker of its endpoint."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.errors import BedplateError, UpstreamError, UpstreamRateLimited
from bedplate.models.breaker import Breaker
from bedplate.models.ending import why
from bedplate.models.protocol import Bound, MeteredModel, whole

WHOLE_SECONDS = 60.0
"""A whole answer that a deadline ends sooner may still have been made as it should."""


class Breaking:
    """Tells the breaker what becomes of each call; Unavailable while that one is open.

    What counts against an endpoint: no connection, a status of 5xx, 408 or 425, a broken stream,
    silence until a deadline, of a whole answer only after WHOLE_SECONDS. A refusal, a wrong key and 429 show that it works.
    """

    steps_aside = True

    def __init__(self, model: MeteredModel, breaker: Breaker) -> None:
        self.inner = model
        self._breaker = breaker

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        hopeless = _late(request)
        started = asyncio.get_running_loop().time()
        permit = self._breaker.enter()
        begun = False
        try:
            async with aclosing(self.inner.stream(request)) as events:
                async for event in events:
                    if not begun:
                        begun = True
                        permit = self._breaker.answered(permit)
                    yield event
        except UpstreamError as error:
            if _is_failure(error):
                if not (hopeless or _hurried(request, started)):
                    self._breaker.failed(permit, why(error), begun=begun)
            elif not begun:
                self._breaker.answered(permit)
            raise
        except asyncio.CancelledError:
            # Whoever waits gives up at the deadline, often before the adapter itself does.
            if _late(request) and not (begun or hopeless or _hurried(request, started)):
                self._breaker.failed(permit, "silent until the deadline", begun=False)
            raise
        finally:
            self._breaker.left(permit)

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        hopeless = _late(request)
        started = asyncio.get_running_loop().time()
        permit = self._breaker.enter()
        try:
            events = await whole(self.inner).answer(request)
        except UpstreamError as error:
            if not _is_failure(error):
                self._breaker.answered(permit)
            elif not (hopeless or _hurried(request, started)):
                self._breaker.failed(permit, why(error), begun=False)
            raise
        else:
            permit = self._breaker.answered(permit)
            return events
        finally:
            self._breaker.left(permit)


def _late(request: ChatRequest) -> bool:
    return request.deadline is not None and asyncio.get_running_loop().time() >= request.deadline


def _hurried(request: ChatRequest, started: float) -> bool:
    """Whether the deadline gave a whole answer less time than one may well take: its silence says
    nothing of the endpoint.
    """
    if request.unstreamed is None or not request.unstreamed.under_way:
        return False
    now = asyncio.get_running_loop().time()
    return _late(request) and now - started < WHOLE_SECONDS


def _is_failure(error: BedplateError) -> bool:
    return error.retryable and not (isinstance(error, UpstreamRateLimited))
