"""What is said of a call that a budget or a rate does not allow."""

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import EVERYONE, SHARED, shown_amount
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.errors import BudgetExceeded, PriceUnknown, RateLimited
from bedplate.ledger.counters import Counter
from bedplate.ledger.limits import Applied
from bedplate.ledger.periods import MINUTE, SECOND, ends, moment

HELD_SECONDS = 1.0
"""When to try again what calls under way leave no room for."""

RENEWALS = {"day": "a day", "month": "a month", "total": "in all"}


def over_budget(
    applied: Applied, counter: Counter, amount: int, account: Account, now: int
) -> BudgetExceeded:
    limit = applied.limit
    unit, period = limit.measure.unit, limit.measure.period
    budget = f"{applied.subject} ({limit.measure.name})"
    left = max(0, limit.amount - counter.spent - counter.reserved)
    held = limit.amount - counter.spent >= amount
    until = ends(period, counter.mark)
    said = f"The budget of {applied.subject} does not allow this call"
    if _may_see(applied, account):
        said = (
            f"{said}, which may use up to {shown_amount(unit, amount)}: it allows "
            f"{shown_amount(unit, limit.amount)} {RENEWALS[period]}, {shown_amount(unit, left)} is "
            f"left, and calls under way hold {shown_amount(unit, counter.reserved)}"
        )
    if amount > limit.amount:
        until, said = None, f"{said}. It never will: send less, or lower max_tokens."
    elif held:
        said = f"{said}. It may once those have ended."
    elif until is None:
        said = f"{said}. It does not renew: have it raised."
    else:
        said = f"{said}. It renews at {moment(until):%Y-%m-%dT%H:%M:%SZ}."
    wait = None if until is None else max(0.0, (until - now) / SECOND)
    return BudgetExceeded(
        said,
        budget=budget,
        left=left if _may_see(applied, account) else None,
        renews_at=None if until is None else moment(until),
        retry_after=HELD_SECONDS if held else wait,
        held=held,
    )


def too_fast(applied: Applied, amount: int, wait: int) -> RateLimited:
    limit = applied.limit
    unit = limit.measure.unit
    name = f"{applied.subject} ({limit.measure.name})"
    allowed = f"{applied.subject} is limited to {shown_amount(unit, limit.amount)} a minute"
    if amount > limit.amount:
        return RateLimited(
            f"{allowed}, and this call alone may use {shown_amount(unit, amount)}: send less, lower "
            "max_tokens, or have the limit raised.",
            limit=name,
            retry_after=None,
        )
    seconds = min(max(0, wait), MINUTE) / SECOND
    return RateLimited(f"{allowed}: try again in {seconds:.1f} s.", limit=name, retry_after=seconds)


def unpriced(model: str, applied: Applied) -> PriceUnknown:
    return PriceUnknown(
        f"No price is known for the model {model!r}, and the budget of {applied.subject} is in US "
        f"dollars: set [models.{model}.price] (zero for a model that costs nothing), or "
        'budgets.unknown_price = "warn" to let such calls pass uncounted.'
    )


def _may_see(applied: Applied, account: Account) -> bool:
    """A tenant is not told what others use of a budget that they share."""
    shared = applied.tenant == EVERYONE and applied.limit.subject.kind in SHARED
    return not shared or account.tenant == DEFAULT_TENANT
