"""Exit codes: what each error means to a shell."""

from enum import IntEnum

from bedplate.errors import (
    BedplateError,
    Blocked,
    ConfigError,
    Conflict,
    InvalidInput,
    NotFound,
    UpstreamError,
)


class Exit(IntEnum):
    DONE = 0
    UNEXPECTED = 1
    BAD_INPUT = 2
    BLOCKED = 3
    PARTLY = 4
    UPSTREAM = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


_EXITS: tuple[tuple[type[BedplateError], Exit], ...] = (
    (ConfigError, Exit.BAD_INPUT),
    (InvalidInput, Exit.BAD_INPUT),
    (NotFound, Exit.BAD_INPUT),
    (Conflict, Exit.BAD_INPUT),
    (Blocked, Exit.BLOCKED),
    (UpstreamError, Exit.UPSTREAM),
    (BedplateError, Exit.UNEXPECTED),
)


def exit_of(error: BedplateError) -> Exit:
    return next(code for kind, code in _EXITS if isinstance(error, kind))


def exit_of_batch(done: int, failed: int, first: Exit) -> Exit:
    """Of work in parts: PARTLY when some of it was done, `first` failure's code when none was."""
    if not failed:
        return Exit.DONE
    return Exit.PARTLY if done else first
