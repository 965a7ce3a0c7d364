"""Metadata as the catalog indexes it: one typed value a row."""

import math
from collections.abc import Sequence
from typing import cast

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.filters import FieldKind, kind_of, normalise_date


def field_values(metadata: Metadata) -> list[tuple[str, FieldKind, Scalar]]:
    """Name, kind and value of all that can be compared; a list gives several, null and NaN none."""
    rows: list[tuple[str, FieldKind, Scalar]] = []
    for name, value in metadata.items():
        members = cast(Sequence[Scalar], value if isinstance(value, list | tuple) else [value])
        rows.extend((name, *_indexed(member)) for member in members if _is_indexable(member))
    return rows


def _is_indexable(value: Scalar | None) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _indexed(value: Scalar) -> tuple[FieldKind, Scalar]:
    kind = kind_of(value)
    if isinstance(value, str):
        return kind, normalise_date(value) or value
    # SQL's integers have 64 bits; a larger one is compared as the nearest float, everywhere.
    return kind, float(value) if abs(value) >= 2**63 else value
