"""The score above which a request goes to the large model, so that a wanted share does."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from math import floor

from bedplate.models.route_rules import Tier

WINDOW = 512
TENANTS = 1_000
ENOUGH = 20
SEEN = 5
"""Calls of known cost of each model before a wanted cost is aimed at."""
PACE = 0.05
"""Weight of the newest call in the mean cost of a model."""


@dataclass(slots=True)
class Costs:
    """The running mean of what calls cost, in US dollars, the first SEEN of them alike."""

    mean: float = 0.0
    calls: int = 0

    def add(self, usd: Decimal) -> None:
        self.calls += 1
        self.mean += (float(usd) - self.mean) * max(PACE, 1 / self.calls)


@dataclass(slots=True)
class Tenant:
    scores: deque[float] = field(default_factory=lambda: deque[float](maxlen=WINDOW))
    small: Costs = field(default_factory=Costs)
    large: Costs = field(default_factory=Costs)


class RunningThreshold:
    """Per tenant, a quantile of its recent scores: a constant would give each another share.

    Keeps the last WINDOW scores of the TENANTS that asked last, in memory. A tenant with fewer than
    ENOUGH of them has 1 - share as its threshold, which is right for prompts like those that the
    scores were scaled with. `usd` is a wanted mean cost of a request: from the costs of both models
    follows the share. Until they are known, and without `usd`, it is `share`.
    """

    def __init__(self, share: float, usd: float | None = None) -> None:
        self._share = share
        self._usd = usd
        self._tenants: OrderedDict[str, Tenant] = OrderedDict()

    def at(self, tenant: str, score: float) -> float:
        """The threshold for this score, which counts from now on; equal to it is not above it."""
        own = self._of(tenant)
        share = self._wanted(own)
        threshold = 1 - share
        if share in (0, 1):
            # No quantile is below or above all scores.
            threshold = 1 - 2.0 * share
        elif len(own.scores) >= ENOUGH:
            ranked = sorted(own.scores)
            threshold = ranked[min(floor((1 - share) * len(ranked)), len(ranked) - 1)]
        own.scores.append(score)
        return threshold

    def share(self, tenant: str) -> float:
        """What is aimed at for this tenant's next request."""
        return self._wanted(self._of(tenant))

    def cost(self, tenant: str, tier: Tier, usd: Decimal) -> None:
        """Take note of what a call to one of the models cost."""
        own = self._of(tenant)
        (own.large if tier == "large" else own.small).add(usd)

    def _wanted(self, own: Tenant) -> float:
        if self._usd is None or min(own.small.calls, own.large.calls) < SEEN:
            return self._share
        small, large = own.small.mean, own.large.mean
        if large <= small:
            return 1.0 if large <= self._usd else self._share
        return min(1.0, max(0.0, (self._usd - small) / (large - small)))

    def _of(self, tenant: str) -> Tenant:
        own = self._tenants.setdefault(tenant, Tenant())
        self._tenants.move_to_end(tenant)
        if len(self._tenants) > TENANTS:
            self._tenants.popitem(last=False)
        return own
