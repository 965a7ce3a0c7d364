"""What may enter the journal: JSON of a bounded size, as it will be read back."""

import json
from typing import cast

from bedplate.durable.protocol import JSON
from bedplate.errors import InvalidInput, TooLarge


def journalled(value: object, what: str, *, most: int) -> JSON:
    """`value` as the journal gives it back: tuples as lists, keys as text.

    Raises:
        InvalidInput: it is no JSON (NaN, bytes, objects, half of a surrogate pair).
        TooLarge: it is longer than `most` bytes.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} cannot be kept as JSON: {error}.") from error
    if size > most:
        raise TooLarge(
            f"{what} is {size:,} bytes of JSON; the journal takes {most:,}: keep the data where it "
            "belongs and journal where to find it."
        )
    return cast(JSON, json.loads(text))
