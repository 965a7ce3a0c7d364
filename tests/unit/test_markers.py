from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.markers import MarkerFilter, cited, without_markers


def whole(text: str, numbers: set[int] | None = None) -> str:
    markers = MarkerFilter(numbers or {1, 2, 3})
    return markers.push(text) + markers.finish()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A [1].", "A [1]."),
        ("A [1, 2] B", "A [1][2] B"),
        ("A [9].", "A."),
        ("A [1; 9]", "A [1]"),
        ("A \u30102\u3011", "A [2]"),
        ("list[0] of [x] and [", "list of [x] and ["),
        ("A[1][2]", "A[1][2]"),
        ("end [1", "end [1"),
        ("", ""),
    ],
)
def test_markers_that_resolve_stay_and_others_go(text: str, left: str) -> None:
    assert whole(text) == left


@given(
    st.text("ab 1234[],.\n\u3010\u3011", max_size=60),
    st.lists(st.integers(0, 60), max_size=10),
)
def test_what_leaves_does_not_depend_on_where_the_stream_is_cut(text: str, cuts: list[int]) -> None:
    markers = MarkerFilter({1, 2, 3})
    places = sorted({0, *[cut for cut in cuts if cut < len(text)], len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert "".join(markers.push(piece) for piece in pieces) + markers.finish() == whole(text)


@given(st.text("ab 123459[],.\n", max_size=60))
def test_every_marker_that_leaves_resolves(text: str) -> None:
    assert {number for number, _, _ in cited(whole(text))} <= {1, 2, 3}


def test_text_is_not_held_back_without_need() -> None:
    markers = MarkerFilter({1})
    assert markers.push("Hello there") == "Hello there"
    assert markers.push(" friend [") == " friend"
    assert markers.push("1") == ""
    assert markers.push("] and") == " [1] and"


def test_markers_are_found_and_removed() -> None:
    assert [number for number, _, _ in cited("A [1][2] b [3]")] == [1, 2, 3]
    assert without_markers("A [1][2] b [3].") == "A b."


def test_long_runs_of_space_and_open_brackets_take_linear_time() -> None:
    text = " " * 200_000 + "[" * 200_000 + "[1," * 50_000
    assert whole(text) == text
