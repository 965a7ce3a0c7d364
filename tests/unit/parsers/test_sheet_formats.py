"""Cells as people see them: numbers by their format, and what was noted on them."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import pytest
from tests.fixtures.packages import odf
from tests.fixtures.workbooks import xlsx
from tests.unit.parsers.test_read_docx import rewritten

from bedplate.domain.documents import Blob
from bedplate.parsers.odf import read_ods
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.xlsx import read_xlsx


def texts(content: bytes) -> list[str]:
    (document,) = read_xlsx(Blob(content, "a/book.xlsx"), ParseLimits()).documents
    return [block.text for block in document.blocks]


def sheet(
    cells: Mapping[str, tuple[Any, str]], *, change: Callable[[Any], object] | None = None
) -> bytes:
    """Cell name -> value and format code, "" for none."""

    def add(book: Any) -> None:
        page = book.add_worksheet("S")
        for name, (value, code) in cells.items():
            page.write(name, value, book.add_format({"num_format": code}) if code else None)
        if change:
            change(page)

    return xlsx({}, add)


HEAD = {"A1": ("Share", ""), "B1": ("Price", ""), "C1": ("Since", ""), "D1": ("At", "")}
ROW = {
    "A2": (0.25, "0%"),
    "B2": (1234.5, '#,##0.00\\ "€"'),
    "C2": (date(2024, 3, 4), "dd.mm.yyyy"),
    "D2": (datetime.fromisoformat("2024-03-04T14:30:00"), "h:mm AM/PM"),
}


def test_cells_read_as_their_format_shows_them() -> None:
    assert texts(sheet({**HEAD, **ROW})) == [
        "S",
        "Share: 25%; Price: 1,234.50 €; Since: 2024-03-04; At: 2:30 PM",
    ]


def test_formats_find_their_cells_in_a_table_away_from_the_corner() -> None:
    far = {"C5": ("Share", ""), "D5": ("Count", ""), "C6": (0.5, "0%"), "D6": (1000, "#,##0")}
    assert texts(sheet(far)) == ["S", "Share: 50%; Count: 1,000"]


def test_a_format_that_is_not_understood_leaves_the_value() -> None:
    cells = {"A1": ("Phone", ""), "B1": ("Limit", ""), "A2": (5551234, "000-0000"),
             "B2": (7, "[>5]0.0;0")}  # fmt: skip
    assert texts(sheet(cells)) == ["S", "Phone: 5551234; Limit: 7"]


def test_without_readable_styles_values_are_plain() -> None:
    content = rewritten(sheet({**HEAD, "A2": (0.25, "0%")}), "xl/styles.xml", b"<styleSheet/>")
    assert texts(content)[-1] == "Share: 0.25"


def test_notes_stand_with_their_cells() -> None:
    def change(page: Any) -> None:
        page.write_comment("B2", "net of tax,\nsince May")
        page.write_comment("B1", "in euros")
        page.write_comment("C2", "not known yet")
        page.write_comment("F9", "ask Ada")

    cells = {"A1": ("Item", ""), "B1": ("Price", ""), "C1": ("Stock", ""), "A2": ("Tent", ""),
             "B2": (199, "0.00"), "A3": ("Rope", ""), "B3": (9, ""), "C3": (4, "")}  # fmt: skip
    assert texts(sheet(cells, change=change)) == [
        "S",
        "Note on Price: in euros",
        "Item: Tent; Price: 199.00 [note: net of tax, since May]; Stock: [note: not known yet]\n"
        "Item: Rope; Price: 9; Stock: 4",
        "Note on F9: ask Ada",
    ]


THREAD = b"""<ThreadedComments
 xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments">
 <threadedComment ref="A2" id="{1}"><text>Is this right?</text></threadedComment>
 <threadedComment ref="A2" id="{2}" parentId="{1}"><text>Yes, checked.</text></threadedComment>
</ThreadedComments>"""


def test_a_thread_of_comments_replaces_the_note_that_stands_in_for_it() -> None:
    content = sheet(
        {"A1": ("Item", ""), "B1": ("Price", ""), "A2": ("Tent", ""), "B2": (9, "")},
        change=lambda page: page.write_comment("A2", "Your version of Excel cannot show threads"),
    )
    relations = b"""<Relationships
     xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
     <Relationship Id="r1" Target="../comments1.xml" Type="http://schemas.openxmlformats.org/\
officeDocument/2006/relationships/comments"/>
     <Relationship Id="r2" Target="../sharedStrings2.xml" Type="http://schemas.microsoft.com/\
office/2017/10/relationships/threadedComment"/></Relationships>"""
    content = rewritten(content, "xl/worksheets/_rels/sheet1.xml.rels", relations)
    content = rewritten(content, "xl/sharedStrings2.xml", THREAD)
    assert texts(content)[-1] == ("Item: Tent [note: Is this right?; Yes, checked.]; Price: 9")


@pytest.mark.parametrize("comments", [b"<x", b"<comments/>"])
def test_broken_notes_cost_no_cells(comments: bytes) -> None:
    content = sheet(
        {"A1": ("Item", ""), "A2": ("Tent", "")},
        change=lambda page: page.write_comment("A2", "gone"),
    )
    assert texts(rewritten(content, "xl/comments1.xml", comments)) == ["S", "Item\nTent"]


def test_notes_of_opendocument_sheets_stand_with_their_cells() -> None:
    def cell(text: str, note: str = "") -> str:
        remark = f"<office:annotation><text:p>{note}</text:p></office:annotation>" if note else ""
        value = 'office:value-type="string"'
        return f"<table:table-cell {value}>{remark}<text:p>{text}</text:p></table:table-cell>"

    rows = [[cell("Item", "sold here"), cell("Price")], [cell("Tent"), cell("low", "since May")]]
    written = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    body = f'<table:table table:name="S">{written}</table:table>'
    document = read_ods(Blob(odf("spreadsheet", body), "a/book.ods"), ParseLimits()).documents[0]
    assert [block.text for block in document.blocks] == [
        "S",
        "Note on Item: sold here",
        "Item: Tent; Price: low [note: since May]",
    ]
