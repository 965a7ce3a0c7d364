"""The score above which a request goes to the large model, so that a wanted share does."""

from collections import OrderedDict, deque
from math import floor

WINDOW = 512
TENANTS = 1_000
ENOUGH = 20


class RunningThreshold:
    """Per tenant, a quantile of its recent scores: a constant would give each another share.

    Keeps the last `WINDOW` scores of the `TENANTS` that asked last. Before a tenant has `ENOUGH`
    of them, `start` is its threshold.
    """

    def __init__(self, share: float, start: float) -> None:
        self._share = share
        self._start = start
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()

    def at(self, tenant: str, score: float) -> float:
        """The threshold for this score, which counts from now on; equal to it is not above it."""
        recent = self._recent.setdefault(tenant, deque(maxlen=WINDOW))
        self._recent.move_to_end(tenant)
        if len(self._recent) > TENANTS:
            self._recent.popitem(last=False)
        threshold = self._start
        if len(recent) >= ENOUGH:
            ranked = sorted(recent)
            place = floor((1 - self._share) * len(ranked))
            threshold = ranked[min(place, len(ranked) - 1)]
        recent.append(score)
        return threshold
