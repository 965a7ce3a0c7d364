import io
import zipfile
from datetime import date
from typing import Any

import pytest
from tests.fixtures.workbooks import compound, xls, xlsx
from tests.unit.parsers.test_read_docx import rewritten

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.xlsx import read_xls, read_xlsx

PRICES = [["Item", "Price", "Since"], ["Tent", 199, date(2024, 3, 4)], ["Rope", 9.5, None]]


def parse(content: bytes, limits: ParseLimits | None = None) -> Parsed:
    return read_xlsx(Blob(content, "a/book.xlsx"), limits or ParseLimits())


def read(content: bytes) -> Document:
    (document,) = parse(content).documents
    return document


def lines(document: Document) -> list[tuple[int | None, str | None, str]]:
    return [(block.page, block.heading, block.text) for block in document.blocks]


def test_sheets_are_pages_with_their_name_above_their_rows() -> None:
    document = read(xlsx({"Prices": PRICES, "Stock": [["Item", "Count"], ["Tent", 3]]}))
    assert document.title == "book"
    assert document.pages == 2
    assert lines(document) == [
        (1, "Prices", "Prices"),
        (1, "Prices", "Item: Tent; Price: 199; Since: 2024-03-04\nItem: Rope; Price: 9.5"),
        (2, "Stock", "Stock"),
        (2, "Stock", "Item: Tent; Count: 3"),
    ]


def test_formulas_give_the_values_stored_with_them() -> None:
    def add(book: Any) -> None:
        sheet = book.get_worksheet_by_name("Sum")
        sheet.write_formula("A2", "=1+1", None, 2)
        sheet.write_formula("B2", "=1/0", None, "#DIV/0!")

    blocks = read(xlsx({"Sum": [["Good", "Bad"]]}, add)).blocks
    assert [block.text for block in blocks] == ["Sum", "Good; Bad", "Good: 2"]


def test_merged_cells_reach_down_and_group_names_reach_across() -> None:
    def add(book: Any) -> None:
        sheet = book.add_worksheet("M")
        sheet.merge_range("B1:C1", "2025")
        sheet.merge_range("D1:E1", "2026")
        sheet.write_row("A2", ["Item", "Price", "Sold", "Price", "Sold"])
        sheet.merge_range("A3:A4", "Tent")
        sheet.write_row("B3", [1, 2, 3, 4])
        sheet.write_row("B4", [5, 6, 7, 8])

    assert read(xlsx({}, add)).blocks[1].text.split("\n") == [
        "Item: Tent; 2025 Price: 1; 2025 Sold: 2; 2026 Price: 3; 2026 Sold: 4",
        "Item: Tent; 2025 Price: 5; 2025 Sold: 6; 2026 Price: 7; 2026 Sold: 8",
    ]


def test_merged_cells_reach_down_in_a_table_below_the_first_row() -> None:
    def add(book: Any) -> None:
        sheet = book.add_worksheet("M")
        sheet.write_row("C4", ["Item", "Price"])
        sheet.merge_range("C5:C6", "Tent")
        sheet.write_column("D5", [1, 2])

    assert read(xlsx({}, add)).blocks[1].text == "Item: Tent; Price: 1\nItem: Tent; Price: 2"


def test_hidden_sheets_are_kept_and_marked() -> None:
    content = xlsx({"Shown": [["x"]], "Old": PRICES}, lambda book: book.worksheets()[1].hide())
    assert [b.text for b in read(content).blocks if b.kind == "heading"] == [
        "Shown",
        "Old (hidden sheet)",
    ]


def test_a_sheet_with_a_stray_cell_far_away_fails_alone() -> None:
    parsed = parse(xlsx({"Prices": PRICES, "Near": [["x"]]}, _stray))
    assert [b.text for b in parsed.documents[0].blocks if b.kind == "heading"] == ["Prices", "Near"]
    (failure,) = parsed.failures
    assert (failure.source, failure.code) == ("a/book.xlsx#Stray", "too_large")
    assert "1,048,576 rows and 16,384 columns" in failure.message


def _stray(book: Any) -> None:
    sheet = book.add_worksheet("Stray")
    sheet.write("A1", "near")
    sheet.write("XFD1048576", "far")


def test_a_damaged_sheet_fails_alone() -> None:
    content = xlsx({"Prices": PRICES, "Near": [["x"]]})
    parsed = parse(rewritten(content, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row"))
    assert [block.text for block in parsed.documents[0].blocks] == ["Near", "x"]
    assert [failure.source for failure in parsed.failures] == ["a/book.xlsx#Prices"]


def test_workbooks_of_before_2007_are_read() -> None:
    blob = Blob(xls({"Prices": [["Item", "Price"], ["Tent", "low"]]}), "a/book.xls")
    (document,) = read_xls(blob, ParseLimits()).documents
    assert lines(document)[1] == (1, "Prices", "Item: Tent; Price: low")


def test_the_limit_on_pages_holds_for_sheets() -> None:
    with pytest.raises(TooLarge, match="has 2 sheets"):
        parse(xlsx({"a": [["x"]], "b": [["x"]]}), ParseLimits(pages=1))


def truncated(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (xlsx({"a": []}), "empty"),
        (truncated(xlsx({"a": PRICES})), "truncated"),
        (rewritten(xlsx({"a": PRICES}), "xl/workbook.xml", b"<x>"), "malformed"),
        (rewritten(xlsx({"a": PRICES}), "xl/workbook.xml", b"<!DOCTYPE x><x/>"), "unsafe"),
    ],
)
def test_broken_workbooks_say_how_they_are_broken(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(content)
    assert caught.value.reason == reason


@pytest.mark.parametrize("stream", [b"", b"\x09\x08", bytes(range(256)) * 40])
def test_broken_workbooks_of_before_2007_are_malformed(stream: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_xls(Blob(compound({"Workbook": stream}), "a"), ParseLimits())
    assert caught.value.reason in {"malformed", "empty"}
