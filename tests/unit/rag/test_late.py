import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.embedders.protocol import LateVectors, TokenMatrix
from bedplate.rag import late
from bedplate.rag.late import max_sim, weights
from bedplate.terms import TermStatistics, TermVector


def tokens(*rows: list[float]) -> TokenMatrix:
    matrix = np.asarray(rows, dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.rint(matrix * 127).astype(np.int8)


def test_each_token_of_the_question_counts_by_its_best_match_and_weight() -> None:
    question = tokens([1, 0], [0, 1])
    passages = [tokens([1, 0], [1, 0]), tokens([1, 0], [0, 1]), tokens([0, 1])]
    assert max_sim(question, np.asarray([3.0, 1.0]), passages).tolist() == pytest.approx(
        [0.75, 1.0, 0.25], abs=1e-6
    )


def test_a_passage_without_tokens_is_the_worst_and_harms_no_other() -> None:
    none = np.zeros((0, 2), dtype=np.int8)
    question = tokens([1, 0])
    found = max_sim(question, np.ones(1), [none, tokens([0, 1]), none, tokens([1, 0])])
    assert found.tolist() == pytest.approx([-1, 0, -1, 1], abs=1e-6)


def test_a_question_without_tokens_or_weight_tells_nothing() -> None:
    passages = [tokens([1, 0])]
    assert max_sim(np.zeros((0, 2), dtype=np.int8), np.zeros(0), passages).tolist() == [-1]
    assert max_sim(tokens([1, 0]), np.zeros(1), passages).tolist() == [-1]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 4))
def test_passages_are_scored_alike_however_they_are_packed(sizes: list[int], asked: int) -> None:
    random = np.random.default_rng(len(sizes))
    question = random.integers(-90, 90, (asked, 8)).astype(np.int8)
    passages = [random.integers(-90, 90, (size, 8)).astype(np.int8) for size in sizes]
    weight = random.random(asked) + 0.1
    together = max_sim(question, weight, passages)
    alone = [max_sim(question, weight, [passage])[0] for passage in passages]
    assert together.tolist() == pytest.approx(alone, abs=1e-6)


def test_more_tokens_than_are_compared_at_once_are_all_compared() -> None:
    long = np.zeros((late.AT_ONCE - 1, 2), dtype=np.int8)
    best = tokens([1, 0])
    found = max_sim(best, np.ones(1), [long, best, np.concatenate([long, long, best])])
    assert found.tolist() == pytest.approx([0, 1, 1], abs=1e-6)


def test_rare_words_weigh_more_and_unknown_ones_most() -> None:
    terms = TermVector.of("common rare unknown")
    by_name = {name: TermVector.of(name).ids[0] for name in ("common", "rare", "unknown")}
    counts = {by_name["common"]: 90, by_name["rare"]: 2, by_name["unknown"]: 0}
    statistics = TermStatistics(100, 1000, np.asarray([counts[term] for term in terms.ids]))
    asked = np.asarray([by_name["unknown"], by_name["common"], by_name["rare"]], dtype=np.uint32)
    question = LateVectors(np.zeros(2), np.zeros((3, 2), dtype=np.int8), asked)
    unknown, common, rare = weights(question, terms, statistics)
    assert unknown > rare > common > 0
