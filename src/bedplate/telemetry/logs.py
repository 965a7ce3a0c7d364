"""Logging set-up: one line a record on stderr, its fields as key=value."""

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import copy
from types import TracebackType

from bedplate.telemetry.trace import trace_id

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


Redact = Callable[[str], str]

_redacting: list[Redact] = []


@contextmanager
def redacted_by(redact: Redact) -> Generator[None]:
    """Within, every message, field and traceback of the log goes through `redact` first."""
    _redacting.append(redact)
    try:
        yield
    finally:
        _redacting.remove(redact)


def _redacted(text: str) -> str:
    for redact in tuple(_redacting):
        text = redact(text)
    return text


def _told(value: object) -> str:
    """A number is as it is: what it counts is in its field's name."""
    if isinstance(value, str):
        return repr(_redacted(value))
    return repr(value) if isinstance(value, int | float) else _redacted(repr(value))


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Time, level, logger, message, then the record's own fields. Nothing else is added."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _KNOWN}
        told = "".join(f" {name}={_told(value)}" for name, value in fields.items())
        identifier = trace_id()
        if identifier:
            identifier = f" trace_id={identifier!r}"
        # A copy without it, as a record remembers the text of its traceback.
        fresh = copy(record)
        fresh.exc_text = None
        return super().format(fresh) + told + identifier

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = _redacted(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802
        return _redacted(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _redacted(super().formatStack(stack_info))


def set_up_logging(level: str = "INFO") -> None:
    """Send the log to stderr. Called once, by the edge that owns the process."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(logging.WARNING)
    logging.getLogger("bedplate").setLevel(level)
