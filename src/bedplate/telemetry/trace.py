"""The trace id of the work in hand, per W3C Trace Context (https://www.w3.org/TR/trace-context/)."""

import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str] = ContextVar("trace_id", default="")


def trace_id() -> str:
    """32 hexadecimal digits; empty outside of any trace."""
    return _current.get()


@contextmanager
def trace(traceparent: str | None = None) -> Generator[str]:
    """Work under one trace: the one `traceparent` names, the one already there, or a new one."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    sent = match.group(1) if match and match.group(1) != "0" * 32 else ""
    identifier = sent or trace_id() or secrets.token_hex(16)
    outer = trace_id()
    _current.set(identifier)
    try:
        yield identifier
    finally:
        # Not reset(): a stream may be closed by another task than the one that began it.
        _current.set(outer)
