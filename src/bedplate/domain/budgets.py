"""Budgets and rate limits: how much of what, for whom, in which time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from bedplate.domain.ids import TenantId
from bedplate.domain.money import from_micro

Kind = Literal["tenant", "key", "assistant", "run", "model"]
Unit = Literal["usd", "tokens", "requests"]
Period = Literal["minute", "day", "month", "total"]

EVERYONE = TenantId("")
"""Stands for all tenants together."""

EACH = "*"
"""As a name: every one of that kind, each with an amount of its own."""

SHARED = frozenset[Kind]({"assistant", "model"})
"""What tenants may have together; a key and a run belong to one tenant."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a limit is for. Of EVERYONE, an assistant or model is limited over all tenants."""

    kind: Kind
    name: str
    tenant: TenantId = EVERYONE

    def __str__(self) -> str:
        if self.name == EACH:
            return f"each {self.kind}"
        return f"{self.kind} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted, in which time. Days and months are those of UTC; "minute" is a rate."""

    unit: Unit
    period: Period

    @property
    def name(self) -> str:
        """As settings and options spell it: "usd_day"."""
        return f"{self.unit}_{self.period}"


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("usd", "day"),
        Measure("usd", "month"),
        Measure("usd", "total"),
        Measure("tokens", "day"),
        Measure("tokens", "month"),
        Measure("tokens", "total"),
        Measure("requests", "minute"),
        Measure("tokens", "minute"),
    )
}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` of the measure: tokens, requests, or millionths of a dollar.

    `declared` ones stand in the configuration, the others in the database.
    """

    subject: Subject
    measure: Measure
    amount: int
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit and how far it is used: `spent` for good, `reserved` by calls under way.

    Both are None for EACH, and for a rate, whose `left` is what may be used at once. `renews_at` is
    the end of the period.
    """

    limit: Limit
    spent: int | None = None
    reserved: int | None = None
    left: int | None = None
    renews_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What calls came to, of one group: a day, a model, a key or an assistant; "" is none.

    `unpriced` counts the calls whose cost is not known; they are not in `cost_usd`.
    """

    group: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    unpriced: int


def shown_amount(unit: Unit, amount: int) -> str:
    """For people: "0.25 USD", "1,000 tokens"."""
    if unit == "usd":
        return f"{from_micro(amount).normalize():f} USD"
    return f"{amount:,} {unit}"
