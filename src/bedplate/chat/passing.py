"""Pieces of text that go past the layers of a call: counted and guarded like any event."""

from collections.abc import Sequence

from bedplate.chat.accounting import Accounting
from bedplate.domain.chat import ChatEvent, TextDelta, TextSink
from bedplate.errors import BedplateError
from bedplate.guards.protocol import GuardedCall


class Passing:
    """A sink in front of `sink`. What must go as an event is left for the turn to `claim`."""

    def __init__(self, call: Accounting, guarded: GuardedCall | None, sink: TextSink) -> None:
        self._call = call
        self._guarded = guarded
        self._sink = sink
        self._left: Sequence[ChatEvent] | None = None
        self._error: BedplateError | None = None

    def take(self, texts: Sequence[str]) -> bool:
        self._call.wrote(texts)
        if self._guarded is None:
            if self._sink.take(texts):
                return True
            self._left = [TextDelta(text) for text in texts]
            return False
        said = texts[0] if len(texts) == 1 else "".join(texts)
        try:
            left = self._guarded.take_text(said)
            events = self._guarded.take(TextDelta(said)) if left is None else ()
        except BedplateError as error:
            # Not the adapter's, which this is called by.
            self._error = error
            return False
        if left is not None:
            # What leaves as it came keeps its pieces.
            pieces = texts if left == said else (left,)
            if self._guarded.stopped is None and (not left or self._sink.take(pieces)):
                return True
            self._left = [TextDelta(left)] if left else ()
            return False
        if self._guarded.stopped is not None:
            self._left = events
            return False
        for number, event in enumerate(events):
            if type(event) is not TextDelta or event.refusal or not self._sink.take((event.text,)):
                self._left = events[number:]
                return False
        return True

    def flush(self) -> bool:
        return self._sink.flush()

    def claim(self) -> Sequence[ChatEvent] | None:
        """What is left to tell of the piece that was not taken, which comes again as an event; None
        for an event that was never here. Raises what a guard did.
        """
        if self._error is not None:
            raise self._error
        left, self._left = self._left, None
        return left

    async def leave(self) -> None:
        await self._sink.leave()
