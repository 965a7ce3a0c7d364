import io

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.pdf import read_pdf
from bedplate.parsers.protocol import ParseLimits

BODY = (
    "The umbrella keeps you dry in rainy weather, and the coat keeps you",
    "warm when the wind comes from the sea. Both can be returned within",
    "thirty days.",
)


def pdf(
    *, title: str = "", pages: int = 2, password: str | None = None, bookmarks: bool = False
) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, encrypt=StandardEncryption(password) if password else None)
    if title:
        canvas.setTitle(title)
        canvas.setAuthor("Ada")
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 20)
        canvas.drawString(72, 760, f"Chapter {page}")
        if bookmarks:
            canvas.bookmarkPage(f"p{page}")
            canvas.addOutlineEntry(BODY[2], f"p{page}", level=0)
        canvas.setFont("Helvetica", 11)
        for place, line in enumerate((*BODY, "", *BODY)):
            canvas.drawString(72, 720 - 14 * place, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def read(content: bytes, limits: ParseLimits | None = None) -> Parsed:
    return read_pdf(Blob(content, "house/manual.pdf"), limits or ParseLimits())


def test_pages_headings_and_paragraphs_are_found() -> None:
    (document,) = read(pdf(title="The manual")).documents
    paragraph = " ".join(BODY)
    assert document.title == "The manual"
    assert document.pages == 2
    assert document.metadata["author"] == "Ada"
    assert [(b.kind, b.text, b.page, b.heading, b.level) for b in document.blocks] == [
        ("heading", "Chapter 1", 1, "Chapter 1", 1),
        ("paragraph", paragraph, 1, "Chapter 1", None),
        ("paragraph", paragraph, 1, "Chapter 1", None),
        ("heading", "Chapter 2", 2, "Chapter 2", 1),
        ("paragraph", paragraph, 2, "Chapter 2", None),
        ("paragraph", paragraph, 2, "Chapter 2", None),
    ]


def arabic(shown: str, letters: dict[str, str]) -> bytes:
    """A page with `shown`, each character of which is a glyph that stands for some letters."""
    maps = "".join(
        f"<{ord(code):02x}> <{text.encode('utf-16-be').hex()}>\n" for code, text in letters.items()
    )
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(letters)} beginbfchar\n{maps}endbfchar endcmap end end"
    )
    drawn = f"BT /F 12 Tf 72 720 Td ({shown}) Tj ET"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
        f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream",
    ]
    content = "%PDF-1.4\n"
    places: list[int] = []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    content += (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(content)}\n%%EOF"
    )
    return content.encode()


def test_lam_and_alef_of_one_glyph_are_read_in_their_order() -> None:
    # From the left, as a page is drawn: "al-kalam", whose article is two glyphs and whose "la" is one.
    letters = {"m": "\u0645", "x": "\u0644\u0627", "k": "\u0643", "l": "\u0644", "a": "\u0627"}
    (document,) = read(arabic("mxkla", letters)).documents
    assert document.text == "\u0627\u0644\u0643\u0644\u0627\u0645"


def test_bookmarks_name_the_headings_where_there_are_some() -> None:
    (document,) = read(pdf(pages=3, bookmarks=True)).documents
    headings = {b.text for b in document.blocks if b.kind == "heading"}
    assert headings == {BODY[2]}


def test_without_a_title_the_largest_print_on_the_first_page_serves() -> None:
    (document,) = read(pdf()).documents
    assert document.title == "Chapter 1"


def test_a_password_makes_it_encrypted() -> None:
    with pytest.raises(Unreadable, match="wants a password") as caught:
        read(pdf(password="s3cret"))
    assert caught.value.reason == "encrypted"


def test_pages_without_text_are_named_and_a_pdf_without_any_is_a_scan() -> None:
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.drawString(72, 720, "words")
    canvas.showPage()
    canvas.rect(10, 10, 50, 50)
    canvas.showPage()
    canvas.save()
    assert read(file.getvalue()).warnings == (
        "No text on page(s) 2. Nothing can be read in pictures there either.",
    )

    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.rect(10, 10, 50, 50)
    canvas.showPage()
    canvas.save()
    with pytest.raises(Unreadable, match="scan.*Nothing can be read in pictures") as caught:
        read(file.getvalue())
    assert caught.value.reason == "no_text"


def test_more_pages_than_allowed_are_too_large() -> None:
    with pytest.raises(TooLarge, match="has 3 pages; the limit is 2"):
        read(pdf(pages=3), ParseLimits(pages=2))


def test_more_characters_than_allowed_are_too_large() -> None:
    with pytest.raises(TooLarge):
        read(pdf(), ParseLimits(characters=100))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n", "truncated"),
        (pdf()[:200], "truncated"),
        (b"no pdf at all", "malformed"),
        (b"%PDF-1.7\n" + b"junk " * 50 + b"%%EOF", "malformed"),
    ],
)
def test_broken_files_say_how_they_are_broken(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content)
    assert caught.value.reason == reason
