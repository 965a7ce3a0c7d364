"""Server-sent events read from bytes as they come (WHATWG HTML, "Server-sent events", 9.2.6)."""

import re
from dataclasses import dataclass

MAX_EVENT_BYTES = 4 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """A line, or the data lines of one event together, went over the limit."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event; `data` is its data lines joined by a line feed, still as bytes."""

    data: bytes
    event: str = ""


class SseParser:
    """Gives each event as soon as its blank line is there, however the bytes were cut.

    An event that the stream's end cuts off is never given, as the standard wants it. Comments,
    `id` and `retry` are passed over.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._after_return = False
        self._at_start = True

    def feed(self, packet: bytes) -> list[SseEvent]:
        """The events that `packet` completes; EventTooLong once one goes over the limit."""
        if (whole := self._plain(packet)) is not None:
            return whole
        # A carriage return ends its line at once; waiting for a possible line feed behind it
        # would hold the event back until the next packet.
        if self._after_return and packet:
            packet = packet.removeprefix(b"\n") if packet[:1] == b"\n" else packet
            self._after_return = False
        if packet[-1:] == b"\r":
            self._after_return = True
        first, *others = _LINE_END.split(packet)
        self._line += first
        self._check(len(self._line))
        events: list[SseEvent] = []
        for following in others:
            event = self._end_line(bytes(self._line))
            if event is not None:
                events.append(event)
            self._check(len(following))
            self._line = bytearray(following)
        return events

    @property
    def between(self) -> bool:
        """Whether the next byte begins an event."""
        return not (self._line or self._data or self._event or self._at_start)

    def _plain(self, packet: bytes) -> list[SseEvent] | None:
        """The events of a packet of whole ones, each of one line of data, as nearly every packet is;
        None for any other, which has to be read line by line.
        """
        if packet[:5] != b"data:" or packet[-2:] != b"\n\n" or b"\r" in packet:
            return None
        if self._line or self._data or self._event:
            return None
        lines = packet[:-2].split(b"\n\n")
        if not all(
            line[:5] == b"data:" and b"\n" not in line and len(line) <= self._limit
            for line in lines
        ):
            return None
        self._after_return = self._at_start = False
        return [SseEvent(line[5:].removeprefix(b" ")) for line in lines]

    def _end_line(self, line: bytes) -> SseEvent | None:
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value)
            self._check(self._size)
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        return None

    def _dispatch(self) -> SseEvent | None:
        event = SseEvent(b"\n".join(self._data), self._event) if self._data else None
        self._data, self._size, self._event = [], 0, ""
        return event

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise EventTooLong(f"an event is longer than {self._limit} bytes")
