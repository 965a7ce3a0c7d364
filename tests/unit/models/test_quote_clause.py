from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from bedplate.models.quote_clause import cut_clause, size

LONG = (
    "The shop, which opened in 2015 near the old harbour, sells tents and mats (but no boats), "
    "and the repair workshop in the basement mends zips within three days; in winter it closes early"
)


def mentions(*words: str) -> Callable[[str], float]:
    return lambda text: sum(word in text for word in words) / len(words)


def cut(text: str, limit: int, worth: Callable[[str], float]) -> str:
    start, end = cut_clause(text, (0, len(text)), limit, worth)
    return text[start:end]


def test_a_sentence_within_the_limit_stays_whole():
    assert cut(LONG, 40, mentions("zips")) == LONG


def test_the_clauses_that_meet_the_question_are_kept():
    assert cut(LONG, 14, mentions("workshop", "zips", "days")) == (
        "the repair workshop in the basement mends zips within three days"
    )


def test_brackets_are_not_left_half_open():
    clause = cut(LONG, 9, mentions("boats"))

    assert "boats" in clause
    assert clause.count("(") == clause.count(")")


def test_a_clause_over_the_limit_is_cut_between_words():
    assert cut("one two three four five six seven", 3, mentions("seven")) == "one two three"


def test_text_without_spaces_is_measured_by_its_characters():
    assert size("x" * 1200) == 100
    assert len(cut("x" * 1200, 10, mentions("x"))) == 120


@given(
    st.text(alphabet=st.sampled_from("ab ,;:()-—\n|，and"), min_size=1, max_size=300),
    st.integers(1, 20),
)
def test_a_clause_is_a_slice_within_the_limit(text: str, limit: int):
    start, end = cut_clause(text, (0, len(text)), limit, mentions("a"))

    assert 0 <= start <= end <= len(text)
    assert size(text[start:end]) <= limit
