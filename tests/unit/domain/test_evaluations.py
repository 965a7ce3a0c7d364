"""The interval of a share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.evaluations import HallucinationRate, wilson


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_the_literature(
    found: int, of: int, low: float, high: float
) -> None:
    assert wilson(found, of) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_share_and_stays_a_share(pair: tuple[int, int]) -> None:
    found, of = pair
    low, high = wilson(found, of)
    assert 0.0 <= low <= high <= 1.0
    if of:
        assert low - 1e-9 <= found / of <= high + 1e-9


def test_of_nothing_nothing_is_known() -> None:
    assert HallucinationRate.of("", 0, 0, 3) == HallucinationRate("", 0, 0, 3, None, 0.0, 1.0)
