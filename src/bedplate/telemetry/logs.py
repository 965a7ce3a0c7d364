"""Logging set-up: one line a record on stderr, its fields as key=value or as JSON."""

import json
import logging
import sys
from copy import copy
from datetime import UTC, datetime
from types import TracebackType

from bedplate.telemetry.redacting import redacted, redacted_value
from bedplate.telemetry.trace import trace_id

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

TRACE = "trace_id"
_encode = json.JSONEncoder(default=str).encode

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Time, level, logger, message, then the record's own fields. Nothing else is added."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        # A copy without it, as a record remembers the text of its traceback.
        fresh = copy(record)
        fresh.exc_text = None
        line = super().format(fresh)
        return line + "".join(f" {name}={value!r}" for name, value in _fields(record).items())

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = redacted(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802
        return redacted(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return redacted(super().formatStack(stack_info))


class JsonFormatter(logging.Formatter):
    """The same as one JSON object a line: `time` (UTC), `level`, `logger`, `message`, the fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return _encode(line)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The record's own, and the trace, which a record that waited has with it."""
    fields = {
        name: redacted_value(value) for name, value in vars(record).items() if name not in _KNOWN
    }
    if TRACE not in fields and (identifier := trace_id()):
        fields[TRACE] = identifier
    return fields


def set_up_logging(level: str = "INFO", *, as_json: bool = False) -> None:
    """Send the log to stderr. Called once, by the edge that owns the process."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonFormatter() if as_json else LineFormatter())
    # No line shows them (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] as that page says
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(logging.WARNING)
    logging.getLogger("bedplate").setLevel(level)
