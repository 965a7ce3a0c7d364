"""Lines of the log on their way to where they are written: a bounded queue and one thread.

Rendering a line, taking out of it what must not be in a log, and writing it cost a request as much
as many of its other parts; and a reader of the log that is slow would hold up everybody.
"""

import logging
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from bedplate.telemetry.logs import TRACE, JsonFormatter, LineFormatter
from bedplate.telemetry.trace import trace_id

MOST = 10_000
"""Lines that wait; of further ones only their number is told."""

LOST = "lines of the log are lost"

GATHER_SECONDS = 0.05
"""So long lines are gathered before they are written."""

FORMATTERS = (JsonFormatter, LineFormatter)

AT_ONCE = 50
"""Lines in one write: meanwhile nothing else of this process may run."""


class LogQueue(logging.Handler):
    """In front of a handler that writes. What was logged before it is closed is written then."""

    def __init__(self, writes: "logging.StreamHandler[Any]") -> None:
        super().__init__()
        self._writes = writes
        self._waiting = deque[logging.LogRecord]()
        self._lost = 0
        self._some = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def createLock(self) -> None:  # noqa: N802
        # Appending to a deque needs none.
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._waiting) >= MOST:
            self._lost += 1
            return
        if identifier := trace_id():
            # Nobody knows it in the other thread.
            setattr(record, TRACE, identifier)
        self._waiting.append(record)
        if not self._some.is_set():
            self._some.set()

    def close(self) -> None:
        self._closing.set()
        self._some.set()
        self._thread.join()
        super().close()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(GATHER_SECONDS)
            self._some.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            self._put(batch)
        if self._lost:
            lost, self._lost = self._lost, 0
            told = {"name": __name__, "levelname": "WARNING", "msg": LOST, "lines": lost}
            self._put([logging.makeLogRecord(told)])

    def _put(self, records: list[logging.LogRecord]) -> None:
        lines = [line for record in records if (line := self._line(record)) is not None]
        try:
            self._writes.stream.write("".join(f"{line}\n" for line in lines))
            self._writes.flush()
        except Exception:  # noqa: BLE001 - as logging has it: no line ends the work it is about
            self._writes.handleError(records[0])

    def _line(self, record: logging.LogRecord) -> str | None:
        try:
            return self._writes.format(record)
        except Exception:  # noqa: BLE001 - as above
            self._writes.handleError(record)
            return None


@contextmanager
def queued() -> Generator[None]:
    """Within, lines go through a queue to where `set_up_logging` sends them; at the end all of them
    are written. What must not be in the log must be known to the end (`redacted_by`).
    """
    root = logging.getLogger()
    ours = [each for each in root.handlers if isinstance(each.formatter, FORMATTERS)]
    queues = [LogQueue(cast("logging.StreamHandler[Any]", each)) for each in ours]
    if not queues:
        yield
        return
    before = list(root.handlers)
    root.handlers[:] = [*(each for each in before if each not in ours), *queues]
    try:
        yield
    finally:
        root.handlers[:] = before
        for queue in queues:
            queue.close()
