"""Asked for a whole answer, each layer does what it does to a stream."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

import pytest
from tests.fixtures.told_model import ToldModel, fails, question, says, told

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, Unseen, Usage
from bedplate.errors import (
    BedplateError,
    Busy,
    ContextOverflow,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from bedplate.models.breaker import Breaker
from bedplate.models.breaking import Breaking
from bedplate.models.concurrency import Queued
from bedplate.models.context import Fitting
from bedplate.models.metered import Metered, Price
from bedplate.models.protocol import MeteredModel, WholeModel
from bedplate.models.retry import Retrying
from bedplate.sections import BreakerConfig, ConcurrencyConfig, RetryConfig

QUICK = RetryConfig(attempts=3, first_seconds=0.001, most_seconds=0.001)
TWICE = BreakerConfig(failures=2, share=0.5, window_seconds=60.0, open_seconds=5.0)
PRICE = Price(Decimal(1), Decimal(2))


def down(status: int = 503) -> UpstreamError:
    return UpstreamError("down", provider="p", status=status)


def too_long() -> UpstreamError:
    return UpstreamError("no", provider="p", status=400, reason="context_length_exceeded")


LAYERS: dict[str, Callable[[ToldModel], MeteredModel]] = {
    "queued": lambda model: Queued("small", model, ConcurrencyConfig(calls=2)),
    "breaking": lambda model: Breaking(model, Breaker("x", TWICE)),
    "retrying": lambda model: Retrying("small", model, QUICK, jitter=lambda _low, high: high),
    "fitting": lambda model: Fitting("small", model, window=1_000, overflow="compact"),
    "metered": lambda model: Metered(model, PRICE, output_tokens=100),
}


async def answer(model: MeteredModel, request: ChatRequest) -> Sequence[ChatEvent]:
    return await cast(WholeModel, model).answer(request)


async def streamed(model: MeteredModel, request: ChatRequest) -> Sequence[ChatEvent]:
    return [event async for event in model.stream(request)]


def whole(**fields: object) -> ChatRequest:
    return question(unstreamed=Unseen(), **fields)


async def outcome(
    ask: Callable[[MeteredModel, ChatRequest], object], model: MeteredModel, request: ChatRequest
) -> object:
    try:
        return await ask(model, request)  # type: ignore[misc]
    except BedplateError as error:
        used = error.usage if isinstance(error, UpstreamError) else None
        return type(error), error.message, used


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "outcomes",
    [
        (says("Fine", "."),),
        (says(reason="length"),),
        (fails(down()), says("Fine.")),
        (fails(down(401)), says("Fine.")),
        (fails(down()), fails(down()), fails(down())),
        (fails(UpstreamError("down", provider="p", usage=Usage(1_000, 10))), says("Fine.")),
        (fails(UpstreamTimeout("late", provider="p")), says("Fine.")),
        (fails(too_long()), says("Fine.")),
        (fails(Unavailable("later")),),
    ],
    ids=range(9),
)
async def test_an_answer_is_what_its_stream_is(layer: str, outcomes: tuple[object, ...]) -> None:
    results: list[object] = []
    for ask in (answer, streamed):
        model = LAYERS[layer](told("m", *outcomes))  # type: ignore[arg-type]
        # The error is changed on its way.
        for each in outcomes:
            if (error := getattr(each, "error", None)) is not None and getattr(
                error, "usage", None
            ):
                error.usage = Usage(1_000, 10)
        results.append(await outcome(ask, model, whole()))
    assert results[0] == results[1]


async def test_a_whole_answer_that_was_under_way_is_not_asked_for_again() -> None:
    for under_way, asked in ((True, 1), (False, 2)):
        model = told("m", fails(down()), says("Fine."))
        request = question(unstreamed=Unseen(under_way=under_way))
        await outcome(answer, Retrying("small", model, QUICK), request)
        assert len(model.requests) == asked


async def test_failures_open_the_breaker_and_answers_do_not() -> None:
    breaker = Breaker("x", TWICE)
    for error in (down(), None, down(400), down(), down()):
        model = told("m", says("Fine.") if error is None else fails(error))
        await outcome(answer, Breaking(model, breaker), whole())
    assert breaker.health.state == "open"
    with pytest.raises(Unavailable):
        await answer(Breaking(told("m", says("Fine.")), breaker), whole())


@pytest.mark.parametrize(("under_way", "failures"), [(True, 0), (False, 1)])
async def test_a_deadline_too_near_for_a_whole_answer_says_nothing_of_the_endpoint(
    under_way: bool, failures: int
) -> None:
    breaker = Breaker("x", TWICE)
    deadline = asyncio.get_running_loop().time() + 0.01
    late = says("x", released=asyncio.Event())

    class Late(ToldModel):
        async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
            # As an adapter keeps the deadline.
            try:
                async with asyncio.timeout_at(deadline):
                    return await super().answer(request)
            except TimeoutError as error:
                raise UpstreamTimeout("late", provider="p") from error

    asked = question(deadline=deadline, unstreamed=Unseen(under_way=under_way))
    with pytest.raises(UpstreamTimeout):
        await answer(Breaking(Late("m", [late]), breaker), asked)
    assert breaker.health.failures == failures


async def test_a_call_that_is_given_up_gives_back_its_turn() -> None:
    model = told("m", says("x", released=asyncio.Event()), says("Fine."))
    queued = Queued("small", model, ConcurrencyConfig(calls=1, wait_seconds=0.01))
    task = asyncio.get_running_loop().create_task(answer(queued, whole()))
    while not model.active:  # noqa: ASYNC110 - it belongs to the code under test
        await asyncio.sleep(0)
    with pytest.raises(Busy):
        await answer(queued, whole())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await answer(queued, whole())) == 2


async def test_turns_are_left_out_once_where_the_provider_finds_it_too_long() -> None:
    said = ("user", "assistant", "user")
    talk = tuple(Message(role, "word " * 150) for role in said)  # type: ignore[arg-type]
    model = told("m", fails(too_long()), says("Fine."))
    fitting = Fitting("small", model, window=1_000, overflow="compact")
    end = (await answer(fitting, ChatRequest(talk, unstreamed=Unseen())))[-1]
    assert isinstance(end, Finished)
    assert [note.kind for note in end.notes] == ["context"]
    assert len(model.requests[1].messages) < 3

    again = told("m", fails(too_long()))
    with pytest.raises(ContextOverflow):
        await answer(Fitting("small", again, window=1_000, overflow="compact"), whole())


async def test_what_an_answer_and_a_failed_one_used_is_priced() -> None:
    end = (await answer(Metered(told("m", says("Fine.")), PRICE, output_tokens=9), whole()))[-1]
    assert isinstance(end, Finished)
    assert end.usage.cost_usd == Decimal("0.01")
    spent = UpstreamError("down", provider="p", usage=Usage(1_000_000, 500_000))
    with pytest.raises(UpstreamError) as raised:
        await answer(Metered(told("m", fails(spent)), PRICE, output_tokens=9), whole())
    assert raised.value.usage == Usage(1_000_000, 500_000, cost_usd=Decimal(2))
