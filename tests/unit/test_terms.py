import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.terms import TermVector, analyse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The umbrellas are raining", ["umbrella", "rain"]),
        ("Price: $19.99, SKU-42b", ["price", "19", "99", "sku", "42b"]),
        ("snow_ball", ["snow", "ball"]),
        ("Größe ÉTÉ", ["grösse", "été"]),
        ("東京都 x", ["東京", "京都", "x"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("the of and", []),
        ("", []),
    ],
)
def test_text_becomes_terms(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


@given(st.text(max_size=200))
def test_terms_hold_letters_marks_and_digits_only(text: str) -> None:
    assert all(term and not any(c.isspace() or c == "_" for c in term) for term in analyse(text))


@given(st.lists(st.text("abcde", min_size=1, max_size=3), max_size=50))
def test_a_term_vector_survives_its_bytes_and_counts_every_term(terms: list[str]) -> None:
    vector = TermVector.count(terms)
    again = TermVector.from_bytes(vector.to_bytes())
    assert again.ids.tolist() == vector.ids.tolist() == sorted(set(vector.ids.tolist()))
    assert again.counts.tolist() == vector.counts.tolist()
    assert again.length == len(terms)


def test_data_that_looks_like_one_long_word_is_kept_whole() -> None:
    data = "running" * 20
    assert analyse(f"running {data}") == ["run", data]
