import datetime
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.documents import Blob
from bedplate.parsers.grid import Value, add_sheet, grid_cell
from bedplate.parsers.outline import Outline


def texts(*rows: Sequence[Value]) -> list[str]:
    outline = Outline(Blob(b"", "a.xlsx"), 1_000_000)
    add_sheet(outline, [[grid_cell(value) for value in row] for row in rows], 1)
    return [block.text for block in outline.blocks]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (2.0, "2"),
        (0.1 + 0.2, "0.3"),
        (1e21, "1e+21"),
        (True, "true"),
        (datetime.date(2024, 3, 4), "2024-03-04"),
        (datetime.datetime(2024, 3, 4), "2024-03-04"),  # noqa: DTZ001 - sheets know no zones
        (datetime.datetime(2024, 3, 4, 5, 6), "2024-03-04T05:06:00"),  # noqa: DTZ001
        (datetime.time(5, 6), "05:06:00"),
        (datetime.timedelta(hours=30), "1 day, 6:00:00"),
        ("  two\nlines ", "two lines"),
    ],
)
def test_values_are_written_plainly(value: Value, written: str) -> None:
    assert grid_cell(value).text == written


def test_every_row_carries_the_names_of_its_columns() -> None:
    assert texts(["Item", "Price"], ["Tent", 199.0], ["Rope", 9.5]) == [
        "Item: Tent; Price: 199\nItem: Rope; Price: 9.5"
    ]


def test_blank_rows_part_tables_and_each_has_its_own_header() -> None:
    assert texts(["a", "b"], ["x", 1], [None, ""], ["c", "d"], ["y", 2]) == [
        "a: x; b: 1",
        "c: y; d: 2",
    ]


def test_a_table_goes_on_after_a_blank_row() -> None:
    assert texts(["a", "b"], ["x", 1], [], ["y", 2]) == ["a: x; b: 1", "a: y; b: 2"]


def test_tables_side_by_side_have_each_their_own_header() -> None:
    rows = [
        ["a", "b"],
        ["x", 1],
        ["y", 2, None, "c", "d"],
        ["z", 3, None, "v", 4],
        [None, None, None, "w", 5],
    ]
    assert texts(*rows) == ["a: x; b: 1\na: y; b: 2\na: z; b: 3", "c: v; d: 4\nc: w; d: 5"]


def test_a_blank_column_sets_columns_of_one_table_apart() -> None:
    assert texts(["Item", "Price", "", "Sold", "Left"], ["Tent", 1, "", 2, 3]) == [
        "Item: Tent; Price: 1; Sold: 2; Left: 3"
    ]
    # What stands beside a table without a header of its own is a remark, or a part of it.
    assert texts(["Item", "Price"], ["Tent", 1], ["Rope", 2, "", "cheap", 7]) == [
        "Item; Price\nTent; 1\nRope; 2; cheap; 7"
    ]


def test_what_stands_above_the_header_stays_in_front() -> None:
    assert texts(["Prices of 2026"], ["Item", "Price"], ["Tent", 1]) == [
        "Prices of 2026",
        "Item: Tent; Price: 1",
    ]


def test_groups_of_columns_lead_their_names() -> None:
    rows = [["", "2025", "2025", "2026"], ["Item", "Price", "Sold", "Price"], ["Tent", 1, 2, 3]]
    assert texts(*rows) == ["Item: Tent; 2025 Price: 1; 2025 Sold: 2; 2026 Price: 3"]


def test_years_may_name_columns_and_amounts_may_not() -> None:
    assert texts(["", 2025.0, 2026.0], ["Tents", 1, 2]) == ["Tents; 2025: 1; 2026: 2"]
    assert texts(["Revenue", "$500,000"], ["Profit", "$20"]) == ["Revenue: $500,000\nProfit: $20"]


def test_notes_in_one_column_are_text() -> None:
    assert texts(["First note"], ["", "Second note"]) == ["First note\nSecond note"]


def test_names_of_empty_columns_are_kept() -> None:
    assert texts(["Name", "Age", "Signed"], ["Ada", 36, ""]) == [
        "Name; Age; Signed",
        "Name: Ada; Age: 36",
    ]


@given(
    st.lists(
        st.lists(st.sampled_from(["", "a", "b2", "7", 7, 2024, None]), max_size=5), max_size=12
    )
)
def test_no_cell_is_lost(rows: list[list[Value]]) -> None:
    shown = "\n".join(texts(*rows))
    for row in rows:
        for value in row:
            assert grid_cell(value).text in shown
