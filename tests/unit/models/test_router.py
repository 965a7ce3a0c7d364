"""The router sends each request to one of two models, and says why."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.told_model import ToldModel, heard, question, says, told

from bedplate.domain.chat import Note
from bedplate.domain.tools import ToolSpec
from bedplate.models.fallback import Member
from bedplate.models.protocol import Bound
from bedplate.models.route_features import NAMES, surface_features
from bedplate.models.route_head import shipped_head
from bedplate.models.route_threshold import ENOUGH, TENANTS, WINDOW, RunningThreshold
from bedplate.models.router import START, Router

HEAD = shipped_head()


def router(small: ToldModel, large: ToldModel, share: float = 0.3) -> Router:
    """One that takes a question as its own score."""
    return Router("r", Member("small", small), Member("large", large), share, float)


def pair() -> tuple[ToldModel, ToldModel]:
    return told("small", says("little")), told("large", says("much"))


@given(st.text())
def test_any_text_has_the_same_finite_features_and_a_score_from_0_to_1(prompt: str) -> None:
    features = surface_features(prompt)
    assert features.shape == (len(NAMES),)
    assert np.isfinite(features).all()
    assert (features == surface_features(prompt)).all()
    assert 0 <= HEAD.score(prompt) <= 1


def test_the_whole_length_of_a_long_prompt_counts() -> None:
    short, long = surface_features("word " * 4_000), surface_features("word " * 8_000)
    assert long[NAMES.index("characters")] > short[NAMES.index("characters")]
    assert long[NAMES.index("words")] == short[NAMES.index("words")]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_the_threshold_keeps_the_wanted_share_though_scores_drift(share: float) -> None:
    threshold, draw = RunningThreshold(share, 0.5), random.Random(1)
    above = 0
    for n in range(6_000):
        score = draw.gauss(0.5 + n / 60_000, 0.1)
        above += score > threshold.at("a", score)
    assert above / 6_000 == pytest.approx(share, abs=0.05)


def test_tenants_have_their_own_threshold_and_a_start() -> None:
    threshold = RunningThreshold(0.5, 0.6)
    assert [threshold.at("a", 0.9) for _ in range(ENOUGH)] == [0.6] * ENOUGH
    assert threshold.at("a", 0.9) == 0.9
    assert threshold.at("b", 0.9) == 0.6


def test_only_recent_scores_of_recent_tenants_are_kept() -> None:
    threshold = RunningThreshold(0.5, 0.6)
    for score in (0.9, 0.2):
        for _ in range(WINDOW):
            threshold.at("a", score)
    assert threshold.at("a", 0.2) == 0.2
    for n in range(TENANTS):
        threshold.at(f"t{n}", 0.1)
    assert threshold.at("a", 0.2) == 0.6


async def test_a_hard_question_goes_to_the_large_model_and_an_easy_one_to_the_small() -> None:
    small, large = pair()
    one = router(small, large)
    text, end = await heard(one, question("0.9"))
    assert text == "much"
    assert end.notes == (Note("route", "large", f"score 0.900 is above {START:.3f}"),)
    text, end = await heard(one, question("0.1"))
    assert text == "little"
    assert end.notes == (Note("route", "small", f"score 0.100 is not above {START:.3f}"),)
    assert (len(small.requests), len(large.requests)) == (1, 1)


async def test_tools_go_to_the_large_model_whatever_the_score() -> None:
    tool = ToolSpec("find", "Finds.", {"type": "object"})
    _, end = await heard(router(*pair()), question("0.0", tools=(tool,)))
    assert end.notes == (Note("route", "large", "the request has tools"),)


@pytest.mark.parametrize(("share", "said"), [(0.0, "little"), (1.0, "much")])
async def test_all_or_nothing_needs_no_score(share: float, said: str) -> None:
    text, end = await heard(router(*pair(), share=share), question("not a number"))
    assert text == said
    assert end.notes[0].reason == f"share is {share:g}"


def test_the_bound_is_that_of_the_dearer() -> None:
    small, large = pair()
    assert router(small, large).bound(question()) == Bound(100, large.bound(question()).usd)
