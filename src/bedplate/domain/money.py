"""US dollars: `Decimal` where they are reckoned with, whole millionths where they are kept."""

from decimal import ROUND_CEILING, Decimal

MICRO = 1_000_000


def to_micro(usd: Decimal) -> int:
    """Millionths of a dollar, rounded up: what is kept is never less than what was spent."""
    return int((usd * MICRO).to_integral_value(ROUND_CEILING))


def from_micro(amount: int) -> Decimal:
    return Decimal(amount) / MICRO
