"""An answer in server-sent events while it is read."""

import ssl
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeGuard

import aiohttp

from bedplate.domain.chat import ChatEvent, TextDelta, TextSink
from bedplate.errors import UpstreamError
from bedplate.models.failed import Part
from bedplate.models.patience import Patience, Watch
from bedplate.models.sse import EventTooLong, SseEvent, SseParser
from bedplate.upstream.failures import Failures


class Reply(Part, Protocol):
    """One answer, put together event by event.

    `begun` once the model gave a sign of life (text, thoughts, a call), `ended` once it said why it
    stopped, `done` when nothing more can follow.
    """

    @property
    def ended(self) -> bool: ...

    @property
    def done(self) -> bool: ...

    def cut_off(self) -> UpstreamError:
        """Why an answer is none that ends before it is whole."""
        ...

    def take(self, event: SseEvent) -> Iterable[ChatEvent]:
        """What `event` adds, often nothing; UpstreamError for what cannot be read."""
        ...

    def finish(self) -> Iterable[ChatEvent]:
        """What was held back, and Finished; UpstreamError when the answer is not whole."""
        ...


class WholeReply(Reply, Protocol):
    """One that may also come whole."""

    def add_whole(self, data: bytes) -> Sequence[ChatEvent] | None:
        """What the whole answer holds but its end; None for what is no answer."""
        ...

    def under_way(self, *, unseen: bool) -> None:
        """Whether the answer is being made now, unseen."""
        ...


class StreamedAnswer:
    """The body of `response`, by reads, as the events that `reply` makes of it.

    What comes before an error is told before it.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        reply: Reply,
        patience: Patience,
        failures: Failures,
        max_bytes: int,
    ) -> None:
        self._content = response.content
        self._reply = reply
        self._patience = patience
        self._failures = failures
        self._parser = SseParser()
        self._max_bytes = self._room = max_bytes
        self._ended = self._came = False
        self._failed: UpstreamError | None = None

    @property
    def over(self) -> bool:
        return self._failed is None and (self._ended or self._reply.done)

    async def read(self, *, join: bool) -> list[ChatEvent]:
        """What one read brings; with `join` neighbouring pieces of text are one: each event costs
        every layer above.
        """
        if self._failed is not None:
            raise self._failed
        try:
            packet = await self._patience.within(self._content.readany)
        except UpstreamError as error:
            if isinstance(error.__cause__, aiohttp.ClientError):
                self._break_off(error.__cause__)
            elif not self._reply.ended:
                raise
            packet = b""
        made: list[ChatEvent] = []
        try:
            for event in self._events(packet):
                made += self._reply.take(event)
        except UpstreamError as error:
            if not made:
                raise
            self._failed = error
        return _joined(made) if join else made

    def renew(self) -> None:
        """The reader has taken what came: the wait for the next begins."""
        if self._reply.ended:
            self._patience.wind_down()
        elif self._came and self._reply.begun:
            self._patience.renew()

    async def hand_on(self, sink: TextSink, made: Sequence[ChatEvent]) -> list[ChatEvent]:
        """Give text to `sink`, what is `made` already and then read by read, until something else
        comes, which is returned, or the answer is over.
        """
        # From the first token on it is the same limit, so that the timer need never go off earlier.
        self.renew()
        try:
            async with Watch(self._patience) as watch:
                rest = await self._give([made], sink, watch)
                while not (rest or self.over or self._failed):
                    rest = await self._give(await self._next(), sink, watch)
        except TimeoutError as error:
            if not self._reply.ended:
                raise self._patience.passed from error
            self._ended = True
            return []
        return rest

    async def _next(self) -> Iterable[Iterable[ChatEvent]]:
        """What is made of each event of the next read, while it is asked for."""
        try:
            packet = await self._content.readany()
        except (aiohttp.ClientError, ssl.SSLError) as error:
            self._break_off(error)
            packet = b""
        return map(self._reply.take, self._events(packet))

    async def _give(
        self, parts: Iterable[Iterable[ChatEvent]], sink: TextSink, watch: Watch
    ) -> list[ChatEvent]:
        rest: list[ChatEvent] = []
        try:
            for events in parts:
                for made in events:
                    if rest or not _taken(sink, made):
                        rest.append(made)
                    elif sink.full:
                        await self._leave(sink, watch)
        except UpstreamError as error:
            if not rest:
                raise
            self._failed = error
        await self._leave(sink, watch)
        return rest

    async def _leave(self, sink: TextSink, watch: Watch) -> None:
        watch.hold()
        await sink.leave()
        self.renew()
        watch.go_on(sooner=self._reply.ended)

    def _break_off(self, error: aiohttp.ClientError | ssl.SSLError) -> None:
        """No more comes; an error where the answer is not whole."""
        if not self._reply.ended:
            if isinstance(error, aiohttp.ClientError):
                raise self._reply.cut_off() from error
            raise self._failures.of_client(error) from error

    def _events(self, packet: bytes) -> list[SseEvent]:
        if not packet:
            self._ended = True
            return []
        self._room -= len(packet)
        if self._room < 0:
            raise self._failures.error(f"sent more than {self._max_bytes} bytes (max_answer_bytes)")
        try:
            events = self._parser.feed(packet)
        except EventTooLong as error:
            raise self._failures.error(str(error)) from error
        self._came = bool(events)
        return events


def _taken(sink: TextSink, made: ChatEvent) -> bool:
    return _is_plain(made) and sink.take(made.text)


def _is_plain(made: ChatEvent) -> TypeGuard[TextDelta]:
    return type(made) is TextDelta and not (made.logprobs or made.refusal)


def _joined(events: Iterable[ChatEvent]) -> list[ChatEvent]:
    joined: list[ChatEvent] = []
    pieces: list[str] = []
    for made in events:
        if _is_plain(made):
            pieces.append(made.text)
            continue
        if pieces:
            joined.append(TextDelta("".join(pieces)))
            pieces = []
        joined.append(made)
    if pieces:
        joined.append(TextDelta("".join(pieces)))
    return joined
