import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.errors import UpstreamError
from bedplate.rag.rerank import passage_text, rerank
from bedplate.rerankers.terms import open_terms_reranker


class Given:
    """Scores as told, and what was asked for."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.asked: list[tuple[str, list[str], float | None]] = []

    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        self.asked.append((query, list(texts), deadline))
        return self.scores[: len(texts)]


class Failing:
    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        raise UpstreamError("It is down.", provider="failing")


def hit(name: str, score: float, text: str = "text", **fields: str) -> Hit:
    return Hit(
        document_id=DocumentId(name),
        chunk_id=ChunkId(name),
        score=score,
        text=text,
        title=fields.get("title", ""),
        source="a.md",
        start=0,
        end=len(text),
        heading=fields.get("heading"),
    )


HITS = [hit("a", 4.0), hit("b", 3.0), hit("c", 2.0), hit("d", 1.0)]


async def order(
    hits: Sequence[Hit], *scores: float, top: int = 50, weight: float = 1.0
) -> list[str]:
    found = await rerank(Given(*scores), "q", hits, top=top, weight=weight, deadline=None)
    return [each.chunk_id for each in found]


async def test_the_reranker_s_score_alone_decides_at_weight_one() -> None:
    assert await order(HITS, 0.1, 0.9, 0.5, 0.7) == ["b", "d", "c", "a"]


async def test_the_former_score_alone_decides_at_weight_zero() -> None:
    assert await order(HITS, 0.1, 0.9, 0.5, 0.7, weight=0.0) == ["a", "b", "c", "d"]


async def test_both_decide_by_their_weight_whatever_their_scales() -> None:
    hits = [hit("a", 1000.0), hit("b", 999.0)]
    assert await order(hits, 0.001, 0.002, weight=0.4) == ["a", "b"]
    assert await order(hits, 0.001, 0.002, weight=0.6) == ["b", "a"]


async def test_the_mix_of_both_normalised_scores_is_the_new_score() -> None:
    hits = [hit("a", 5.0), hit("b", 3.0)]
    found = await rerank(Given(0.0, 8.0), "q", hits, top=2, weight=0.75, deadline=None)

    assert [(each.chunk_id, each.score) for each in found] == [
        ("b", pytest.approx(0.5)),
        ("a", pytest.approx(-0.5)),
    ]


async def test_ties_break_by_chunk_id() -> None:
    hits = [hit("c", 1.0), hit("a", 1.0), hit("b", 1.0)]
    assert await order(hits, 0.1, 0.1, 0.1, weight=0.7) == ["a", "b", "c"]


async def test_only_the_top_is_read_and_the_rest_follows_in_its_order() -> None:
    reranker = Given(0.1, 0.9)
    found = await rerank(reranker, "q", HITS, top=2, weight=1.0, deadline=7.0)

    assert [each.chunk_id for each in found] == ["b", "a", "c", "d"]
    assert reranker.asked == [("q", ["text", "text"], 7.0)]


async def test_scores_still_fall_from_the_top_to_the_rest() -> None:
    found = await rerank(Given(0.1, 0.9), "q", HITS, top=2, weight=1.0, deadline=None)

    assert [each.score for each in found] == pytest.approx([1.0, -1.0, -1.0, -2.0])


async def test_a_rest_that_is_below_already_keeps_its_scores() -> None:
    hits = [hit("a", 4.0), hit("b", 3.0), hit("c", -7.0)]
    found = await rerank(Given(0.1, 0.9), "q", hits, top=2, weight=1.0, deadline=None)

    assert found[-1] == hits[-1]


async def test_nothing_is_asked_of_the_reranker_without_hits() -> None:
    reranker = Given()
    assert await rerank(reranker, "q", [], top=5, weight=1.0, deadline=None) == []
    assert reranker.asked == []


async def test_a_failure_is_raised_and_not_hidden_behind_the_former_order() -> None:
    with pytest.raises(UpstreamError, match="down"):
        await rerank(Failing(), "q", HITS, top=2, weight=1.0, deadline=None)


async def test_the_shipped_fake_brings_the_passage_with_the_words_first() -> None:
    hits = [hit("a", 2.0, "a cake"), hit("b", 1.0, "an umbrella for the rain")]
    async with open_terms_reranker({}) as reranker:
        found = await rerank(reranker, "rain", hits, top=2, weight=0.7, deadline=None)
    assert [each.chunk_id for each in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("title", "heading", "read"),
    [
        ("Guide", "Rain > Coats", "Guide\nRain > Coats\ntext"),
        ("Guide", "Guide", "Guide\ntext"),
        ("", "Rain", "Rain\ntext"),
        ("", "", "text"),
    ],
)
def test_the_reranker_reads_title_and_headings_too(title: str, heading: str, read: str) -> None:
    assert passage_text(hit("a", 1.0, title=title, heading=heading)) == read


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    pairs=st.lists(st.tuples(finite, st.floats(-1e6, 1e6)), max_size=12),
    top=st.integers(1, 15),
    weight=st.floats(0, 1),
)
async def test_hits_are_kept_whole_and_their_scores_never_rise(
    pairs: list[tuple[float, float]], top: int, weight: float
) -> None:
    hits = [hit(f"{n:02}", former) for n, (_, former) in enumerate(pairs)]
    hits.sort(key=lambda each: -each.score)
    reranker = Given(*(score for score, _ in pairs))

    found = await rerank(reranker, "q", hits, top=top, weight=weight, deadline=None)

    assert sorted(each.chunk_id for each in found) == sorted(each.chunk_id for each in hits)
    assert [each.chunk_id for each in found[top:]] == [each.chunk_id for each in hits[top:]]
    scores = [each.score for each in found]
    assert all(map(math.isfinite, scores))
    assert scores == sorted(scores, reverse=True)
    former = {each.chunk_id: each for each in hits}
    for each in found:
        assert replace(each, score=former[each.chunk_id].score) == former[each.chunk_id]
