import pytest
from tests.fixtures.packages import odf, zipped
from tests.unit.parsers.test_read_docx import rewritten

from bedplate.domain.documents import Blob, Document
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.odf import read_odp, read_ods, read_odt
from bedplate.parsers.protocol import ParseLimits


def text(body: str, meta: str = "") -> Document:
    blob = Blob(odf("text", body, meta), "a/report.odt")
    return read_odt(blob, ParseLimits()).documents[0]


def sheet(rows: str, limits: ParseLimits | None = None) -> Document:
    body = f'<table:table table:name="Prices">{rows}</table:table>'
    blob = Blob(odf("spreadsheet", body), "a/book.ods")
    return read_ods(blob, limits or ParseLimits()).documents[0]


def cell(value: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{value}</text:p></table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def test_headings_paragraphs_lists_and_tables_keep_reading_order() -> None:
    document = text(
        '<text:h text:outline-level="1">Returns</text:h>'
        "<text:p>Within<text:s text:c='2'/>thirty<text:line-break/>days.</text:p>"
        '<text:h text:outline-level="2">Steps</text:h>'
        "<text:list><text:list-item><text:p>Pack it</text:p><text:list><text:list-item>"
        "<text:p>well</text:p></text:list-item></text:list></text:list-item></text:list>"
        f"<table:table>{row(cell('Item'), cell('Price'))}{row(cell('Tent'), cell('199'))}"
        "</table:table>",
        "<dc:title>Support</dc:title><dc:creator>Ada</dc:creator>"
        "<meta:creation-date>2024-03-04T05:06:07</meta:creation-date>",
    )
    assert document.title == "Support"
    assert document.metadata == {"author": "Ada", "created": "2024-03-04T05:06:07+00:00"}
    assert [(b.kind, b.text, b.heading) for b in document.blocks] == [
        ("heading", "Returns", "Returns"),
        ("paragraph", "Within  thirty\ndays.", "Returns"),
        ("heading", "Steps", "Returns > Steps"),
        ("list", "- Pack it\n  - well", "Returns > Steps"),
        ("table", "Item: Tent; Price: 199", "Returns > Steps"),
    ]


def test_notes_follow_their_paragraph_and_deleted_text_is_left_out() -> None:
    document = text(
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:p>Thirty<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>Working days.</text:p></text:note-body></text:note> days."
        "<office:annotation><text:p>really?</text:p></office:annotation></text:p>"
    )
    assert [block.text for block in document.blocks] == ["Thirty days.", "Note 1: Working days."]


def test_pages_are_known_where_the_breaks_were_written() -> None:
    broken = "<text:p>a</text:p><text:p>b<text:soft-page-break/>b</text:p><text:p>c</text:p>"
    document = text(broken)
    assert [(block.text, block.page) for block in document.blocks] == [
        ("a", 1),
        ("bb", 1),
        ("c", 2),
    ]
    assert document.pages == 2
    assert text("<text:p>a</text:p>").blocks[0].page is None


def test_slides_are_pages_with_titles_places_and_notes() -> None:
    def frame(content: str, place: str) -> str:
        return f"<draw:frame {place}><draw:text-box>{content}</draw:text-box></draw:frame>"

    at = 'svg:x="{}cm" svg:y="3cm" svg:width="5cm" svg:height="5cm"'
    slides = (
        f"<draw:page>{frame('<text:p>right</text:p>', at.format(10))}"
        f"{frame('<text:p>left</text:p>', at.format(1))}"
        f"{frame('<text:p>Returns</text:p>', 'presentation:class=' + chr(34) + 'title' + chr(34))}"
        f"<presentation:notes>{frame('<text:p>Say it.</text:p>', '')}</presentation:notes>"
        f"</draw:page><draw:page>{frame('<text:p>bare</text:p>', '')}</draw:page>"
    )
    blob = Blob(odf("presentation", slides), "a/deck.odp")
    (document,) = read_odp(blob, ParseLimits()).documents
    assert [(b.page, b.heading, b.text) for b in document.blocks] == [
        (1, "Returns", "Returns"),
        (1, "Returns", "left"),
        (1, "Returns", "right"),
        (1, "Returns", "Speaker notes: Say it."),
        (2, None, "bare"),
    ]
    with pytest.raises(TooLarge, match="has 2 slides"):
        read_odp(blob, ParseLimits(pages=1))


def test_sheets_give_rows_with_names_dates_and_merged_cells() -> None:
    dated = cell("04.03.24", 'office:value-type="date" office:date-value="2024-03-04T00:00:00"')
    price = cell("1,50 €", 'office:value-type="currency" office:value="1.5"')
    document = sheet(
        row(cell("Item"), cell("Price"), cell("Since"))
        + row(cell("Tent", 'table:number-rows-spanned="2"'), price, dated)
        + row(
            "<table:covered-table-cell/>", cell("2", 'office:value-type="float" office:value="2"')
        )
    )
    assert [(b.page, b.text) for b in document.blocks] == [
        (1, "Prices"),
        (1, "Item: Tent; Price: 1,50 €; Since: 2024-03-04\nItem: Tent; Price: 2"),
    ]


def test_empty_repeats_to_the_edge_of_a_sheet_cost_nothing() -> None:
    edge = '<table:table-cell table:number-columns-repeated="16384"/>'
    document = sheet(
        row(cell("only"), edge) + row(edge, attributes='table:number-rows-repeated="1048576"')
    )
    assert document.text == "Prices\n\nonly"


def test_filled_repeats_to_the_edge_of_a_sheet_are_too_large() -> None:
    filled = cell("x", 'table:number-columns-repeated="16384"')
    with pytest.raises(TooLarge, match="spans over 5,000,000 cells"):
        sheet(row(filled, attributes='table:number-rows-repeated="1048576"'))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (odf("text", ""), "empty"),
        (odf("text", "<text:p>x</text:p>")[:300], "truncated"),
        (odf("spreadsheet", ""), "malformed"),
        (zipped({"a": "b"}), "malformed"),
        (rewritten(odf("text", ""), "content.xml", b"<!DOCTYPE x><x/>"), "unsafe"),
        (
            rewritten(
                odf("text", ""), "META-INF/manifest.xml", b"<m><manifest:encryption-data/></m>"
            ),
            "encrypted",
        ),
    ],
)
def test_broken_files_say_how_they_are_broken(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_odt(Blob(content, "a"), ParseLimits())
    assert caught.value.reason == reason
