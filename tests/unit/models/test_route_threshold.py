"""A running quantile: the wanted share goes to the large model, whatever the scores look like."""

import random
from decimal import Decimal

import pytest

from bedplate.models.route_threshold import ENOUGH, SEEN, TENANTS, WINDOW, RunningThreshold


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_the_wanted_share_is_kept_though_scores_drift(share: float) -> None:
    threshold, draw = RunningThreshold(share), random.Random(1)
    above = 0
    for n in range(6_000):
        score = draw.gauss(0.5 + n / 60_000, 0.1)
        above += score > threshold.at("a", score)
    assert above / 6_000 == pytest.approx(share, abs=0.05)


def test_a_tenant_begins_where_known_prompts_would_have_the_threshold() -> None:
    threshold = RunningThreshold(0.4)
    assert [threshold.at("a", 0.9) for _ in range(ENOUGH)] == [0.6] * ENOUGH
    assert threshold.at("a", 0.9) == 0.9
    assert threshold.at("b", 0.9) == 0.6


def test_only_recent_scores_of_recent_tenants_are_kept() -> None:
    threshold = RunningThreshold(0.5)
    for score in (0.9, 0.2):
        for _ in range(WINDOW):
            threshold.at("a", score)
    assert threshold.at("a", 0.2) == 0.2
    for n in range(TENANTS):
        threshold.at(f"t{n}", 0.1)
    assert threshold.at("a", 0.2) == 0.5


@pytest.mark.parametrize(("share", "chosen"), [(0.0, False), (1.0, True)])
def test_all_or_nothing_holds_for_every_score(share: float, chosen: bool) -> None:
    threshold = RunningThreshold(share)
    assert all((score > threshold.at("a", score)) is chosen for score in [0.0, 0.5, 1.0] * 20)


@pytest.mark.parametrize("usd", [0.002, 0.004, 0.011])
def test_a_wanted_mean_cost_is_kept(usd: float) -> None:
    threshold, draw, spent = RunningThreshold(0.5, usd), random.Random(1), Decimal()
    for n in range(3_000):
        score = draw.random()
        tier = "large" if score > threshold.at("a", score) else "small"
        cost = Decimal("0.02") if tier == "large" else Decimal("0.001")
        threshold.cost("a", tier, cost)
        spent += cost if n >= 1_000 else 0
    assert float(spent) / 2_000 == pytest.approx(usd, rel=0.15)


def test_the_share_holds_until_both_costs_are_known() -> None:
    threshold = RunningThreshold(0.3, 0.0001)
    for _ in range(SEEN):
        threshold.cost("a", "small", Decimal("0.001"))
    assert threshold.share("a") == 0.3
    for _ in range(SEEN):
        threshold.cost("a", "large", Decimal("0.02"))
    assert threshold.share("a") == 0.0
    assert threshold.share("b") == 0.3
