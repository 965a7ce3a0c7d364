"""A call is repeated while nothing of its answer was seen, within limits."""

import asyncio
from decimal import Decimal

import pytest
from tests.fixtures.told_model import broken_off, fails, heard, question, says, told

from bedplate.domain.chat import Unseen, Usage
from bedplate.errors import (
    BedplateError,
    InvalidInput,
    Unavailable,
    UpstreamError,
    UpstreamRateLimited,
)
from bedplate.models.retry import Retrying
from bedplate.sections import RetryConfig

QUICK = RetryConfig(attempts=3, first_seconds=0.001, most_seconds=0.002)


def down(status: int | None = 503, **fields: object) -> UpstreamError:
    return UpstreamError("down", provider="p", status=status, **fields)  # type: ignore[arg-type]


def limited(seconds: float | None) -> UpstreamRateLimited:
    return UpstreamRateLimited("slow down", provider="p", retry_after=seconds)


async def test_a_failure_that_may_pass_is_repeated_and_noted() -> None:
    model = told("m", fails(down()), fails(down()), says("Fine."))

    text, end = await heard(Retrying("small", model, QUICK))

    assert text == "Fine."
    assert [(note.kind, note.model) for note in end.notes] == [("retry", "small")] * 2
    assert "down" in end.notes[0].reason


async def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    model = told("m", *(fails(down(500 + at)) for at in range(4)))

    with pytest.raises(UpstreamError) as caught:
        await heard(Retrying("small", model, QUICK))

    assert caught.value.status == 502
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    "error",
    [
        down(400),
        down(401),
        InvalidInput("no"),
        Unavailable("the breaker is open", retry_after=9.0),
        limited(60.0),
    ],
)
async def test_what_would_fail_again_is_not_repeated(error: BedplateError) -> None:
    model = told("m", fails(error), says("Fine."))

    with pytest.raises(type(error)):
        await heard(Retrying("small", model, QUICK))

    assert len(model.requests) == 1


async def test_a_whole_answer_that_was_being_made_is_not_made_again() -> None:
    for under_way, asked in ((True, 1), (False, 2)):
        model = told("m", fails(down()), says("Fine."), says("Fine."))
        seen = broken_off if under_way else heard
        await seen(
            Retrying("small", model, QUICK), question(unstreamed=Unseen(under_way=under_way))
        )
        assert len(model.requests) == asked


async def test_nothing_is_repeated_once_text_was_sent() -> None:
    model = told("m", fails(down(), "Half a"), says("whole"))

    seen, error = await broken_off(Retrying("small", model, QUICK))

    assert isinstance(error, UpstreamError)
    assert len(seen) == 1
    assert len(model.requests) == 1


async def test_pauses_grow_to_their_limit_and_lie_above_retry_after() -> None:
    asked: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.0

    settings = RetryConfig(attempts=5, first_seconds=1.0, most_seconds=3.0)
    model = told("m", *[fails(down())] * 3, fails(limited(0.02)), says("Fine."))
    clock = asyncio.get_running_loop().time
    started = clock()

    await heard(Retrying("small", model, settings, jitter=jitter))

    assert asked == [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 3.0)]
    assert clock() - started >= 0.019


async def test_a_pause_beyond_the_deadline_is_not_begun() -> None:
    settings = RetryConfig(attempts=3, first_seconds=50.0, most_seconds=50.0)
    model = told("m", fails(down()), says("Fine."))
    soon = asyncio.get_running_loop().time() + 5.0

    with pytest.raises(UpstreamError):
        await heard(
            Retrying("small", model, settings, jitter=lambda _, high: high),
            question(deadline=soon),
        )

    assert len(model.requests) == 1


async def test_what_failed_attempts_used_is_added() -> None:
    spent = Usage(7, 0, cost_usd=Decimal("0.02"))
    model = told("m", fails(down(usage=spent)), says("Fine."))

    _, end = await heard(Retrying("small", model, QUICK))

    assert end.usage.cost_usd == Decimal("0.03")
    assert end.usage.input_tokens == 17
    failing = told("m", fails(down(usage=spent)), fails(down(400, usage=spent)))
    with pytest.raises(UpstreamError) as caught:
        await heard(Retrying("small", failing, QUICK))
    assert caught.value.usage == Usage(14, 0, cost_usd=Decimal("0.04"))
