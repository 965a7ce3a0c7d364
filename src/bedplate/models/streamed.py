"""An answer in server-sent events while it is read."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeGuard

from bedplate.domain.chat import ChatEvent, TextDelta, TextSink
from bedplate.errors import UpstreamError
from bedplate.models.failed import Part
from bedplate.models.patience import Patience, Watch
from bedplate.models.sse import MAX_EVENT_BYTES, EventTooLong, SseEvent, SseParser
from bedplate.upstream.failures import Failures
from bedplate.upstream.http_connection import Answer, Take
from bedplate.upstream.http_errors import HttpError

AT_ONCE = 64
"""Pieces of text that are handed on and sent together: a reader that is slow is waited for."""


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

    def texts(self, packet: bytes) -> list[str] | None:
        """The pieces of text that `packet` adds, where it holds whole events and nothing else, and
        that is told at a glance; None for any other, which has to be read event by event.
        """
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
        response: Answer,
        reply: Reply,
        patience: Patience,
        failures: Failures,
        max_bytes: int,
    ) -> None:
        self._response = response
        self._reply = reply
        self._patience = patience
        self._failures = failures
        self._parser = SseParser()
        self._max_bytes = self._room = max_bytes
        self._ended = self._came = False
        self._failed: UpstreamError | None = None
        self._texts: list[str] = []
        self._rest: list[ChatEvent] = []

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
            packet = await self._patience.within(self._response.read)
        except UpstreamError as error:
            if isinstance(error.__cause__, HttpError):
                self._break_off(error.__cause__)
            elif not self._reply.ended:
                raise
            packet = b""
        made = self._made_of(packet)
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
        self._part(made)
        try:
            async with Watch(self._patience) as watch:

                def take(packet: bytes) -> bool:
                    texts = self._texts_of(packet)
                    if texts is not None:
                        self._texts = texts
                        sent = self._give(sink)
                        self._patience.renew()
                        return sent and not self._rest
                    self._part(self._made_of(packet))
                    sent = self._give(sink)
                    self.renew()
                    if self._reply.ended:
                        watch.look()
                    return sent and not self._stands_still

                while True:
                    if not self._give(sink):
                        await self._leave(sink, watch)
                    elif self._stands_still:
                        break
                    else:
                        await self._pour(take)
        except TimeoutError as error:
            if not self._reply.ended:
                raise self._patience.passed from error
            self._ended = True
            return []
        rest, self._rest = self._rest, []
        return rest

    @property
    def _stands_still(self) -> bool:
        """Whether there is something to tell, or nothing more to read."""
        return bool(self._rest or self._failed) or self.over

    async def _pour(self, take: Take) -> None:
        try:
            await self._response.pour(take)
        except HttpError as error:
            self._break_off(error)
            self._ended = True
        else:
            self._ended = self._ended or self._response.read_out

    def _texts_of(self, packet: bytes) -> list[str] | None:
        """Where it holds nothing else, without a look at its events."""
        size = len(packet)
        if size > self._room or size > MAX_EVENT_BYTES or not self._parser.between:
            return None
        texts = self._reply.texts(packet)
        if texts is not None:
            self._room -= size
            self._came = True
        return texts

    def _part(self, made: Sequence[ChatEvent]) -> None:
        """Text that comes before anything else goes to the sink, the rest back to the caller."""
        for number, event in enumerate(made):
            if not _is_plain(event):
                self._rest = list(made[number:])
                return
            self._texts.append(event.text)

    def _made_of(self, packet: bytes) -> list[ChatEvent]:
        """An error behind something else waits until that was told."""
        made: list[ChatEvent] = []
        try:
            for event in self._events(packet):
                made += self._reply.take(event)
        except UpstreamError as error:
            if not made:
                raise
            self._failed = error
        return made

    def _give(self, sink: TextSink) -> bool:
        """Hand all text on; False where the reader has to be waited for first."""
        while self._texts:
            some, self._texts = self._texts, []
            if len(some) > AT_ONCE:
                some, self._texts = some[:AT_ONCE], some[AT_ONCE:]
            if not sink.take(some):
                left = ["".join(some), *self._texts]
                self._rest, self._texts = [*map(TextDelta, left), *self._rest], []
            elif not sink.flush():
                return False
        return True

    async def _leave(self, sink: TextSink, watch: Watch) -> None:
        watch.hold()
        await sink.leave()
        self.renew()
        watch.go_on(sooner=self._reply.ended)

    def _break_off(self, error: HttpError) -> None:
        """No more comes; an error where the answer is not whole."""
        if not self._reply.ended:
            raise self._reply.cut_off() from error

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
