import numpy as np
import pytest

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Mode
from bedplate.rag.scoring import score
from bedplate.state.protocol import IndexRow
from bedplate.stores.protocol import Candidate, Candidates, StoreQuery
from bedplate.terms import TermStatistics, TermVector

EAST, NORTH = np.asarray([1, 0], dtype=np.float32), np.asarray([0, 1], dtype=np.float32)
ROWS = {
    ChunkId("a#0"): IndexRow(EAST, TermVector.of("rain coat rain")),
    ChunkId("b#0"): IndexRow(NORTH, TermVector.of("sun hat")),
}
STATISTICS = TermStatistics(chunks=2, length=5, frequencies=np.asarray([1]))


def found(*names: str) -> Candidates:
    return Candidates(tuple(Candidate(ChunkId(name), None, 0.5) for name in names), "ann")


def query(mode: Mode) -> StoreQuery:
    vector = None if mode == "keyword" else EAST
    return StoreQuery(mode, TermVector.of("rain"), vector, 10)


def test_every_candidate_gets_both_scores_and_its_vector() -> None:
    scored = score(found("b#0", "a#0"), ROWS, query("hybrid"), STATISTICS)
    b, a = scored.items
    assert (b.chunk_id, b.cosine, b.bm25) == ("b#0", 0.0, 0.0)
    # idf log(1 + 1.5 / 1.5); 2.6 * 2 / (2 + 1.6 * (0.25 + 0.75 * 3 / 2.5)).
    assert (a.cosine, a.bm25) == (1.0, pytest.approx(0.6931 * 5.2 / 3.84, abs=1e-3))
    assert scored.vectors is not None
    assert scored.vectors.tolist() == [[0, 1], [1, 0]]
    assert scored.recall == "ann"


def test_a_chunk_that_the_catalog_no_longer_has_is_left_out() -> None:
    scored = score(found("gone#0", "a#0"), ROWS, query("hybrid"), STATISTICS)
    assert [c.chunk_id for c in scored.items] == ["a#0"]


def test_a_keyword_search_keeps_only_what_has_a_term() -> None:
    scored = score(found("a#0", "b#0"), ROWS, query("keyword"), STATISTICS)
    assert [(c.chunk_id, c.cosine) for c in scored.items] == [("a#0", None)]


def test_nothing_found_is_nothing_scored() -> None:
    assert score(found(), ROWS, query("vector"), STATISTICS).items == ()
