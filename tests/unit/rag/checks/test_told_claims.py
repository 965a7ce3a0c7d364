"""Claims that are told of while their answer streams."""

import asyncio

import pytest
from tests.fixtures.checked import Answering

from bedplate.domain.answers import REFUSAL
from bedplate.errors import UpstreamTimeout

GOOD = "Boots cost 90 dollars [1]."
BAD = "Boots are from the moon [1]."
MIXED = f"{GOOD} {BAD} Hats are free [1]."


@pytest.mark.parametrize("release", ["after", "sentence"])
async def test_each_claim_is_told_once_in_order_and_as_the_answer_has_it(release: str) -> None:
    answering = Answering(MIXED, release=release, tell_claims=True)
    outcome = await answering.outcome()
    assert tuple(answering.told) == outcome.grounding.claims
    assert [each.supported for each in answering.told] == [True, False, True]
    assert [outcome.text[each.start : each.end] for each in answering.told] == [
        GOOD,
        BAD,
        "Hats are free [1].",
    ]


@pytest.mark.parametrize("release", ["after", "sentence"])
async def test_a_claim_is_told_before_the_text_has_ended(release: str) -> None:
    answering = Answering(MIXED, release=release, tell_claims=True)
    await answering.outcome()
    assert answering.order.index("c") < answering.order.rindex("t")
    assert answering.order.startswith("t")


@pytest.mark.parametrize("release", ["after", "sentence", "whole"])
async def test_nothing_is_told_unasked_and_whole_answers_tell_with_their_end(release: str) -> None:
    for asked in (False, release == "whole"):
        answering = Answering(MIXED, release=release, tell_claims=asked)
        await answering.outcome()
        assert answering.told == []


async def test_what_was_dropped_is_not_told_and_places_are_those_of_the_text_sent() -> None:
    answering = Answering(MIXED, below="drop", release="sentence", tell_claims=True)
    outcome = await answering.outcome()
    assert [outcome.text[each.start : each.end] for each in answering.told] == [
        GOOD,
        "Hats are free [1].",
    ]


async def test_a_slow_judge_holds_no_text_up() -> None:
    answering = Answering(f"A silence [1]. {GOOD}", tell_claims=True, seconds=0.05)
    outcome = await answering.outcome()
    assert outcome.text == f"A silence [1]. {GOOD}"
    assert (outcome.grounding.verdict, answering.told) == ("failed", [])
    assert outcome.checked.action == "annotated"


async def test_a_judge_that_breaks_midway_keeps_what_it_said_and_fails() -> None:
    answering = Answering(f"{GOOD} A crash [1]. Hats are free [1].", tell_claims=True)
    outcome = await answering.outcome()
    assert [each.text for each in answering.told] == ["Boots cost 90 dollars."]
    assert outcome.grounding.verdict == "failed"


async def test_the_requests_deadline_ends_a_hearing_too() -> None:
    with pytest.raises(UpstreamTimeout, match="not checked against its sources"):
        await Answering("A silence [1].", tell_claims=True, within=0.3).outcome()
    assert len(asyncio.all_tasks()) == 1


async def test_a_refusal_is_refused_though_its_claims_are_heard() -> None:
    answering = Answering(REFUSAL, tell_claims=True)
    outcome = await answering.outcome()
    assert (outcome.refused, outcome.grounding.verdict) == (True, "unchecked")
