import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.rerankers.terms import open_terms_reranker

words = st.text("abc ", max_size=40)


async def score(query: str, *texts: str) -> list[float]:
    async with open_terms_reranker({}) as reranker:
        return await reranker.score(query, texts, deadline=None)


async def test_scores_are_those_of_bm25_by_hand() -> None:
    # Two texts of 1 and 3 terms, 2 on average; "tent" is in one of them: ln(1 + 1.5 / 1.5).
    found = await score("tent", "tent", "stove lamp rope")
    assert found == pytest.approx([0.6931471806 * 2.6 / (1 + 1.6 * (0.25 + 0.75 / 2)), 0.0])


async def test_forms_of_a_word_are_the_same_word() -> None:
    near, far = await score("raining umbrellas", "an umbrella for rain", "a cake")
    assert near > far == 0.0


async def test_rare_words_count_more() -> None:
    common, rare, _ = await score("tent lamp", "tent", "lamp", "tent rope")
    assert rare > common


async def test_long_texts_count_less() -> None:
    short, long = await score("tent", "tent", "tent " + "rope " * 50)
    assert short > long > 0


async def test_texts_without_terms_score_nothing() -> None:
    assert await score("the of", "the", "") == [0.0, 0.0]


@given(words, st.lists(words, min_size=1, max_size=6))
async def test_no_score_is_negative_and_the_same_call_gives_the_same(
    query: str, texts: list[str]
) -> None:
    found = await score(query, *texts)
    assert found == await score(query, *texts)
    assert min(found) >= 0
