"""What the model calls made for one request come to."""

from dataclasses import dataclass, field
from decimal import Decimal

from bedplate.domain.chat import Usage


@dataclass(slots=True)
class Bill:
    """Grows with every call; the cost is unknown from the first call on whose cost is."""

    usage: Usage = field(default=Usage(cost_usd=Decimal(0)))

    def add(self, call: Usage) -> None:
        before = self.usage
        known = before.cost_usd is not None and call.cost_usd is not None
        self.usage = Usage(
            before.input_tokens + call.input_tokens,
            before.output_tokens + call.output_tokens,
            before.estimated or call.estimated,
            (before.cost_usd or Decimal(0)) + (call.cost_usd or Decimal(0)) if known else None,
            before.cached_tokens + call.cached_tokens,
            before.cache_write_tokens + call.cache_write_tokens,
            before.reasoning_tokens + call.reasoning_tokens,
        )
