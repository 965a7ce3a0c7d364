from hypothesis import given
from hypothesis import strategies as st

from bedplate.parsers.drawing import Box, cut_in_order


def order(boxes: dict[str, Box | None]) -> str:
    return "".join(cut_in_order(list(boxes), list(boxes.values())))


def test_columns_are_read_one_after_the_other() -> None:
    left, right = (0, 40), (60, 100)
    boxes = {
        "c": Box(right[0], 20, right[1], 90),
        "b": Box(left[0], 55, left[1], 90),
        "a": Box(left[0], 20, left[1], 50),
        "h": Box(0, 0, 100, 10),
    }
    assert order(boxes) == "habc"


def test_rows_are_read_one_after_the_other_where_the_gap_between_them_is_wider() -> None:
    cells = {f"{row}{column}": (row, column) for row in range(2) for column in range(2)}
    boxes: dict[str, Box | None] = {
        name: Box(column * 50, row * 100, column * 50 + 45, row * 100 + 40)
        for name, (row, column) in reversed(cells.items())
    }
    assert list(cut_in_order(list(boxes), list(boxes.values()))) == ["00", "01", "10", "11"]


def test_what_overlaps_is_read_from_the_top_and_what_has_no_place_comes_last() -> None:
    boxes = {"x": None, "b": Box(0, 5, 10, 15), "a": Box(2, 0, 8, 10), "y": None}
    assert order(boxes) == "abxy"


edges = st.integers(-5, 30)


@given(st.lists(st.none() | st.builds(Box, edges, edges, edges, edges), max_size=40))
def test_every_shape_is_read_once_whatever_the_places(boxes: list[Box | None]) -> None:
    places = list(range(len(boxes)))
    assert sorted(cut_in_order(places, boxes)) == places
