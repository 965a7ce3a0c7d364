"""What model calls used, line by line, and how that compares with what providers say."""

from dataclasses import dataclass
from decimal import Decimal

from bedplate.domain.ids import TenantId


@dataclass(frozen=True, slots=True)
class UsageLine:
    """Calls of one day (UTC), tenant, key, assistant and model; "" is no key or no assistant.

    `unpriced` calls have no known cost and are not in `cost_usd`; of `estimated` ones the provider
    reported no tokens.
    """

    day: str
    tenant: TenantId
    key: str
    assistant: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: Decimal
    unpriced: int
    estimated: int


@dataclass(frozen=True, slots=True)
class BilledUsage:
    """What a provider says of one day and one of its models; None where it says nothing."""

    day: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Ours beside the provider's. A share is (ours - theirs) / theirs, None where it has none: it
    says nothing, or says 0 and we do not.
    """

    day: str
    model: str
    requests: int
    estimated: int
    unpriced: int
    ours: BilledUsage
    theirs: BilledUsage

    @property
    def input_share(self) -> float | None:
        return _share(self.ours.input_tokens, self.theirs.input_tokens)

    @property
    def output_share(self) -> float | None:
        return _share(self.ours.output_tokens, self.theirs.output_tokens)

    @property
    def cost_share(self) -> float | None:
        return _share(self.ours.cost_usd, self.theirs.cost_usd)

    def exceeds(self, tolerance: float) -> bool:
        """Whether anything that the provider says differs by more than that share."""
        pairs = (
            (self.ours.input_tokens, self.theirs.input_tokens),
            (self.ours.output_tokens, self.theirs.output_tokens),
            (self.ours.cost_usd, self.theirs.cost_usd),
        )
        return any(
            theirs is not None and abs((ours or 0) - theirs) > Decimal(str(tolerance)) * theirs
            for ours, theirs in pairs
        )


def _share(ours: int | Decimal | None, theirs: int | Decimal | None) -> float | None:
    if theirs is None:
        return None
    if not theirs:
        return None if ours else 0.0
    return float(((ours or 0) - theirs) / Decimal(theirs))
