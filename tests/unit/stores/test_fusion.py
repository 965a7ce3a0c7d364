from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.ids import ChunkId
from bedplate.stores.fusion import fuse, rank
from bedplate.stores.protocol import Candidate


def candidate(name: str, cosine: float | None, bm25: float | None) -> Candidate:
    return Candidate(ChunkId(name), cosine, bm25)


def order(*items: Candidate, weight: float = 0.4) -> list[str]:
    return [name for name, _ in fuse(items, keyword_weight=weight)]


def test_both_scores_decide_by_their_weight() -> None:
    items = (
        candidate("words", 0.1, 9.0),
        candidate("meaning", 0.9, 0.0),
        candidate("no", 0.1, 0.0),
    )
    assert order(*items, weight=0.9) == ["words", "meaning", "no"]
    assert order(*items, weight=0.1) == ["meaning", "words", "no"]


def test_a_leg_without_differences_does_not_count() -> None:
    assert order(candidate("b", 0.5, 0.0), candidate("a", 0.7, 0.0)) == ["a", "b"]


def test_missing_scores_fall_back_to_reciprocal_ranks() -> None:
    fused = fuse(
        [candidate("a", 0.9, None), candidate("b", 0.8, 3.0), candidate("c", None, 2.0)],
        keyword_weight=0.4,
    )
    assert fused == [("b", 1 / 61 + 1 / 62), ("a", 1 / 61), ("c", 1 / 62)]


def test_nothing_gives_nothing() -> None:
    assert fuse([], keyword_weight=0.4) == []


@given(st.permutations([candidate(name, 0.5, 1.0) for name in "edcba"]))
def test_ties_break_by_chunk_id_whatever_the_order(items: list[Candidate]) -> None:
    assert [name for name, _ in fuse(items, keyword_weight=0.4)] == list("abcde")
    assert [name for name, _ in rank(items, [1.0] * 5)] == list("abcde")
