from bedplate.parsers.tables import Cell, spread, table_text


def test_table_rows_carry_their_headers() -> None:
    rows = [["Name", "", "Price"], ["Tent", "red", "199\n€"], ["", "", ""], ["Rope", "", ""]]
    assert table_text(rows, header=True) == "Name: Tent; red; Price: 199 €\nName: Rope"


def test_table_rows_without_a_header_read_in_order() -> None:
    assert table_text([["Name", "Tent"], ["x", ""]], header=False) == "Name: Tent\nx"
    assert table_text([["a", "b", "c"]], header=False) == "a; b; c"


def test_merged_cells_keep_their_columns_and_reach_down() -> None:
    rows = [
        [Cell("Item"), Cell("Price", columns=2), Cell("Stock")],
        [Cell("Tent", rows=2), Cell("199"), Cell("€"), Cell("3")],
        [Cell("free", columns=2), Cell("5")],
        [Cell("all", columns=4)],
    ]
    assert spread(rows) == [
        ["Item", "Price", "Price", "Stock"],
        ["Tent", "199", "€", "3"],
        ["Tent", "free", "", "5"],
        ["all", "", "", ""],
    ]


def test_spans_wider_than_any_table_are_cut() -> None:
    ((line),) = spread([[Cell("x", columns=10_000, rows=10_000)]])
    assert line == ["x"] * 200
