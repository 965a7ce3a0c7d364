import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bedplate.rag.ranking import NEIGHBOURS, SMOOTHED, fused, mixed, smoothed, standard

INTEGERS = st.integers(-1_000, 1_000)


def unit(*rows: list[float]) -> np.ndarray:
    matrix = np.asarray(rows, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_both_scores_decide_by_their_weight() -> None:
    keyword, vector = np.asarray([9.0, 0.0, 0.0]), np.asarray([0.1, 0.9, 0.1])
    assert np.argsort(-fused(keyword, vector, 0.9)).tolist()[:2] == [0, 1]
    assert np.argsort(-fused(keyword, vector, 0.1)).tolist()[:2] == [1, 0]


def test_a_leg_without_differences_does_not_count() -> None:
    scores = fused(np.asarray([2.0, 2.0]), np.asarray([0.5, 0.7]), 0.4)
    assert scores.tolist() == (0.6 * standard(np.asarray([0.5, 0.7]))).tolist()


@given(st.lists(INTEGERS, min_size=2, max_size=20, unique=True))
def test_standard_scores_have_mean_0_and_deviation_1_in_the_same_order(values: list[int]) -> None:
    found = standard(np.asarray(values, dtype=np.float64))
    assert abs(found.mean()) < 1e-9
    assert abs(found.std() - 1) < 1e-9
    assert np.argsort(found).tolist() == np.argsort(values).tolist()


def test_candidates_that_were_not_compared_take_the_lowest_late_score() -> None:
    scores = np.asarray([1.0, 1.0, 1.0])
    found = mixed(scores, np.asarray([0.9, 0.2]), [0, 2], 0.5)
    assert found[0] > found[1] == found[2]


def test_a_score_moves_towards_those_of_similar_passages() -> None:
    vectors = unit([1, 0, 0], [1, 0.01, 0], [0, 0, 1])
    found = smoothed(np.asarray([1.0, 0.0, 0.5]), vectors, 0.5)
    assert abs(found[0] - 0.5) < 1e-3
    assert abs(found[1] - 0.5) < 1e-3
    # Nothing is near the third.
    assert found[2] == 0.5


def test_smoothing_one_candidate_or_none_changes_nothing() -> None:
    assert smoothed(np.asarray([2.0]), unit([1, 0]), 0.3).tolist() == [2.0]
    assert smoothed(np.zeros(0), np.zeros((0, 2), dtype=np.float32), 0.3).tolist() == []


def test_a_neighbour_counts_by_the_fourth_power_of_its_cosine() -> None:
    random = np.random.default_rng(1)
    vectors = unit(*random.standard_normal((30, 8)).tolist())
    scores = random.standard_normal(30)
    found = smoothed(scores, vectors, 0.3)
    for row in range(30):
        cosines = vectors @ vectors[row]
        cosines[row] = -2
        near = np.argsort(-cosines)[:NEIGHBOURS]
        weights = np.maximum(cosines[near], 0) ** 4
        around = (weights * scores[near]).sum() / weights.sum()
        assert abs(found[row] - (0.7 * scores[row] + 0.3 * around)) < 1e-5


def test_only_the_best_are_smoothed_and_the_rest_keep_their_order_after_them() -> None:
    random = np.random.default_rng(2)
    count = SMOOTHED + 50
    vectors = unit(*random.standard_normal((count, 4)).tolist())
    scores = random.standard_normal(count)
    found = smoothed(scores, vectors, 0.3)
    former, order = np.argsort(-scores), np.argsort(-found, kind="stable")
    assert set(order[:SMOOTHED].tolist()) == set(former[:SMOOTHED].tolist())
    assert order[SMOOTHED:].tolist() == former[SMOOTHED:].tolist()
