"""Where prices come from: the configuration, the bundled price list, or that nothing is paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bedplate.domain.chat import Usage
from bedplate.models.metered import Price, Pricing

FREE_ADAPTERS = frozenset({"quote", "scripted", "managed"})
"""They run in this process, or as its child: nobody is paid for a call."""

FREE = Price(Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class PerSecond:
    """What a machine of one's own costs while it works: US dollars a second of the call."""

    usd: Decimal

    def of(self, usage: Usage, seconds: float) -> Decimal:
        return self.usd * Decimal(str(max(0.0, seconds)))

    def most(self, sent: int, made: int, seconds: float | None) -> Decimal | None:
        return None if seconds is None else self.of(Usage(), seconds)


class ModelInfo(Protocol):
    """A model of the price list, with its provider (genai_prices.types.ModelInfo)."""

    def calc_price(self, usage: Any, provider: Any) -> Any: ...


class Listed:
    """A price of genai-prices: with its tiers, and what holds at the time of the call."""

    def __init__(self, model: ModelInfo, provider: Any) -> None:
        self._model = model
        self._provider = provider

    def of(self, usage: Usage, seconds: float) -> Decimal:
        cached = min(usage.cached_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        return self._price(usage.input_tokens, usage.output_tokens, cached, written)

    def most(self, sent: int, made: int, seconds: float | None) -> Decimal | None:
        return max(self._price(sent, made, 0, 0), self._price(sent, made, 0, sent))

    def _price(self, sent: int, made: int, cached: int, written: int) -> Decimal:
        from genai_prices import Usage as Counts  # noqa: PLC0415 - half a second, for paid models

        counts = Counts(
            input_tokens=sent,
            output_tokens=made,
            cache_read_tokens=cached,
            cache_write_tokens=written,
        )
        return Decimal(self._model.calc_price(counts, self._provider).total_price)


def price_of(use: str, options: Mapping[str, Any]) -> Pricing | None:
    """The price of a model by its adapter and options; None where none is known.

    The list is that of the installed genai-prices: nothing is fetched. A server is looked up by its
    address, so what stands behind a proxy has no known price; where the options give no address, by
    their `provider` or `preset`, or by the adapter's own name.
    """
    if use in FREE_ADAPTERS:
        return FREE
    model = options.get("model")
    if not isinstance(model, str) or not model:
        return None
    address = options.get("base_url")
    if address is not None:
        return listed(model, address=str(address))
    return listed(model, provider=str(options.get("provider") or options.get("preset") or use))


def listed(model: str, *, provider: str | None = None, address: str | None = None) -> Listed | None:
    """The list's price of a provider's model; the provider by its id, or by its API's address."""
    # Half a second, which a process without paid models need not spend.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    try:
        found = get_snapshot().find_provider_model(model, None, provider, address)
    except LookupError:
        return None
    return Listed(found[1], found[0])
