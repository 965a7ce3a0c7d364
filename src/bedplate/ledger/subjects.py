"""What a limit may be for, and how large it may be."""

import re
from collections.abc import Mapping

from bedplate.domain.budgets import Measure, Subject, shown_amount
from bedplate.errors import InvalidInput

MOST: Mapping[str, int] = {"usd": 10**15, "tokens": 10**15, "requests": 10**9}
"""A thousand million dollars; beyond it somebody mistook the unit."""

NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")


def check_subject(subject: Subject) -> None:
    """InvalidInput for a name that nothing can have."""
    if not NAME.fullmatch(subject.name):
        raise InvalidInput(
            f"{subject.name!r} is no name of a {subject.kind}: it must have 1 to 200 characters "
            "and no spaces.",
            param="name",
        )


def check_amount(measure: Measure, amount: int) -> None:
    """InvalidInput for an amount that is negative, or beyond any sense."""
    least = 1 if measure.period == "minute" else 0
    if not least <= amount <= MOST[measure.unit]:
        raise InvalidInput(
            f"{measure.name} is {shown_amount(measure.unit, amount)}; it must be between "
            f"{shown_amount(measure.unit, least)} and "
            f"{shown_amount(measure.unit, MOST[measure.unit])}.",
            param=measure.name,
        )
