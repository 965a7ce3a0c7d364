"""A user's prompts with how well both models did on them, as lines of JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bedplate.errors import InvalidInput

MOST_BYTES = 256 * 1024 * 1024
MOST_ROWS = 100_000
FORM = '{"prompt": "...", "small": 0.4, "large": 1}'


@dataclass(frozen=True, slots=True)
class Labels:
    """`small` and `large` say for each prompt how well that model did, 0 to 1."""

    prompts: Sequence[str]
    small: Sequence[float]
    large: Sequence[float]


def read_labels(path: Path) -> Labels:
    """Lines of {"prompt", "small", "large"}: true, false, or from 0 to 1.

    Without `large` the large model is taken to have done well. {"prompt", "tier": "large"} says that
    only the large model does well, "small" that both do. InvalidInput names the first bad line.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    if size > MOST_BYTES:
        raise InvalidInput(f"{str(path)!r} has {size:,} bytes; at most {MOST_BYTES:,} are read.")
    rows: list[tuple[str, float, float]] = []
    # Not splitlines(): a prompt may hold other line ends than "\n".
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            rows.append(_row(number, line))
        if len(rows) > MOST_ROWS:
            raise InvalidInput(f"{str(path)!r} has more than {MOST_ROWS:,} lines.")
    return Labels([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


def _row(number: int, line: bytes) -> tuple[str, float, float]:
    try:
        value: object = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"Line {number} is not valid JSON in UTF-8, like {FORM}.") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"Line {number} is not an object like {FORM}.")
    fields = cast(dict[str, Any], value)
    prompt, tier = fields.get("prompt"), fields.get("tier")
    if not isinstance(prompt, str):
        raise InvalidInput(f'Line {number}: "prompt" must be text.', param="prompt")
    if tier is not None:
        if tier not in ("small", "large") or "small" in fields or "large" in fields:
            raise InvalidInput(
                f'Line {number}: "tier" must be "small" or "large", without further labels.',
                param="tier",
            )
        return prompt, float(tier == "small"), 1.0
    large = fields.get("large", 1.0)
    return prompt, _graded(number, "small", fields.get("small")), _graded(number, "large", large)


def _graded(number: int, name: str, value: object) -> float:
    if isinstance(value, bool | int | float) and math.isfinite(value) and 0 <= value <= 1:
        return float(value)
    raise InvalidInput(
        f'Line {number}: "{name}" must be true, false or from 0 to 1, not {value!r}.', param=name
    )
