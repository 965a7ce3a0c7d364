"""Written values to typed ones: when text is a number, and when it only looks like one."""

import math
import re
from collections.abc import Sequence

from bedplate.domain.documents import Scalar

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,3})?")
_CODE_NAME = re.compile(
    r"(?:^|[^a-z])(?:phone|telephone|tel|mobile|cell|fax|zip|zipcode|zip_code|postcode|plz|"
    r"isbn|issn|ean|upc|gtin|sku|iban|bic|ssn|account)(?:[^a-z]|$|_?(?:no|nr|number|code)$)"
)
_CODE_DIGITS = 10
_BOOLEANS = {"true": True, "false": False}
_ANSWERS = {"yes": True, "no": False}


def number(text: str) -> int | float | None:
    """The number that `text` is written as; None for "007", "+49 30", "1,5" and the like."""
    if not _NUMBER.fullmatch(text):
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else None


def scalar(text: str) -> Scalar | None:
    """One value as a person writes it in a file's head: quoted text, true, null, a number, text."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    lowered = text.lower()
    if lowered in {"", "null", "~"}:
        return None
    if lowered in _BOOLEANS:
        return _BOOLEANS[lowered]
    value = number(text)
    return text if value is None else value


def typed_column(name: str, cells: Sequence[str]) -> list[Scalar | None]:
    """A column's values, all of one kind: booleans, numbers, or text; an empty cell is None.

    A column of codes stays text though every cell is digits: one that its name gives away (phone,
    zip, isbn), or whose cells are all equally long with ten digits or more.
    """
    filled = [cell for cell in cells if cell]
    for words in (_BOOLEANS, _ANSWERS):
        if filled and all(cell.lower() in words for cell in filled):
            return [words[cell.lower()] if cell else None for cell in cells]
    if _are_codes(name, filled):
        return [cell or None for cell in cells]
    numbers = [number(cell) if cell else None for cell in cells]
    if any(cell and value is None for cell, value in zip(cells, numbers, strict=True)):
        return [cell or None for cell in cells]
    return list(numbers)


def _are_codes(name: str, filled: Sequence[str]) -> bool:
    if _CODE_NAME.search(name.strip().lower()):
        return True
    lengths = {len(cell) for cell in filled}
    return (
        len(filled) > 1
        and len(lengths) == 1
        and lengths.pop() >= _CODE_DIGITS
        and all(cell.isdigit() for cell in filled)
    )
