"""What the overlap judge takes as support, and what it flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fixtures.judging import opened_judge, passage

from bedplate.judges.protocol import Case

POLICY = (
    "Umbrellas may be returned within 30 days of purchase. Refunds are paid to the original card. "
    "Opened tents cannot be returned. The shop in Bergen opened in 1998."
)
CARE = "Wash the trench coat at 40 degrees and do not tumble dry it."


SOURCES = [passage(1, POLICY), passage(2, CARE)]


async def check(answer, passages=SOURCES, question="", **options):
    async with opened_judge("overlap", **options) as judge:
        return await judge.check(Case(question, tuple(passages)), answer)


async def test_a_sentence_quoted_word_for_word_scores_one():
    got = await check("Refunds are paid to the original card. [1]")
    assert (got.score, got.verdict) == (1.0, "supported")
    assert [claim.text for claim in got.claims] == ["Refunds are paid to the original card."]


async def test_a_paraphrase_near_the_source_is_supported():
    got = await check("A customer can return an umbrella within 30 days [1].")
    assert got.verdict == "supported"
    assert 0.5 <= got.score < 1


@pytest.mark.parametrize(
    "answer",
    [
        "Umbrellas may be returned within 60 days of purchase [1].",
        "Kayaks ship for free from our Norwegian warehouse [1].",
        "Refunds are paid to the original card [2].",
    ],
)
async def test_a_wrong_number_a_new_fact_or_a_wrong_source_is_flagged(answer):
    got = await check(answer)
    assert got.verdict == "unsupported"
    assert not got.claims[0].supported


async def test_a_turned_negation_scores_lower():
    kept = await check("An opened tent cannot be returned [1].")
    turned = await check("An opened tent can be returned [1].")
    assert turned.score < kept.score


async def test_an_unknown_name_scores_lower():
    known = await check("A shop opened in Bergen [1].")
    unknown = await check("A shop opened in Tromso [1].")
    assert unknown.score < known.score


async def test_the_weakest_claim_decides():
    got = await check("Refunds are paid to the original card. [1] Shipping takes 9 weeks. [1]")
    assert [claim.supported for claim in got.claims] == [True, False]
    assert got.verdict == "unsupported"
    assert got.score == min(claim.score for claim in got.claims)


@pytest.mark.parametrize("marker", ["", " [9]"])
async def test_a_claim_without_a_marker_that_resolves_is_checked_against_every_passage(marker):
    got = await check(f"Do not tumble dry it{marker}.")
    assert got.verdict == "supported"


async def test_several_markers_offer_several_sources():
    got = await check("Wash the trench coat at 40 degrees [1, 2].")
    assert got.score == 1.0


async def test_title_and_heading_count_as_said_by_the_passage():
    titled = [passage(1, "Returned within 30 days.", "Umbrellas", "Refunds")]
    plain = [passage(1, "Returned within 30 days.")]
    claim = "Umbrellas: refunds when returned in 30 days [1]."
    assert (await check(claim, titled)).score > (await check(claim, plain)).score


async def test_words_of_the_question_weigh_less():
    claim = "The delivery surcharge is paid to the original card [1]."
    asked = await check(claim, question="How is the delivery surcharge paid?")
    assert asked.score > (await check(claim)).score


@pytest.mark.parametrize("answer", ["", "  \n", "[1]", "... !"])
async def test_an_answer_without_claims_is_unchecked(answer):
    got = await check(answer)
    assert (got.verdict, got.claims) == ("unchecked", ())


async def test_claims_without_any_passage_are_unsupported():
    assert (await check("Refunds take 3 days.", [])).verdict == "unsupported"


async def test_the_threshold_is_an_option_within_bounds():
    claim = "A customer can return an umbrella within 30 days [1]."
    assert (await check(claim, threshold=0.99)).verdict == "unsupported"
    with pytest.raises(ValidationError):
        await check(claim, threshold=2)


@given(st.text(), st.text())
async def test_scores_stay_between_zero_and_one_whatever_the_text(answer, source):
    got = await check(answer, [passage(1, source)])
    assert 0 <= got.score <= 1
    assert all(0 <= claim.score <= 1 and claim.text for claim in got.claims)


async def test_a_hostile_answer_is_worked_through():
    for unit in (" ", ".", "[1]", ". [1]", "(", "a. "):
        got = await check(unit * 60_000, [passage(1, unit * 2_000)])
        assert 0 <= got.score <= 1
