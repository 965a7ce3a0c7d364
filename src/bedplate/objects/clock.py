"""The wall clock, in the units of the tables."""

import time


def now() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())


def position() -> int:
    """Microseconds since 1970: where in a list something stands that is put there now."""
    return time.time_ns() // 1_000
