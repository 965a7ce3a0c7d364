"""Thresholds of the injection guard that were measured on somebody's own harmless texts."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bedplate.domain.guard import TextKind
from bedplate.errors import ConfigError, InvalidInput

KINDS: tuple[TextKind, ...] = ("user", "document", "tool")
Levels = Mapping[TextKind, float]

LEAST = 50
"""Texts below which no rate is estimated."""

_Z = 1.959964
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True, slots=True)
class Level:
    """From `threshold` on a text is flagged; `flagged` of `texts` harmless ones are. `low` and `high`
    hold 95 % of the rates that such a count comes from.
    """

    threshold: float
    texts: int
    flagged: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.flagged / self.texts


def level(scores: Sequence[float], rate: float, kind: str) -> Level:
    """The lowest threshold at which no more than `rate` of these scores are flagged.

    Scores of 1 are flagged by every threshold, so that the rate may be missed.

    Raises:
        InvalidInput: too few scores to tell such a rate.
    """
    least = max(LEAST, math.ceil(1 / rate))
    if len(scores) < least:
        raise InvalidInput(
            f"{len(scores):,} texts of the kind {kind!r} are too few for a rate of {rate:g}: give at "
            f"least {least:,}, or a higher rate."
        )
    ordered = sorted(scores, reverse=True)
    first_left = ordered[min(int(rate * len(ordered)), len(ordered) - 1)]
    # Scores have four digits.
    threshold = min(1.0, round(math.floor(first_left * 10_000 + 1e-6) / 10_000 + 0.0001, 4))
    flagged = sum(score >= threshold for score in ordered)
    return Level(threshold, len(ordered), flagged, *_wilson(flagged, len(ordered)))


def write_levels(path: Path, levels: Mapping[str, Level], rate: float) -> None:
    """Add these kinds to a file, or make it; ConfigError where it is none or cannot be written."""
    known: dict[str, Any] = _kinds(path) if path.exists() else {}
    for kind, each in levels.items():
        known[kind] = {
            "threshold": each.threshold, "wanted": rate, "texts": each.texts,
            "flagged": each.flagged, "interval": [round(each.low, 5), round(each.high, 5)],
        }  # fmt: skip
    try:
        path.write_text(json.dumps({"injection": known}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def read_levels(path: Path) -> Levels:
    """The thresholds of a file by kind; ConfigError for one that holds none."""
    found: dict[TextKind, float] = {}
    for kind, each in _kinds(path).items():
        entry = cast("dict[str, Any]", each) if isinstance(each, dict) else {}
        threshold = entry.get("threshold")
        if kind not in KINDS or not isinstance(threshold, float | int) or not 0 < threshold <= 1:
            raise ConfigError(
                f"{str(path)!r}: {kind!r} has no threshold above 0 and at most 1; write the file "
                "anew with `bedplate calibrate injection`."
            )
        found[kind] = float(threshold)
    return found


def _kinds(path: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        kinds: Any = content["injection"]
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{str(path)!r} holds no thresholds of `bedplate calibrate injection`."
        ) from error
    if not isinstance(kinds, dict):
        raise ConfigError(f"{str(path)!r} holds no thresholds of `bedplate calibrate injection`.")
    return cast("dict[str, Any]", kinds)


def _wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's score interval (1927), which holds for rates near 0."""
    share = hits / count
    wide = 1 + _Z * _Z / count
    middle = (share + _Z * _Z / (2 * count)) / wide
    half = _Z * math.sqrt(share * (1 - share) / count + _Z * _Z / (4 * count * count)) / wide
    return max(0.0, middle - half), min(1.0, middle + half)
