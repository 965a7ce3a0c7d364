"""Calls whose answers come whole: asked for as JSON, under one limit of time."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished
from bedplate.errors import UpstreamError
from bedplate.models.failed import charging
from bedplate.models.patience import Patience
from bedplate.models.refusals import read_refusal
from bedplate.models.streamed import StreamedAnswer, WholeReply
from bedplate.models.wire_options import WireOptions
from bedplate.upstream.failures import Failures
from bedplate.upstream.http_connection import Answer

STREAM = "text/event-stream"

Post = Callable[[bytes], Awaitable[Answer]]


class WholeCalls:
    """See WholeModel. A server that streams all the same is read to the end."""

    def __init__(
        self,
        options: WireOptions,
        failures: Failures,
        encode: Callable[[ChatRequest], bytes],
        reply_to: Callable[[ChatRequest, Failures], WholeReply],
    ) -> None:
        self._options = options
        self._failures = failures
        self._encode = encode
        self._reply_to = reply_to

    async def answer(
        self, request: ChatRequest, post: Post, turns: asyncio.Semaphore
    ) -> Sequence[ChatEvent]:
        """`post` sends a body, in one of the `turns`, which calls that stream have too."""
        body = self._encode(request)
        reply = self._reply_to(request, self._failures)
        patience = Patience(self._options, request.deadline, self._failures, whole=True)
        await patience.turn(turns)
        try:
            with _told(reply), charging(reply):
                reply.under_way(unseen=True)
                exchange = _Exchange(post, self._options.max_answer_bytes, self._failures)
                try:
                    made = await self._made(exchange, body, reply, patience)
                finally:
                    exchange.close()
                return _as_whole([*made, *reply.finish()])
        finally:
            turns.release()

    async def _made(
        self, exchange: "_Exchange", body: bytes, reply: WholeReply, patience: Patience
    ) -> Sequence[ChatEvent]:
        try:
            said = await patience.within(lambda: exchange.ask(body))
        except UpstreamError as error:
            if exchange.answers:
                # It said that there is an answer.
                error.usage = reply.used()
            raise
        response = exchange.response
        if said is None:
            return await self._read(response, reply, patience)
        reply.under_way(unseen=False)
        made = reply.add_whole(said) if exchange.answers else None
        if made is None:
            raise self._failures.refused(response.status, response.headers, said)
        return made

    async def _read(
        self, response: Answer, reply: WholeReply, patience: Patience
    ) -> Sequence[ChatEvent]:
        answer = StreamedAnswer(
            response, reply, patience, self._failures, self._options.max_answer_bytes
        )
        made: list[ChatEvent] = []
        while not answer.over:
            made += await answer.read(join=True)
            answer.renew()
        reply.under_way(unseen=False)
        return made


class _Exchange:
    """One request and what is answered."""

    def __init__(self, post: Post, most_bytes: int, failures: Failures) -> None:
        self._post = post
        self._most_bytes = most_bytes
        self._failures = failures
        self._response: Answer | None = None
        self.answers = False
        """Whether the server said that this is an answer, and no refusal."""

    @property
    def response(self) -> Answer:
        if self._response is None:
            raise AssertionError("nothing was asked yet")
        return self._response

    async def ask(self, body: bytes) -> bytes | None:
        """The whole of what comes; None for a stream, which is left to be read."""
        self._response = response = await self._post(body)
        if (refusal := await read_refusal(response, self._failures)) is not None:
            return refusal
        self.answers = True
        return None if response.content_type == STREAM else await self._read(response)

    def close(self) -> None:
        """A connection that may serve the next is kept."""
        if self._response is not None:
            self._response.close()

    async def _read(self, response: Answer) -> bytes:
        said = bytearray()
        while packet := await response.read():
            said += packet
            if len(said) > self._most_bytes:
                raise self._failures.error(
                    f"sent more than {self._most_bytes} bytes (max_answer_bytes)"
                )
        return bytes(said)


@contextmanager
def _told(reply: WholeReply) -> Generator[None]:
    """Once a call failed that used nothing, nothing is under way: it may be repeated after a pause."""
    try:
        yield
    except UpstreamError as error:
        if error.usage is None:
            reply.under_way(unseen=False)
        raise


def _as_whole(events: list[ChatEvent]) -> list[ChatEvent]:
    """Whatever way the answer came, nobody saw when it began."""
    if isinstance(end := events[-1], Finished) and not end.whole:
        events[-1] = replace(end, whole=True)
    return events
