import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.rag.diversity import diverse, without_copies


def hit(name: str, score: float, text: str = "text", title: str = "T", **metadata: str) -> Hit:
    id = ChunkId(name)
    return Hit(DocumentId(name), id, score, text, title, "s", 0, 4, metadata=metadata)


def unit(*angles: float) -> list[np.ndarray]:
    return [np.asarray([np.cos(a), np.sin(a)], dtype=np.float32) for a in angles]


HITS = [hit("a", 3.0), hit("b", 2.9), hit("c", 2.0), hit("d", 0.0)]
VECTORS = dict(zip((h.chunk_id for h in HITS), unit(0.0, 0.01, 1.5, 0.0), strict=True))


def test_a_hit_that_repeats_a_better_one_comes_after_one_that_does_not() -> None:
    assert [h.chunk_id for h in diverse(HITS, VECTORS, 0.5, 3)] == ["a", "c", "b"]


def test_a_little_weight_leaves_clear_differences_alone() -> None:
    assert [h.chunk_id for h in diverse(HITS, VECTORS, 0.01, 4)] == ["a", "b", "c", "d"]


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0, 3)), max_size=20),
    st.floats(0, 0.99),
    st.integers(1, 25),
)
def test_hits_are_chosen_once_and_scores_fall(drawn, weight: float, limit: int) -> None:
    hits = [hit(f"{n:02}", score) for n, (score, _) in enumerate(drawn)]
    angles = unit(*(angle for _, angle in drawn))
    found = diverse(hits, dict(zip((h.chunk_id for h in hits), angles, strict=True)), weight, limit)
    assert len(found) == len({h.chunk_id for h in found}) == min(limit, len(hits))
    scores = [h.score for h in found]
    assert scores == sorted(scores, reverse=True)


def test_a_copy_is_left_out() -> None:
    hits = [hit("a", 2.0, "Boots  are\nbrown."), hit("b", 1.0, "Boots are brown.")]
    assert [h.chunk_id for h in without_copies(hits)] == ["a"]


@pytest.mark.parametrize(
    "other",
    [
        hit("b", 1.0, "Boots cost 9.", date="2024-01-01"),
        hit("b", 1.0, "Boots cost 8.", date="2023-01-01"),
        hit("b", 1.0, "Boots cost 9.", title="Other", date="2023-01-01"),
    ],
)
def test_another_version_is_no_copy(other: Hit) -> None:
    hits = [hit("a", 2.0, "Boots cost 9.", date="2023-01-01"), other]
    assert without_copies(hits) == hits
