"""A user's labelled rows: a file with one JSON object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from bedplate.errors import InvalidInput

MOST_BYTES = 256 * 1024 * 1024
MOST_ROWS = 100_000


def labelled_lines(path: Path, form: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line that is not empty, with its number; `form` is an example of one.

    Raises:
        InvalidInput: no file that can be read, too large a one, or a line that is no object.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    if size > MOST_BYTES:
        raise InvalidInput(f"{str(path)!r} has {size:,} bytes; at most {MOST_BYTES:,} are read.")
    rows = 0
    # Not splitlines(): a text may hold other line ends than "\n".
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        rows += 1
        if rows > MOST_ROWS:
            raise InvalidInput(f"{str(path)!r} has more than {MOST_ROWS:,} lines.")
        try:
            value: object = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"Line {number} is not valid JSON in UTF-8, like {form}.") from error
        if not isinstance(value, dict):
            raise InvalidInput(f"Line {number} is not an object like {form}.")
        yield number, cast(dict[str, Any], value)
