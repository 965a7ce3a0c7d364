from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.rag.recency import Wanted, date_of, prefer_newer, wanted

EARLIER, LATER, LATEST = "2021-05-01", "2023-05-01", "2025-05-01"


def hit(name: str, score: float, **metadata: str | int | bool) -> Hit:
    return Hit(DocumentId(name), ChunkId(name), score, "text", "T", "s", 0, 4, metadata=metadata)


def names(hits: list[Hit]) -> str:
    return "".join(hit.document_id for hit in hits)


@pytest.mark.parametrize(
    ("question", "before"),
    [
        ("What is the latest price list?", None),
        ("Which rules apply at the moment?", None),
        ("What did a permit cost as of 2024?", "2025"),
        ("What did a permit cost as of the end of March 2024?", "2025"),
        ("Fees as of 2024-03-31", "2024-03-31T24"),
    ],
)
def test_a_question_asks_for_what_is_current(question: str, before: str | None) -> None:
    assert wanted(question) == Wanted(before)


@pytest.mark.parametrize(
    "question", ["What does it cost?", "Who won in 2024?", "What are currents?", "as of 2024x"]
)
def test_other_questions_do_not(question: str) -> None:
    assert wanted(question) is None


def test_of_hits_that_fit_about_equally_the_newer_one_comes_first() -> None:
    hits = [hit("a", 1.0, date=EARLIER), hit("b", 0.99, date=LATER), hit("c", 0.98, date=LATEST)]
    far = [hit("x", -1.0, date="2026-01-01"), hit("y", -2.0)]
    assert names(prefer_newer([*hits, *far], Wanted(), 0.5)) == "cbaxy"


def test_a_hit_that_fits_much_better_stays_first() -> None:
    hits = [hit("a", 3.0, date=EARLIER), hit("b", 0.5, date=LATEST), hit("c", 0.4, date=LATEST)]
    assert names(prefer_newer(hits, Wanted(), 0.5)) == "abc"


def test_what_came_after_the_day_asked_about_counts_as_the_oldest() -> None:
    hits = [hit("a", 1.0, date=EARLIER), hit("c", 1.0, date=LATEST), hit("b", 1.0, date=LATER)]
    time = wanted("as of 2023")
    assert time is not None
    assert names(prefer_newer(hits, time, 0.5)) == "bac"


@pytest.mark.parametrize(
    "dates", [({}, {}, {}), ({"date": EARLIER}, {}, {}), ({"date": LATER}, {"date": LATER}, {})]
)
def test_without_dates_that_differ_nothing_moves(dates: tuple[dict[str, str], ...]) -> None:
    hits = [hit(str(n), 1.0 - n / 100, **date) for n, date in enumerate(dates)]
    assert prefer_newer(hits, Wanted(), 2.0) == hits


def test_a_date_is_a_known_field_or_the_only_one() -> None:
    assert (date_of(hit("a", 1, effective="2024-01-02", updated="2025-01-01")) or "")[:10] == (
        "2024-01-02"
    )
    assert (date_of(hit("a", 1, signed="2024-01-02", size=7)) or "")[:10] == "2024-01-02"
    assert date_of(hit("a", 1, signed="2024-01-02", ends="2025-01-01")) is None
    assert date_of(hit("a", 1, year=2024)) == date_of(hit("a", 1, year="2024")) == "2024"
    assert date_of(hit("a", 1, year=12, added=True, size=2024)) is None


@given(
    st.lists(
        st.tuples(st.floats(-10, 10), st.sampled_from([None, EARLIER, LATER, LATEST])), max_size=30
    ),
    st.floats(0, 2),
)
def test_no_hit_is_lost_and_scores_give_the_order(drawn, weight: float) -> None:
    hits = [hit(f"{n:02}", s, **({"date": d} if d else {})) for n, (s, d) in enumerate(drawn)]
    hits.sort(key=lambda hit: (-hit.score, hit.chunk_id))
    found = prefer_newer(hits, Wanted(), weight)
    assert sorted(replace(hit, score=0.0).chunk_id for hit in found) == sorted(
        hit.chunk_id for hit in hits
    )
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
