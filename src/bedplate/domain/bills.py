"""What the model calls made for one request come to."""

from dataclasses import dataclass, field
from decimal import Decimal

from bedplate.domain.chat import Usage, added


@dataclass(slots=True)
class Bill:
    """Grows with every call; the cost is unknown from the first call on whose cost is."""

    usage: Usage = field(default=Usage(cost_usd=Decimal(0)))

    def add(self, call: Usage) -> None:
        self.usage = added(self.usage, call)
