"""What a call may cost and what it did."""

from collections.abc import AsyncGenerator
from decimal import Decimal

from tests.fixtures.told_model import broken_off, fails, told

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, TextDelta, Usage
from bedplate.errors import UpstreamError
from bedplate.models.metered import Metered, Price

PRICE = Price(input=Decimal(3), output=Decimal(15), cached=Decimal("0.3"), cache_write=Decimal(4))
ASK = ChatRequest((Message("user", "x" * 300),), max_output_tokens=100)


class Says:
    name = "says"

    def __init__(self, usage: Usage) -> None:
        self._usage = usage

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        yield TextDelta(request.question[:1])
        yield Finished("stop", self._usage, "m")


async def cost(usage: Usage, price: Price | None) -> Decimal | None:
    events = [event async for event in Metered(Says(usage), price, output_tokens=9).stream(ASK)]
    assert isinstance(events[-1], Finished)
    return events[-1].usage.cost_usd


async def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(1_000, 200, cached_tokens=400, cache_write_tokens=100)
    # 500 x 3, 400 x 0.3, 100 x 4 and 200 x 15 a million.
    assert await cost(usage, PRICE) == Decimal("0.00502")


async def test_a_cost_that_the_provider_reports_stands() -> None:
    assert await cost(Usage(1, 1, cost_usd=Decimal(2)), PRICE) == Decimal(2)


async def test_without_a_price_the_cost_is_not_known() -> None:
    assert await cost(Usage(1, 1), None) is None
    assert Metered(Says(Usage()), None, output_tokens=9).bound(ASK).usd is None


async def test_what_a_failed_call_used_is_priced_too() -> None:
    spent = UpstreamError("down", provider="p", usage=Usage(1_000, 200))
    model = Metered(told("m", fails(spent)), PRICE, output_tokens=9)

    _, error = await broken_off(model, ASK)

    assert isinstance(error, UpstreamError)
    assert error.usage == Usage(1_000, 200, cost_usd=Decimal("0.006"))


async def test_the_bound_is_above_what_the_call_costs() -> None:
    bound = Metered(Says(Usage()), PRICE, output_tokens=9).bound(ASK)
    real = await cost(Usage(75, 100), PRICE)
    assert bound.usd is not None
    assert real is not None
    assert bound.usd >= real
    assert bound.tokens >= 175
