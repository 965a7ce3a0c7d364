"""A second call where the first is slow to begin: one of them answers, the other is ended."""

import asyncio
from decimal import Decimal

import pytest
from tests.fixtures.serving import until
from tests.fixtures.told_model import (
    BOUND,
    COST,
    Outcome,
    ToldModel,
    broken_off,
    fails,
    heard,
    question,
    says,
    told,
)

from bedplate.domain.chat import TextDelta
from bedplate.errors import UpstreamError
from bedplate.models.hedge import Hedging
from bedplate.models.protocol import Bound


def down(status: int = 503) -> UpstreamError:
    return UpstreamError("down", provider="p", status=status)


def never() -> Outcome:
    return says("Never.", released=asyncio.Event())


def hedged(first: ToldModel, second: ToldModel, seconds: float = 0.005) -> Hedging:
    return Hedging("slow", first, second, seconds=seconds, second="quick")


async def test_a_call_that_begins_in_time_is_the_only_one() -> None:
    second = told("b", says("From b."))

    text, end = await heard(hedged(told("a", says("From ", "a.")), second, seconds=30.0))

    assert text == "From a."
    assert end.notes == ()
    assert end.usage.cost_usd == COST
    assert not second.requests


async def test_the_first_to_speak_answers_and_the_other_is_ended() -> None:
    first = told("a", never())

    text, end = await heard(hedged(first, told("b", says("From ", "b."))))

    assert text == "From b."
    assert first.active == 0
    [note] = end.notes
    assert (note.kind, note.model) == ("hedge", "quick")


async def test_the_call_that_lost_is_paid_for_with_its_bound() -> None:
    _, end = await heard(hedged(told("a", never()), told("b", says("x"))))

    assert end.usage.cost_usd == COST + BOUND
    assert end.usage.estimated
    assert end.usage.input_tokens == 10


async def test_the_bound_is_that_of_both_calls() -> None:
    both = hedged(told("a", says("x")), told("b", says("x"))).bound(question())

    assert both == Bound(200, 2 * BOUND)


async def test_a_second_call_that_fails_leaves_the_first_to_answer() -> None:
    release = asyncio.Event()
    first, second = told("a", says("From a.", released=release)), told("b", fails(down()))

    async with asyncio.TaskGroup() as group:
        answer = group.create_task(heard(hedged(first, second)))
        await until(lambda: second.requests)
        release.set()

    text, end = answer.result()
    assert text == "From a."
    assert end.usage.cost_usd == COST + Decimal(0)


async def test_where_both_fail_the_first_failure_is_raised() -> None:
    release = asyncio.Event()
    first = told("a", Outcome((), down(500), released=release))
    second = told("b", fails(down(502)))

    async with asyncio.TaskGroup() as group:

        async def ask() -> UpstreamError:
            with pytest.raises(UpstreamError) as caught:
                await heard(hedged(first, second))
            return caught.value

        answer = group.create_task(ask())
        await until(lambda: second.requests)
        release.set()

    assert answer.result().status == 500


async def test_a_failure_before_the_second_call_is_left_to_others() -> None:
    second = told("b", says("From b."))

    with pytest.raises(UpstreamError):
        await heard(hedged(told("a", fails(down())), second, seconds=30.0))

    assert not second.requests


async def test_a_failure_after_text_ends_the_answer() -> None:
    first, second = told("a", never()), told("b", fails(down(), "Half b"))

    seen, error = await broken_off(hedged(first, second))

    assert isinstance(error, UpstreamError)
    assert seen == [TextDelta("Half b")]
    assert first.active == second.active == 0


async def test_whoever_goes_away_ends_both_calls() -> None:
    first, second = told("a", never()), told("b", never())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await heard(hedged(first, second))

    assert len(second.requests) == 1
    assert first.active == second.active == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
