"""What a tool gives, as the text that a model reads: text as it is, all else as JSON."""

from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def as_text(value: Any) -> str:
    """Dates, decimals, dataclasses and Pydantic models included; what has no JSON is told by `str`."""
    if isinstance(value, str):
        return value
    try:
        return to_json(value, fallback=str, inf_nan_mode="strings").decode()
    except (PydanticSerializationError, RecursionError, ValueError):
        return str(value)
