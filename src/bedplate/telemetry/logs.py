"""Logging set-up: one line a record on stderr, its fields as key=value."""

import logging
import sys

from bedplate.telemetry.trace import trace_id

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Time, level, logger, message, then the record's own fields. Nothing else is added."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _KNOWN}
        if identifier := trace_id():
            fields["trace_id"] = identifier
        line = super().format(record)
        return line + "".join(f" {name}={value!r}" for name, value in fields.items())


def set_up_logging(level: str = "INFO") -> None:
    """Send the log to stderr. Called once, by the edge that owns the process."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(logging.WARNING)
    logging.getLogger("bedplate").setLevel(level)
