"""Where prices come from: the configuration, the bundled price list, or that nothing is paid."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
    """A model of the price list (genai_prices.types.ModelInfo)."""

    def get_prices(self, now: datetime, /) -> Any: ...


class Listed:
    """A price of genai-prices: with its tiers, and as it is at the time of the call.

    The sums are done here: the library takes half a millisecond for each.
    """

    def __init__(self, model: ModelInfo) -> None:
        self._model = model

    def of(self, usage: Usage, seconds: float) -> Decimal:
        cached = min(usage.cached_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        price, each = self._at(usage.input_tokens)
        return each + price.of(replace(usage, cached_tokens=cached, cache_write_tokens=written))

    def most(self, sent: int, made: int, seconds: float | None) -> Decimal | None:
        # A shorter prompt than feared may fall into another tier, which is rarely the dearer one.
        return max(self._most(sent, sent, made), self._most(1, sent, made))

    def _most(self, tier: int, sent: int, made: int) -> Decimal:
        price, each = self._at(tier)
        return each + price.dearest(sent, made)

    def _at(self, input_tokens: int) -> tuple[Price, Decimal]:
        """The tokens' price where the input has so many, and what every call costs besides."""
        prices = self._model.get_prices(datetime.now(UTC))

        def found(name: str) -> Decimal | None:
            return _in_tier(getattr(prices, name, None), input_tokens)

        output = found("output_mtok") or Decimal(0)
        price = Price(
            input=found("input_mtok") or Decimal(0),
            output=max(output, found("output_reasoning_mtok") or output),
            cached=found("cache_read_mtok"),
            cache_write=found("cache_write_mtok"),
        )
        return price, (found("requests_kcount") or Decimal(0)) / 1_000

    @property
    def by_tokens(self) -> bool:
        """Whether input and output have prices: some models are billed by the hour or the image."""
        prices = self._model.get_prices(datetime.now(UTC))
        names = ("input_mtok", "output_mtok")
        return all(getattr(prices, name, None) is not None for name in names)


def _in_tier(price: Any, input_tokens: int) -> Decimal | None:
    """Of a price with tiers the last one that the input goes beyond; it is for all tokens."""
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return price
    return next((t.price for t in reversed(tiers) if input_tokens > t.start), price.base)


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
        _, found = get_snapshot().find_provider_model(model, None, provider, address)
    except LookupError:
        return None
    price = Listed(found)
    return price if price.by_tokens else None
