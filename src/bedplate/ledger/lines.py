"""What a reservation holds, as it is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bedplate.domain.budgets import Unit

Amounts = Mapping[Unit, int]


@dataclass(frozen=True, slots=True)
class Line:
    """What a reservation holds of one counter; `mark` is the period in which it was counted as spent."""

    counter: int
    unit: Unit
    period: str
    amount: int
    limit: int
    mark: int = 0


def dump(lines: Sequence[Line]) -> str:
    return json.dumps(
        [
            [each.counter, each.unit, each.period, each.amount, each.limit, each.mark]
            for each in lines
        ]
    )


def parse(text: str) -> list[Line]:
    return [
        Line(counter, unit, period, amount, limit, mark)
        for counter, unit, period, amount, limit, mark in cast(list[list[Any]], json.loads(text))
    ]
