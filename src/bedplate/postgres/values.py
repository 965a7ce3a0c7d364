"""Values as the catalog's tables hold them, so that they compare as they do everywhere else."""

import hashlib
from decimal import Decimal

from bedplate.domain.documents import Scalar
from bedplate.domain.filters import FieldKind

PREFIX = 200
"""Characters of a text value that are indexed; the rest is compared in the row."""


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL's text cannot hold; offsets stay as they are."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def clean_or_none(text: str | None) -> str | None:
    return None if text is None else clean(text)


def digest(name: str) -> bytes:
    """Stands for a field's name in an index, whose entries are short."""
    return hashlib.sha256(clean(name).encode()).digest()


def is_text(kind: FieldKind) -> bool:
    return kind in ("string", "date")


def exact(value: Scalar) -> Decimal:
    """A number or boolean, ordered as Python orders it: integers of 64 bits and floats alike.

    The shortest digits of a float that has a fraction lie between the same integers as the float.
    """
    if isinstance(value, float):
        if value.is_integer():
            return Decimal(int(value))
        return Decimal(repr(value))
    return Decimal(int(value))
