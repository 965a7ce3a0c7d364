"""One model after the other: the client sees one clean answer, or one error."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.told_model import (
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

from bedplate.domain.chat import Finished, TextDelta, Usage
from bedplate.errors import (
    BedplateError,
    Busy,
    ContextOverflow,
    InvalidInput,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from bedplate.models.fallback import Fallback, Member
from bedplate.models.protocol import Bound


def down(status: int | None = 503) -> UpstreamError:
    return UpstreamError("down", provider="p", status=status)


def too_long() -> ContextOverflow:
    return ContextOverflow("too long", tokens=9, limit=8)


def chain(*models: ToldModel) -> Fallback:
    return Fallback("chain", [Member(model.name, model) for model in models])


@pytest.mark.parametrize(
    "error",
    [
        down(),
        down(None),
        down(200),
        down(307),
        down(401),
        down(404),
        UpstreamTimeout("late", provider="p"),
        UpstreamRateLimited("slow down", provider="p"),
        Busy("full"),
        too_long(),
    ],
)
async def test_the_next_model_answers_where_one_fails_before_its_answer(
    error: BedplateError,
) -> None:
    text, end = await heard(chain(told("a", fails(error)), told("b", says("From b."))))

    assert text == "From b."
    [note] = end.notes
    assert (note.kind, note.model) == ("fallback", "a")
    assert note.reason.startswith(error.code)


@pytest.mark.parametrize("error", [down(400), InvalidInput("no such field")])
async def test_a_request_that_was_refused_itself_is_not_passed_on(error: BedplateError) -> None:
    second = told("b", says("From b."))

    with pytest.raises(type(error)):
        await heard(chain(told("a", fails(error)), second))

    assert not second.requests


async def test_text_that_was_sent_is_never_continued_by_another_model() -> None:
    second = told("b", says("From b."))

    seen, error = await broken_off(chain(told("a", fails(down(), "Half a")), second))

    assert isinstance(error, UpstreamError)
    assert "down" in error.message
    assert seen == [TextDelta("Half a")]
    assert not second.requests


async def test_where_all_fail_the_error_that_may_pass_is_raised() -> None:
    with pytest.raises(UpstreamError) as caught:
        await heard(chain(told("a", fails(down(401))), told("b", fails(down(502)))))

    assert caught.value.status == 502


async def test_no_further_model_is_asked_after_the_deadline() -> None:
    second = told("b", says("From b."))
    past = asyncio.get_running_loop().time() - 1.0

    with pytest.raises(UpstreamTimeout):
        await heard(
            chain(told("a", fails(UpstreamTimeout("late", provider="p"))), second),
            question(deadline=past),
        )

    assert not second.requests


async def test_what_failed_calls_used_is_added_to_the_cost() -> None:
    spent = UpstreamError("down", provider="p", usage=Usage(1, 1, cost_usd=Decimal("0.2")))

    _, end = await heard(chain(told("a", fails(spent)), told("b", says("Fine."))))

    assert end.usage.cost_usd == COST + Decimal("0.2")


async def test_the_bound_is_that_of_the_dearest_and_unknown_where_one_is() -> None:
    class Dear(ToldModel):
        def bound(self, request: object) -> Bound:
            return Bound(50, Decimal(3))

    class Unpriced(ToldModel):
        def bound(self, request: object) -> Bound:
            return Bound(7, None)

    models = [told("a", says("x")), Dear("b", [says("x")])]
    assert chain(*models).bound(question()) == Bound(100, Decimal(3))
    assert chain(*models, Unpriced("c", [says("x")])).bound(question()) == Bound(100, None)


ERRORS = st.sampled_from(
    [down(), down(400), down(401), too_long(), InvalidInput("no"), Busy("full")]
)


@st.composite
def outcomes(draw: st.DrawFn, name: str) -> Outcome:
    pieces = [f"<{name}{at}>" for at in range(draw(st.integers(0, 3)))]
    error = draw(st.none() | ERRORS)
    return says(*pieces) if error is None else fails(error, *pieces)


CHAINS = st.integers(1, 5).flatmap(
    lambda size: st.tuples(*(outcomes(name="abcde"[at]) for at in range(size)))
)


@given(CHAINS)
async def test_any_pattern_of_failures_gives_one_clean_answer_or_one_error(
    pattern: Sequence[Outcome],
) -> None:
    models = [told("abcde"[at], outcome) for at, outcome in enumerate(pattern)]
    text, end, error = "", None, None

    try:
        async for event in chain(*models).stream(question()):
            assert end is None, "nothing follows the end"
            if isinstance(event, Finished):
                end = event
            elif isinstance(event, TextDelta):
                text += event.text
    except BedplateError as raised:
        error = raised

    assert (end is None) != (error is None)
    authors = {piece for piece in "abcde" if f"<{piece}" in text}
    assert len(authors) <= 1, "two answers were joined"
    if end is not None:
        assert text == "".join(
            event.text
            for event in pattern["abcde".index(end.model)].events
            if isinstance(event, TextDelta)
        )
        assert [note.model for note in end.notes] == list("abcde"[: "abcde".index(end.model)])
    assert all(model.active == 0 for model in models)
