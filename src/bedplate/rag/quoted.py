"""What goes into a prompt as data, and what of a model's reply may come out."""

import json
import unicodedata

from bedplate.errors import BedplateError

LONGEST_REASON = 300
_UNPRINTABLE = frozenset({"Cc", "Cs"})


def quoted(value: object) -> str:
    """`value` as JSON on one line that cannot end the frame around it: it holds no "<"."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def reason(error: BedplateError) -> str:
    """Why a model's reply was not used, short enough for a response and a log line."""
    line = " ".join(error.message.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."


def is_printable(text: str) -> bool:
    """Whether it holds neither control characters nor halves of surrogate pairs."""
    return not any(unicodedata.category(character) in _UNPRINTABLE for character in text)
