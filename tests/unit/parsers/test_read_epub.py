import pytest
from tests.fixtures.packages import epub, zipped
from tests.unit.parsers.test_read_docx import rewritten

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.epub import read_epub
from bedplate.parsers.protocol import ParseLimits

CHAPTERS = {
    "two.xhtml": "<p>Second.</p>",
    "one.xhtml": "<h1>Packing</h1><p>First.</p><h2>Tents</h2><p>Fold.</p>",
}
NAVIGATION = '<nav><ol><li><a href="two.xhtml#x">Sending</a></li></ol></nav>'
METADATA = (
    "<dc:title>Camping</dc:title><dc:creator>Ada</dc:creator><dc:creator>Bob</dc:creator>"
    "<dc:language>en</dc:language><dc:date>2024-03-04</dc:date>"
)


def parse(content: bytes, limits: ParseLimits | None = None) -> Parsed:
    return read_epub(Blob(content, "a/book.epub"), limits or ParseLimits())


def book() -> bytes:
    return epub(CHAPTERS, metadata=METADATA, navigation=NAVIGATION, spine="one.xhtml two.xhtml")


def test_chapters_come_in_the_order_of_the_spine_with_their_titles() -> None:
    (document,) = parse(book()).documents
    assert document.title == "Camping"
    assert document.metadata == {"author": "Ada, Bob", "lang": "en", "date": "2024-03-04"}
    assert [(block.heading, block.text) for block in document.blocks] == [
        ("Packing", "Packing"),
        ("Packing", "First."),
        ("Packing > Tents", "Tents"),
        ("Packing > Tents", "Fold."),
        ("Sending", "Sending"),
        ("Sending", "Second."),
    ]


def test_the_table_of_contents_of_epub_2_serves_too() -> None:
    ncx = (
        '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "x.dtd"><ncx><navMap><navPoint>'
        '<navLabel><text>Sending</text></navLabel><content src="two.xhtml"/></navPoint></navMap></ncx>'
    )
    opf = (
        b'<package><manifest><item id="t" href="two.xhtml"/><item href="toc.ncx" id="n" '
        b'media-type="application/x-dtbncx+xml"/></manifest><spine><itemref idref="t"/></spine></package>'
    )
    content = rewritten(rewritten(book(), "OPS/book.opf", opf), "OPS/toc.ncx", ncx.encode())
    assert parse(content).documents[0].text == "Sending\n\nSecond."


def test_a_missing_chapter_fails_alone() -> None:
    content = rewritten(book(), "OPS/one.xhtml", b"")
    parsed = parse(content)
    assert parsed.documents[0].text == "Sending\n\nSecond."
    assert [failure.source for failure in parsed.failures] == ["a/book.epub#OPS/one.xhtml"]


def test_the_limit_on_pages_holds_for_chapters() -> None:
    with pytest.raises(TooLarge, match="has 2 chapters"):
        parse(book(), ParseLimits(pages=1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (epub({"a.xhtml": ""}), "empty"),
        (book()[:500], "truncated"),
        (zipped({"META-INF/container.xml": "<container/>"}), "malformed"),
        (rewritten(book(), "OPS/one.xhtml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><p>&a;</p>"), "unsafe"),
        (
            rewritten(
                rewritten(book(), "META-INF/rights.xml", b"<r/>"),
                "META-INF/encryption.xml",
                b"<e/>",
            ),
            "encrypted",
        ),
    ],
)
def test_broken_books_say_how_they_are_broken(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(content)
    assert caught.value.reason == reason
