"""What every judge promises."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.judging import case, cut, opened_judge, passage
from tests.fixtures.tiny_cross_encoder import write_cross_encoder

from bedplate.judges.protocol import Case

SOURCES = case(
    "Tents are refunded within 30 days.\n\nOpened tents cannot be returned.",
    "Boots are waterproof.",
)
ANSWER = (
    "The shop says:\n- Tents are refunded within 30 days. [1]\n- Boots are waterproof. [2]\n\n"
    "Gift cards expire after 12 weeks [1][7]."
)


@pytest.fixture(scope="module", params=["evidence", "overlap", "llm", "nli"])
def judge(request, tmp_path_factory):
    """Opened once for all texts: the encoder takes a moment."""
    options = {}
    if request.param == "nli":
        folder = tmp_path_factory.mktemp("nli")
        write_cross_encoder(folder)
        options = {"folder": str(folder), "window": 64}
    opened = opened_judge(request.param, **options)
    with asyncio.Runner() as runner:
        yield runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


async def test_a_quotation_is_supported_and_an_invention_is_not(judge):
    good = await judge.check(SOURCES, "Tents are refunded within 30 days. [1]")
    bad = await judge.check(SOURCES, "Gift cards expire after 12 weeks. [1]")
    assert (good.verdict, bad.verdict) == ("supported", "unsupported")
    assert bad.score < good.score


@pytest.mark.parametrize("answer", ["", "  \n", "[1]", "... !", "```\nx = 1\n```", "What else?"])
async def test_an_answer_that_claims_nothing_is_unchecked(judge, answer):
    got = await judge.check(SOURCES, answer)
    assert (got.verdict, got.claims) == ("unchecked", ())


async def test_a_claim_says_where_it_stands_what_it_cites_and_what_carries_it(judge):
    got = await judge.check(SOURCES, ANSWER)
    assert [ANSWER[each.start : each.end] for each in got.claims] == [
        "Tents are refunded within 30 days. [1]",
        "Boots are waterproof. [2]",
        "Gift cards expire after 12 weeks [1][7].",
    ]
    assert [each.cited for each in got.claims] == [(1,), (2,), (1,)]
    assert [each.invalid for each in got.claims] == [(), (), (7,)]
    for claim, source in zip(got.claims, SOURCES.passages, strict=False):
        assert claim.evidence is not None
        assert claim.evidence.passage == source.number
        assert source.hit.text[claim.evidence.start : claim.evidence.end] == claim.evidence.text
    assert got.claims[1].evidence.text == "Boots are waterproof."


async def test_the_weakest_claim_decides(judge):
    got = await judge.check(SOURCES, ANSWER)
    assert [each.supported for each in got.claims] == [True, True, False]
    assert (got.verdict, got.score) == ("unsupported", min(each.score for each in got.claims))


async def test_a_claim_that_cites_the_wrong_passage_is_not_supported(judge):
    got = await judge.check(SOURCES, "Boots are waterproof. [1]")
    assert got.verdict == "unsupported"


async def test_the_judge_says_from_which_score_on_a_claim_is_supported(judge):
    found = await judge.check(SOURCES, ANSWER)
    assert found.claims
    assert 0 < judge.threshold <= 1
    for claim in found.claims:
        assert claim.supported == (claim.score >= judge.threshold)


async def test_without_passages_nothing_is_supported(judge):
    got = await judge.check(Case("", ()), "Refunds take 3 days. [1]")
    assert (got.verdict, got.score, got.claims[0].invalid) == ("unsupported", 0.0, (1,))


async def test_beyond_the_most_claims_an_answer_is_never_supported():
    async with opened_judge("overlap", most=3) as judge:
        got = await judge.check(SOURCES, "Boots are waterproof. [2] " * 5)
        fewer = await judge.check(SOURCES, "Boots are waterproof. [2] " * 3)
    assert (got.verdict, got.score, len(got.claims), got.unread) == ("failed", 0.0, 3, 2)
    assert "3 of 5" in got.reason
    assert fewer.verdict == "supported"


@pytest.mark.parametrize("sizes", [(1,), (3, 40), (9, 2, 17)])
async def test_an_answer_in_pieces_is_judged_as_the_whole(judge, sizes):
    hearing = judge.hear(SOURCES)
    heard = [claim for piece in cut(ANSWER, sizes) for claim in await hearing.push(piece)]
    ended = await hearing.finish()
    assert ended == await judge.check(SOURCES, ANSWER)
    assert tuple(heard) == ended.claims[: len(heard)]
    assert len(heard) >= 2


@settings(max_examples=25)
@given(answer=st.text(), source=st.text())
async def test_whatever_the_texts_the_scores_agree_with_the_verdict(judge, answer, source):
    got = await judge.check(Case("", (passage(1, source),)), answer)
    assert all(0 <= claim.score <= 1 and claim.text for claim in got.claims)
    if got.claims:
        assert got.score == min(claim.score for claim in got.claims)
        assert (got.verdict == "supported") == all(claim.supported for claim in got.claims)
    else:
        assert got.verdict == "unchecked"
