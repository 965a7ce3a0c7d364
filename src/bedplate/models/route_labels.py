"""A user's prompts with how well both models did on them, as lines of JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedplate.errors import InvalidInput
from bedplate.models.labelled_lines import labelled_lines

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
    rows = [
        _row(number, fields)
        for number, fields in labelled_lines(path, FORM)
        # What `bedplate calibrate compare` writes in place of a prompt that it could not grade.
        if "prompt" in fields or "error" not in fields
    ]
    return Labels([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


def _row(number: int, fields: dict[str, Any]) -> tuple[str, float, float]:
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
    if "small" not in fields:
        raise InvalidInput(
            f'Line {number} says neither how well the small model did ("small") nor which one is '
            f'wanted ("tier"), like {FORM}.',
            param="small",
        )
    large = fields.get("large", 1.0)
    return prompt, _graded(number, "small", fields.get("small")), _graded(number, "large", large)


def _graded(number: int, name: str, value: object) -> float:
    if isinstance(value, bool | int | float) and math.isfinite(value) and 0 <= value <= 1:
        return float(value)
    raise InvalidInput(
        f'Line {number}: "{name}" must be true, false or from 0 to 1, not {value!r}.', param=name
    )
