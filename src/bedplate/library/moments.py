"""The wall clock as OpenAI's clients read it."""

import time


def now() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())
