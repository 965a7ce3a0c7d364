"""What the log says, without what must not stand in it."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

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


def redacted(text: str) -> str:
    for redact in tuple(_redacting):
        text = redact(text)
    return text


def redacted_value(value: object) -> object:
    """The value of a field. A number stays: what it counts is in the field's name."""
    if not _redacting or value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list | tuple):
        return [redacted_value(each) for each in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        given = cast("Mapping[Any, Any]", value)
        return {redacted_value(name): redacted_value(each) for name, each in given.items()}
    return redacted(str(value))
