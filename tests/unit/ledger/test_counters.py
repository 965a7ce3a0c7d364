"""A rate, whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from bedplate.ledger.counters import Counter
from bedplate.ledger.periods import MINUTE, SECOND

START = 1_700_000_000 * SECOND


@given(
    limit=st.integers(1, 10_000),
    asks=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 5 * SECOND)), max_size=80),
)
def test_a_rate_lets_through_a_full_bucket_and_what_flows_in_later(
    limit: int, asks: list[tuple[int, int]]
) -> None:
    counter, now, passed = Counter(1, "k", 0, 0, 0), START, 0
    for amount, later in asks:
        now += later
        if counter.wait(amount, limit, now) <= 0:
            counter.use(amount, limit, now)
            passed += amount
        # A microsecond each is lost in rounding.
        assert passed <= limit + (now - START + len(asks)) * limit / MINUTE
        assert 0 <= counter.available(limit, now) <= limit


@given(limit=st.integers(1, 10_000), jump=st.integers(-(10**18), 10**18))
def test_no_jump_of_the_clock_shuts_a_rate_for_longer_than_a_minute(limit: int, jump: int) -> None:
    counter = Counter(1, "k", 0, 0, 0)
    counter.use(limit, limit, START)
    assert counter.wait(1, limit, START + jump) <= MINUTE


@given(limit=st.integers(1, 10_000), behind=st.integers(0, MINUTE))
def test_a_server_whose_clock_is_behind_finds_what_another_used(limit: int, behind: int) -> None:
    counter = Counter(1, "k", 0, 0, 0)
    counter.use(limit, limit, START)
    assert counter.wait(1, limit, START - behind) > 0
    assert counter.available(limit, START - behind) == 0


def test_a_full_minute_passes_at_once_and_no_more() -> None:
    counter = Counter(1, "k", 0, 0, 0)
    for _ in range(7):
        assert counter.wait(1, 7, START) <= 0
        counter.use(1, 7, START)
    assert counter.wait(1, 7, START) > 0
    assert counter.wait(8, 7, START + 10 * MINUTE) > 0
