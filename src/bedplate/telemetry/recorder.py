"""Traces on their way from requests to where they are kept: a bounded queue and one writer."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bedplate.domain.traces import EndedTrace
from bedplate.errors import BedplateError
from bedplate.telemetry.conventions import ANONYMOUS, METHOD, STATUS
from bedplate.telemetry.ending import Ending
from bedplate.telemetry.protocol import Observer, TraceSink
from bedplate.telemetry.trace import Span, Trace

logger = logging.getLogger(__name__)

BATCH = 256
WAIT_SECONDS = 0.5
"""So long traces are gathered before they are written."""

FAILED_HTTP = 500
SAID_SECONDS = 60.0
"""Between two warnings about what is lost."""

READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Recording:
    """`share` of the traces is kept, chosen by their ids; those that failed are always kept.

    `waiting` and `waiting_characters` bound the queue.
    """

    waiting: int = 10_000
    waiting_characters: int = 64 * 1024 * 1024
    content_characters: int = 0
    share: float = 1.0


class TraceRecorder:
    """Whoever offers never waits: what finds no room is dropped, counted, and said in the log."""

    def __init__(
        self,
        ending: Ending,
        sinks: Sequence[TraceSink],
        settings: Recording,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.content_characters = settings.content_characters
        self._ending = ending
        self._sinks = tuple(sinks)
        self._observers = tuple(observers)
        self._settings = settings
        self._waiting = deque[Trace | Span]()
        self._characters = 0
        self._writing = asyncio.Lock()
        self._said_at = 0.0
        self._unsaid = 0
        self.dropped = 0
        """Traces that found no room in the queue."""
        self.lost = 0
        """Traces that a place could not take, counted for each place."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, trace: Trace) -> None:
        settings = self._settings
        if (
            len(self._waiting) >= settings.waiting
            or self._characters + trace.characters > settings.waiting_characters
        ):
            self.dropped += 1
            self._unsaid += 1
            return
        self._characters += trace.characters
        self._waiting.append(trace)

    def offer_late(self, span: Span) -> None:
        if len(self._waiting) >= self._settings.waiting:
            self.dropped += 1
            self._unsaid += 1
            return
        self._waiting.append(span)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            # No event is waited for: traces are offered by other threads' loops too.
            await asyncio.sleep(WAIT_SECONDS)
            await self.flush()

    async def stop(self, writing: "asyncio.Task[None]") -> None:
        """Cancel the task between two batches, and write the rest."""
        async with self._writing:
            writing.cancel()
        await asyncio.wait([writing])
        await self.flush()

    async def flush(self) -> None:
        """Everything that was offered before is written, or lost and counted, on return."""
        async with self._writing:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                self._characters -= sum(t.characters for t in batch if isinstance(t, Trace))
                ended = await asyncio.to_thread(self._end, batch)
                for sink in self._sinks if ended else ():
                    await self._write(sink, ended)
            self._say()

    async def _write(self, sink: TraceSink, traces: Sequence[EndedTrace]) -> None:
        try:
            await sink.write(traces)
        except BedplateError as error:
            self.lost += len(traces)
            self._unsaid += len(traces)
            self._say(error.message)

    def _say(self, why: str = "more came than could be written") -> None:
        now = asyncio.get_running_loop().time()
        if self._unsaid and (not self._said_at or now >= self._said_at + SAID_SECONDS):
            logger.warning("traces are lost", extra={"traces": self._unsaid, "why": why})
            self._said_at, self._unsaid = now, 0

    def _end(self, batch: Sequence[Trace | Span]) -> list[EndedTrace]:
        kept: list[EndedTrace] = []
        for each in batch:
            late = isinstance(each, Span)
            ended = self._ending.late(each) if late else self._ending.whole(each)
            for observer in self._observers:
                observer.observe(ended)
            if is_kept(ended, self._settings.share):
                kept.append(ended)
        return kept


def is_kept(trace: EndedTrace, share: float) -> bool:
    """Not: a request of nobody known, one that only read and found, and what was not drawn."""
    root = trace.spans[0]
    status = root.attributes.get(STATUS, 0)
    failed = any(span.error for span in trace.spans) or (
        isinstance(status, int) and status >= FAILED_HTTP
    )
    if not trace.late and METHOD in root.attributes:
        if ANONYMOUS in root.attributes:
            return False
        if root.attributes[METHOD] in READS and len(trace.spans) == 1 and not failed:
            return False
    # As others draw (OpenTelemetry's TraceIdRatioBased): by the last 56 bits, so all agree.
    return failed or share >= 1 or int(trace.id[-14:], 16) < share * (1 << 56)


@asynccontextmanager
async def running(recorder: TraceRecorder) -> AsyncGenerator[None]:
    """Write while the block runs, and the rest at its end."""
    writing = asyncio.get_running_loop().create_task(recorder.run())
    try:
        yield
    finally:
        await recorder.stop(writing)
