"""What repeats at the edge of page after page is left out; what only looks like it stays."""

import io
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from bedplate.domain.documents import Blob, Document
from bedplate.parsers.pdf import read_pdf
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.running_heads import Extent, find_running_heads

HEIGHT = 842


def pdf(pages: int, draw: Callable[[Canvas, int], None]) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(595, HEIGHT), invariant=True)
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica", 11)
        draw(canvas, page)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def body(canvas: Canvas, page: int, top: float = 760) -> None:
    for place in range(10):
        words = f"Sentence {place} of part {page * 7} says what no other one does."
        canvas.drawString(72, top - 14 * place, words)


def read(content: bytes) -> tuple[Document, tuple[str, ...]]:
    parsed = read_pdf(Blob(content, "house/report.pdf"), ParseLimits())
    return parsed.documents[0], parsed.warnings


def test_heads_feet_and_page_numbers_are_left_out_and_named() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.drawString(72, 806, "ACME annual report")
        body(canvas, page)
        canvas.drawString(280, 30, f"Page {page + 4} of 12")

    document, warnings = read(pdf(4, draw))
    assert "ACME" not in document.text
    assert "of 12" not in document.text
    assert document.text.count("says what no other one does") == 40
    assert warnings == (
        "Left out as running heads and feet of 4 pages: "
        "'ACME annual report' on 4; 'Page # of 12' on 4.",
    )


def test_left_and_right_pages_and_chapters_have_heads_of_their_own() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        head = "The manual" if page % 2 else ("Safety" if page <= 6 else "Repair")
        canvas.drawString(72 if page % 2 else 400, 806, head)
        body(canvas, page)
        canvas.drawString(72 if page % 2 else 500, 30, str(page))

    document, warnings = read(pdf(12, draw))
    assert [word in document.text for word in ("manual", "Safety", "Repair")] == [False] * 3
    assert warnings == (
        "Left out as running heads and feet of 12 pages: "
        "'#' on 12; 'The manual' on 6; 'Repair' on 3; 'Safety' on 3.",
    )


def test_a_table_that_goes_on_keeps_the_names_of_its_columns() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.drawString(72, 820, "Price list")
        for place in range(45):
            row = "Item Price Stock" if place == 0 else f"Tent{page}x{place} {page + place} 7"
            canvas.drawString(72, 780 - 16 * place, row)

    document, warnings = read(pdf(5, draw))
    assert document.text.count("Item Price Stock") == 5
    assert warnings == ("Left out as running heads and feet of 5 pages: 'Price list' on 5.",)


def test_titles_of_slides_stay_though_they_repeat() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.setFont("Helvetica-Bold", 24)
        canvas.drawString(72, 800, "Results" if page < 5 else f"Question {page}")
        canvas.setFont("Helvetica", 11)
        body(canvas, page, top=700)

    document, warnings = read(pdf(8, draw))
    assert [b.text for b in document.blocks if b.kind == "heading"] == [
        *["Results"] * 4, "Question 5", "Question 6", "Question 7", "Question 8",
    ]  # fmt: skip
    assert warnings == ()


def test_a_numbered_title_of_the_bodys_size_stays() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.drawString(72, 800, f"Question {page}")
        body(canvas, page, top=740)

    document, _ = read(pdf(6, draw))
    assert all(f"Question {page}" in document.text for page in range(1, 7))


def test_two_pages_lose_nothing() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.drawString(72, 806, "ACME annual report")
        body(canvas, page)

    document, warnings = read(pdf(2, draw))
    assert document.text.count("ACME annual report") == 2
    assert warnings == ()


def test_a_page_with_nothing_else_keeps_what_is_on_it() -> None:
    document, _ = read(pdf(4, lambda canvas, _: canvas.drawString(72, 806, "Confidential")))
    assert document.text.count("Confidential") == 4


def test_what_a_bookmark_names_stays() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.bookmarkPage(f"p{page}")
        canvas.addOutlineEntry("Minutes", f"p{page}", level=0)
        canvas.drawString(72, 806, "Minutes")
        body(canvas, page)

    document, _ = read(pdf(4, draw))
    assert [b.text for b in document.blocks if b.kind == "heading"] == ["Minutes"] * 4


def test_without_the_heads_the_title_is_still_the_printed_one() -> None:
    def draw(canvas: Canvas, page: int) -> None:
        canvas.drawString(72, 806, "ACME")
        if page == 1:
            canvas.setFont("Helvetica-Bold", 20)
            canvas.drawString(72, 780, "Refund policy")
            canvas.setFont("Helvetica", 11)
        body(canvas, page, top=740)

    document, _ = read(pdf(3, draw))
    assert document.title == "Refund policy"


class Line:
    def __init__(self, text: str, bottom: float, size: float, *, bold: bool) -> None:
        self.text, self.bottom, self.size, self.bold = text, bottom, size, bold


LINES = st.builds(
    Line,
    st.sampled_from(["Head", "3", "Page 1", "x", "", "Body of some words"]),
    st.sampled_from([0.0, 10.0, 400.0, 414.0, 790.0, 806.0]),
    st.sampled_from([0.0, 9.0, 11.0, 30.0]),
    bold=st.booleans(),
)


@given(st.lists(st.lists(LINES, max_size=6), max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_is_printed_no_page_loses_all_and_its_middle_stays(
    pages: list[list[Line]],
) -> None:
    found = find_running_heads(pages, [Extent(0, HEIGHT)] * len(pages))
    for number, places in found.places.items():
        lines = pages[number - 1]
        assert places < set(range(len(lines)))
        assert all(
            lines[place].bottom >= 0.88 * HEIGHT or lines[place].bottom <= 0.12 * HEIGHT
            for place in places
        )
    assert sum(found.said.values()) >= len(found.places)
