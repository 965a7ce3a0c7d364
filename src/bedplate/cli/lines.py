"""A line of stdin as JSON."""

from __future__ import annotations

import json
from typing import Any

from bedplate.errors import InvalidInput


def read_json_line(raw: bytes, number: int, *, most: int) -> Any:
    """What the line holds.

    Raises:
        InvalidInput: it is longer than `most` bytes, or not JSON.
    """
    if len(raw) > most:
        raise InvalidInput(f"Line {number} has more than {most:,} bytes.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"Line {number} is not JSON: {error}.") from error
