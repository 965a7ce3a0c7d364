"""Texts that are read together."""

from hypothesis import given
from hypothesis import strategies as st

from bedplate.batches import by_length

LENGTHS = st.lists(st.integers(1, 512), max_size=300)


@given(LENGTHS, st.integers(1, 4_096), st.integers(1, 64))
def test_batches_hold_every_text_once_and_stay_bounded(
    lengths: list[int], tokens: int, most: int
) -> None:
    batches = by_length(lengths, tokens=tokens, most=most)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= tokens


def test_texts_of_about_the_same_length_stand_together() -> None:
    assert by_length([5, 90, 6, 100], tokens=200, most=2) == [[0, 2], [1, 3]]
