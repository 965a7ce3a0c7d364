import io
import zipfile
from typing import Any

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from tests.unit.parsers.test_read_docx import rewritten

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.pptx import read_pptx
from bedplate.parsers.protocol import ParseLimits

Slide = Any


def saved(presentation: Any) -> bytes:
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def parse(content: bytes, limits: ParseLimits | None = None) -> Parsed:
    return read_pptx(Blob(content, "a/deck.pptx"), limits or ParseLimits())


def read(presentation: Any) -> Document:
    (document,) = parse(saved(presentation)).documents
    return document


def box(slide: Slide, text: str, left: float, top: float, width: float = 3) -> Any:
    shape = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(0.5))
    shape.text_frame.text = text
    return shape


def blocks(document: Document) -> list[tuple[str, int | None, str]]:
    return [(block.kind, block.page, block.text) for block in document.blocks]


def deck() -> Any:
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Returns"
    first.placeholders[1].text = "Pack it\nSend it"
    first.placeholders[1].text_frame.paragraphs[1].level = 1
    first.notes_slide.notes_text_frame.text = "Mention the label."
    second = presentation.slides.add_slide(presentation.slide_layouts[6])
    box(second, "No title here.", 1, 1)
    return presentation


def test_slides_are_pages_with_titles_bullets_and_notes() -> None:
    presentation = deck()
    presentation.core_properties.title = "Support deck"
    presentation.core_properties.author = "Ada"
    document = read(presentation)
    assert document.title == "Support deck"
    assert document.metadata["author"] == "Ada"
    assert document.pages == 2
    assert blocks(document) == [
        ("heading", 1, "Returns"),
        ("list", 1, "- Pack it\n  - Send it"),
        ("paragraph", 1, "Speaker notes: Mention the label."),
        ("paragraph", 2, "No title here."),
    ]
    assert [block.heading for block in document.blocks] == ["Returns"] * 3 + [None]


def test_shapes_are_read_by_where_they_stand() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    box(slide, "right", 6, 2)
    box(slide, "left below", 1, 3)
    box(slide, "left", 1, 2)
    box(slide, "top", 1, 0.5, 8)
    assert read(presentation).text.split("\n\n") == ["top", "left", "left below", "right"]


def test_placeholders_stand_where_their_layout_puts_them() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[3])
    slide.shapes.title.text = "Both"
    slide.placeholders[2].text, slide.placeholders[1].text = "right", "left"
    tree = slide.shapes.title._element.getparent()
    tree.append(slide.placeholders[1]._element)
    assert read(presentation).text.split("\n\n") == ["Both", "left", "right"]


def test_grouped_shapes_stay_together() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    inner = [box(slide, "one", 1, 1), box(slide, "two", 1, 3)]
    box(slide, "between by height", 6, 2)
    outer = slide.shapes.add_group_shape(inner)
    outer.shapes.add_group_shape([outer.shapes[0]])
    assert read(presentation).text.split("\n\n") == ["one", "two", "between by height"]


def test_tables_carry_their_headers_and_merged_cells() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, 0, 0, Inches(6), Inches(2)).table
    for place, text in enumerate(["", "Small", "Large", "Tent", "1", "2", "", "3", "4"]):
        table.cell(place // 3, place % 3).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    assert blocks(read(presentation)) == [
        ("table", 1, "Tent; Small: 1; Large: 2\nTent; Small: 3; Large: 4")
    ]


def test_charts_give_their_title_categories_and_values() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("2025", (10, 20.5))
    data.add_series("2026", (11, None))
    chart = slide.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(5), Inches(3), data
    ).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Tents sold"
    assert blocks(read(presentation)) == [
        ("paragraph", 1, "Tents sold"),
        ("table", 1, "North; 2025: 10; 2026: 11\nSouth; 2025: 20.5"),
    ]


def test_hidden_slides_are_kept_and_marked() -> None:
    presentation = deck()
    for slide in presentation.slides:
        slide._element.set("show", "0")
    headings = [block.text for block in read(presentation).blocks if block.kind == "heading"]
    assert headings == ["Returns (hidden slide)", "Slide 2 (hidden slide)"]


def test_a_damaged_slide_fails_alone() -> None:
    parsed = parse(rewritten(saved(deck()), "ppt/slides/slide1.xml", b"<p:sld>"))
    assert [document.text for document in parsed.documents] == ["No title here."]
    (failure,) = parsed.failures
    assert (failure.source, failure.code) == ("a/deck.pptx#1", "malformed")
    assert "slide1.xml" in failure.message


def test_strict_open_xml_reads_like_the_other() -> None:
    content = saved(deck())
    name = "ppt/slides/slide1.xml"
    part = read_part(content, name).replace(
        b"http://schemas.openxmlformats.org/presentationml/2006/main",
        b"http://purl.oclc.org/ooxml/presentationml/main",
    )
    assert parse(rewritten(content, name, part)).documents[0].blocks == read(deck()).blocks


def read_part(content: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def test_the_limit_on_pages_holds_for_slides() -> None:
    with pytest.raises(TooLarge, match="has 2 slides; the limit is 1"):
        parse(saved(deck()), ParseLimits(pages=1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (saved(pptx.Presentation()), "empty"),
        (saved(deck())[:9000], "truncated"),
        (rewritten(saved(deck()), "ppt/presentation.xml", b"<x>"), "malformed"),
        (rewritten(saved(deck()), "ppt/presentation.xml", b"<!DOCTYPE x><x/>"), "unsafe"),
        (
            rewritten(
                rewritten(saved(deck()), "ppt/slides/slide1.xml", b""),
                "ppt/slides/slide2.xml",
                b"",
            ),
            "malformed",
        ),
    ],
)
def test_broken_presentations_say_how_they_are_broken(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(content)
    assert caught.value.reason == reason
