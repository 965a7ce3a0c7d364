"""Logging set-up: one line a record on stderr, its fields as key=value or as JSON."""

import json
import logging
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from types import TracebackType
from typing import cast

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


def _value(value: object) -> object:
    """The same for JSON, which keeps lists and objects."""
    match value:
        case None | int() | float():
            return value
        case list() | tuple():
            return [_value(each) for each in cast("Sequence[object]", value)]
        case dict():
            whole = cast("dict[object, object]", value)
            return {_redacted(str(name)): _value(each) for name, each in whole.items()}
        case _:
            return _redacted(str(value))


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Time, level, logger, message, then the record's own fields. Nothing else is added."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        told = "".join(f" {name}={_told(value)}" for name, value in _fields(record).items())
        told += "".join(f" {name}={value!r}" for name, value in _trace().items())
        # A copy without it, as a record remembers the text of its traceback.
        fresh = copy(record)
        fresh.exc_text = None
        return super().format(fresh) + told

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = _redacted(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802
        return _redacted(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _redacted(super().formatStack(stack_info))


class JsonFormatter(logging.Formatter):
    """The same as one JSON object a line: `time` (UTC), `level`, `logger`, `message`, the fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _redacted(record.getMessage()),
            **{name: _value(value) for name, value in _fields(record).items()},
            **_trace(),
        }
        if record.exc_info:
            line["exception"] = _redacted(self.formatException(record.exc_info))
        return json.dumps(line)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The record's own."""
    return {name: value for name, value in vars(record).items() if name not in _KNOWN}


def _trace() -> dict[str, str]:
    """As it is: to a guard it could look like a key."""
    identifier = trace_id()
    return {"trace_id": identifier} if identifier else {}


def set_up_logging(level: str = "INFO", *, as_json: bool = False) -> None:
    """Send the log to stderr. Called once, by the edge that owns the process."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonFormatter() if as_json else LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(logging.WARNING)
    logging.getLogger("bedplate").setLevel(level)
