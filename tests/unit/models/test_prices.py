"""Where a price comes from. What the list says is that of the installed genai-prices."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage as Counts
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bedplate.config import ModelSlot
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, Usage
from bedplate.lineup import open_lineup
from bedplate.models.metered import Metered
from bedplate.models.prices import FREE, Listed, PerSecond, listed, price_of
from bedplate.models.protocol import MeteredModel
from bedplate.sections import PriceConfig

OPENAI = {"base_url": "https://api.openai.com/v1", "api_key": "k", "model": "gpt-4.1-mini"}
ASK = ChatRequest((Message("user", "x" * 300),), max_output_tokens=100)


class Says:
    name = "says"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        yield Finished("stop", Usage(1, 1), "m")


def of_list(model: str, **where: str) -> Listed:
    found = listed(model, **where)
    assert found is not None
    return found


def test_a_known_server_has_the_price_of_the_list() -> None:
    price = price_of("openai", OPENAI)
    assert isinstance(price, Listed)
    # 0.4, 1.6 and cached 0.1 US dollars a million tokens.
    assert price.of(Usage(1_000_000, 0), 1) == Decimal("0.4")
    assert price.of(Usage(0, 1_000_000), 1) == Decimal("1.6")
    assert price.of(Usage(1_000_000, 0, cached_tokens=1_000_000), 1) == Decimal("0.1")


def test_the_openai_adapter_without_an_address_is_openai() -> None:
    assert isinstance(price_of("openai", {"model": "gpt-4.1-mini"}), Listed)


@pytest.mark.parametrize(
    ("use", "options"),
    [
        ("openai", {"base_url": "http://127.0.0.1:11434/v1", "model": "gpt-4.1-mini"}),
        ("openai", {"base_url": "https://proxy.example/v1", "model": "gpt-4.1-mini"}),
        ("openai", {"base_url": "https://api.openai.com/v1", "model": "no-such-model"}),
        ("nobody", {"model": "gpt-4.1-mini"}),
        ("openai", {}),
    ],
)
def test_what_the_list_does_not_know_has_no_price(use: str, options: dict[str, Any]) -> None:
    assert price_of(use, options) is None


def test_what_runs_here_is_free() -> None:
    assert [price_of(use, {}) for use in ("quote", "scripted", "managed")] == [FREE] * 3


def test_an_adapter_or_a_provider_names_the_list_too() -> None:
    assert isinstance(price_of("anthropic", {"model": "claude-sonnet-4-5"}), Listed)
    for use, options in (
        ("anyllm", {"provider": "google", "model": "gemini-2.5-pro"}),
        ("openai", {"preset": "openai", "model": "gpt-4.1-mini"}),
        ("openai", {"preset": "groq", "model": "llama-3.3-70b-versatile"}),
    ):
        assert isinstance(price_of(use, options), Listed)
    assert price_of("openai", {"preset": "ollama", "model": "gpt-4.1-mini"}) is None


LISTED = [
    ("openai", "gpt-4.1-mini"),
    ("openai", "o3"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
    ("deepseek", "deepseek-chat"),
    ("mistral", "mistral-small-latest"),
    ("groq", "llama-3.3-70b-versatile"),
]


@settings(max_examples=40, deadline=None)
@given(
    which=st.sampled_from(LISTED),
    sent=st.integers(0, 1_000_000),
    made=st.integers(0, 100_000),
    shares=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_sums_are_those_of_the_library_and_within_the_bound(
    which: tuple[str, str], sent: int, made: int, shares: tuple[int, int]
) -> None:
    provider, model = which
    cached = sent * shares[0] // 100
    written = (sent - cached) * shares[1] // 100
    price = of_list(model, provider=provider)
    cost = price.of(Usage(sent, made, cached_tokens=cached, cache_write_tokens=written), 1)
    counts = Counts(
        input_tokens=sent,
        output_tokens=made,
        cache_read_tokens=cached,
        cache_write_tokens=written,
    )
    assert cost == calc_price(counts, model, provider_id=provider).total_price
    most = price.most(sent, made, None)
    assert most is not None
    assert cost <= most


def test_a_tier_makes_a_long_prompt_dearer_and_the_bound_knows() -> None:
    price = of_list("gemini-2.5-pro", provider="google")
    short, long = price.of(Usage(100_000, 0), 1), price.of(Usage(300_000, 0), 1)
    assert long > 3 * short
    most = price.most(300_000, 0, None)
    assert most is not None
    assert most >= long


def test_the_bound_holds_for_input_that_is_written_to_a_cache() -> None:
    price = of_list("claude-sonnet-4-5", provider="anthropic")
    written = price.of(Usage(10_000, 5, cache_write_tokens=10_000), 1)
    assert written > price.of(Usage(10_000, 5), 1)
    most = price.most(10_000, 5, None)
    assert most is not None
    assert most >= written


def test_counts_that_cannot_be_are_not_an_error() -> None:
    price = of_list("gpt-4.1-mini", provider="openai")
    assert price.of(Usage(10, 1, cached_tokens=500, cache_write_tokens=7), 1) > 0


async def test_looking_a_price_up_touches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a price was looked up on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    price = price_of("openai", OPENAI)
    assert price is not None
    price.of(Usage(1, 1), 1)


async def test_a_price_by_the_second_is_of_the_time_and_bounded_by_the_deadline() -> None:
    price = PerSecond(Decimal("0.5"))
    assert price.of(Usage(9, 9), 2.5) == Decimal("1.25")
    assert price.most(9, 9, None) is None
    model = Metered(Says(), price, output_tokens=9)
    assert model.bound(ASK).usd is None
    in_a_minute = ChatRequest(ASK.messages, deadline=asyncio.get_running_loop().time() + 60)
    most = model.bound(in_a_minute).usd
    assert most is not None
    assert 29 < most <= 30
    end = [event async for event in model.stream(in_a_minute)][-1]
    assert isinstance(end, Finished)
    assert end.usage.cost_usd is not None
    assert 0 <= end.usage.cost_usd < 1


async def lineup(**slot: Any) -> MeteredModel:
    async with open_lineup({"m": ModelSlot(**slot)}, embedder=None) as models:  # type: ignore[arg-type]
        return models["m"]


async def test_a_configured_price_wins_over_the_list() -> None:
    plain = await lineup(use="openai", **OPENAI)
    own = await lineup(use="openai", price={"input": 0, "output": 0}, **OPENAI)
    assert (plain.bound(ASK).usd or 0) > 0
    assert own.bound(ASK).usd == 0
    assert own.bound(ASK).output_tokens == 100


@pytest.mark.parametrize(
    ("price", "why"),
    [
        ({}, "needs input and output, or per_second"),
        ({"input": 1}, "needs input and output"),
        ({"input": 1, "output": 1, "per_second": 1}, "not both"),
        ({"per_second": -1}, "greater than or equal to 0"),
        ({"input": -1, "output": 1}, "greater than or equal to 0"),
        ({"input": "nan", "output": 1}, "finite"),
        ({"input": 10**7, "output": 1}, "less than or equal to 1000000"),
    ],
)
def test_absurd_prices_are_refused(price: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        PriceConfig.model_validate(price)
