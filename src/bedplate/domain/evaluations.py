"""Online evaluation: what was answered, how it was judged, and the share that its sources do not carry."""

from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Literal

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Grounding, Support
from bedplate.domain.chat import Passage
from bedplate.domain.ids import TenantId

EvaluationGroup = Literal["day", "assistant", "model", "collection"]

Z = 1.959964
"""Of an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it left. `model` is the configured name; `grounded` what the answer's own check
    said of it.
    """

    question: str
    text: str
    passages: tuple[Passage, ...]
    grounded: Grounding
    model: str
    collections: tuple[str, ...]
    account: Account
    trace_id: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One answer's verdict. `judge` names what gave it."""

    id: str
    at: datetime
    tenant: TenantId
    model: str
    verdict: Support
    score: float
    judge: str
    assistant: str | None = None
    collections: tuple[str, ...] = ()
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class HallucinationRate:
    """The share of `unsupported` in `judged`, with its interval of 95 % from `low` to `high`.

    `group` is a day in UTC or a name, "" for none. `failed` answers could not be judged, and are not
    in `judged`. `rate` is None where nothing was judged.
    """

    group: str
    judged: int
    unsupported: int
    failed: int
    rate: float | None
    low: float
    high: float

    @staticmethod
    def of(group: str, judged: int, unsupported: int, failed: int) -> "HallucinationRate":
        low, high = wilson(unsupported, judged)
        rate = unsupported / judged if judged else None
        return HallucinationRate(group, judged, unsupported, failed, rate, low, high)


def wilson(found: int, of: int, z: float = Z) -> tuple[float, float]:
    """The score interval of a share (Wilson, 1927): sound for few trials and for none found; 0 to 1
    where there were no trials.
    """
    if not of:
        return 0.0, 1.0
    share, width = found / of, z * z / of
    centre = (share + width / 2) / (1 + width)
    half = z * sqrt(share * (1 - share) / of + width / (4 * of)) / (1 + width)
    return max(0.0, centre - half), min(1.0, centre + half)
