"""What the contract of ledgers says of calls, limits and sums in few words."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import MEASURES, Limit, Standing, Subject
from bedplate.domain.chat import Usage
from bedplate.domain.ids import TenantId
from bedplate.domain.money import to_micro
from bedplate.ledger.protocol import Ledger, Reservation
from bedplate.models.protocol import Bound

T1, T2 = TenantId("t1"), TenantId("t2")
ACCOUNT = Account(T1)
TENANT = Subject("tenant", T1, T1)
DAY = MEASURES["usd_day"]
NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)


class Clock:
    """A wall clock that the test turns."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


def usd(amount: str, tokens: int = 10) -> Callable[[], Bound]:
    return lambda: Bound(tokens, Decimal(amount), tokens)


def used(cost: str | None, tokens: int = 10) -> Usage:
    return Usage(tokens, 0, cost_usd=None if cost is None else Decimal(cost))


def limit(subject: Subject, measure: str, amount: int | str) -> Limit:
    """Dollars are written as text."""
    whole = to_micro(Decimal(amount)) if isinstance(amount, str) else amount
    return Limit(subject, MEASURES[measure], whole, declared=True)


async def reserve(
    ledger: Ledger, amount: str, *, account: Account = ACCOUNT, model: str = "m", tokens: int = 10
) -> Reservation:
    """A reservation that must be made."""
    made = await ledger.reserve(account, model, usd(amount, tokens), seconds=60)
    assert made is not None
    return made


async def standing(ledger: Ledger, subject: Subject = TENANT, measure: str = "usd_day") -> Standing:
    found = await ledger.budgets.show(subject.tenant or T1, subject.kind, subject.name)
    return next(each for each in found if each.limit.measure == MEASURES[measure])


async def sums(
    ledger: Ledger, subject: Subject = TENANT, measure: str = "usd_day"
) -> tuple[int, int]:
    """What is spent and what is held, in millionths."""
    found = await standing(ledger, subject, measure)
    assert found.spent is not None
    assert found.reserved is not None
    return found.spent, found.reserved
