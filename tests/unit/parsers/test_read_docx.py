import io
import re
import zipfile
from collections.abc import Sequence

import docx
import pytest
from docx.document import Document as WordDocument
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pptx.chart.data import CategoryChartData
from pptx.chart.xmlwriter import ChartXmlWriter
from pptx.enum.chart import XL_CHART_TYPE

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.archive import OLE_MAGIC
from bedplate.parsers.docx import read_docx
from bedplate.parsers.protocol import ParseLimits


def saved(document: WordDocument) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def handbook() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Support handbook"
    document.core_properties.author = "Ada"
    document.add_heading("Returns", 1)
    document.add_paragraph("Within thirty days.")
    document.add_heading("Steps", 2)
    document.add_paragraph("Pack it", style="List Bullet")
    document.add_paragraph("Send it", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells),
        ["Item", "Price", "Tent", "199"],
        strict=True,
    ):
        cell.text = text
    document.add_paragraph("Afterwards.")
    return saved(document)


def read(content: bytes, limits: ParseLimits | None = None) -> Document:
    (document,) = read_docx(Blob(content, "a/handbook.docx"), limits or ParseLimits()).documents
    return document


def rewritten(content: bytes, name: str, part: bytes) -> bytes:
    """The archive with one part exchanged or added."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, part)
    return file.getvalue()


def test_headings_lists_and_tables_keep_reading_order() -> None:
    document = read(handbook())
    assert document.title == "Support handbook"
    assert document.metadata == {"author": "Ada"}
    assert [(b.kind, b.text, b.heading, b.level) for b in document.blocks] == [
        ("heading", "Returns", "Returns", 1),
        ("paragraph", "Within thirty days.", "Returns", None),
        ("heading", "Steps", "Returns > Steps", 2),
        ("list", "- Pack it\n- Send it", "Returns > Steps", None),
        ("table", "Item: Tent; Price: 199", "Returns > Steps", None),
        ("paragraph", "Afterwards.", "Returns > Steps", None),
    ]


def test_merged_cells_stay_under_their_headers() -> None:
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for place, text in enumerate(["Item", "Size", "Price", "Tent", "S", "1", "", "all", "2"]):
        table.cell(place // 3, place % 3).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(2, 1).merge(table.cell(2, 2))
    assert read(saved(document)).text.split("\n") == [
        "Item: Tent; Size: S; Price: 1",
        "Item: Tent; Size: all 2",
    ]


def test_deleted_text_is_left_out_and_inserted_text_kept() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("kept ")
    old, new = paragraph.add_run("old"), paragraph.add_run("new")
    for run, tag in ((old, "w:del"), (new, "w:ins")):
        wrapper = docx.oxml.OxmlElement(tag)
        run._r.addprevious(wrapper)
        wrapper.append(run._r)
    assert read(saved(document)).text == "kept new"


def test_text_in_content_controls_is_read() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("controlled")
    control, content = docx.oxml.OxmlElement("w:sdt"), docx.oxml.OxmlElement("w:sdtContent")
    paragraph._p.addprevious(control)
    control.append(content)
    content.append(paragraph._p)
    assert read(saved(document)).text == "controlled"


def test_a_document_without_words_is_empty() -> None:
    with pytest.raises(Unreadable) as caught:
        read(saved(docx.Document()))
    assert caught.value.reason == "empty"


@pytest.mark.parametrize(
    "head",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x>'.encode("utf-16"),
    ],
)
def test_entities_are_never_expanded(head: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(rewritten(handbook(), "word/document.xml", head + b"<x>&b;&e;</x>"))
    assert caught.value.reason == "unsafe"


def test_a_zip_bomb_is_not_opened() -> None:
    bomb = rewritten(handbook(), "word/media/image.bmp", bytes(30_000_000))
    assert len(bomb) < 200_000
    with pytest.raises(TooLarge, match="unpacks to more than 20,000,000 bytes"):
        read(bomb, ParseLimits(expanded=20_000_000))


def test_a_zip_that_lies_about_its_sizes_is_refused() -> None:
    bomb = rewritten(handbook(), "word/media/image.bmp", bytes(30_000_000))
    size = (30_000_000).to_bytes(4, "little")
    with pytest.raises((Unreadable, TooLarge)):
        read(bomb.replace(size, (10).to_bytes(4, "little")), ParseLimits(expanded=20_000_000))


def test_members_with_hostile_paths_stay_inside_the_archive() -> None:
    content = rewritten(handbook(), "../../../../escaped.txt", b"x")
    assert read(content).title == "Support handbook"


def test_an_encrypted_document_is_said_to_be_encrypted() -> None:
    content = OLE_MAGIC + bytes(512) + "EncryptedPackage".encode("utf-16-le") + bytes(512)
    with pytest.raises(Unreadable, match="wants a password") as caught:
        read(content)
    assert caught.value.reason == "encrypted"


def test_an_archive_with_encrypted_parts_is_encrypted() -> None:
    content = bytearray(handbook())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 8] |= 1
    with pytest.raises(Unreadable, match="encrypted parts") as caught:
        read(bytes(content))
    assert caught.value.reason == "encrypted"


def strict(content: bytes) -> bytes:
    """The same document in the namespaces of Strict Open XML."""
    usual = re.compile(
        rb"http://schemas\.openxmlformats\.org/(officeDocument|wordprocessingml)/2006/"
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            part = usual.sub(rb"http://purl.oclc.org/ooxml/\1/", archive.read(name))
            content = rewritten(content, name, part)
    return content


def test_strict_open_xml_reads_the_same() -> None:
    blocks = read(strict(handbook())).blocks
    assert b"purl.oclc.org" in zipfile.ZipFile(io.BytesIO(strict(handbook()))).read("_rels/.rels")
    assert blocks == read(handbook()).blocks


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def numbered(levels: str, lists: str, paragraphs: Sequence[tuple[str, int, str]]) -> Document:
    """A document whose paragraphs (list, depth, text) are counted by these definitions."""
    body = "".join(
        f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
        f"</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
        for number, depth, text in paragraphs
    )
    content = rewritten(
        handbook(),
        "word/document.xml",
        f"<w:document {W}><w:body>{body}</w:body></w:document>".encode(),
    )
    numbering = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>{lists}'
        "</w:numbering>"
    )
    return read(rewritten(content, "word/numbering.xml", numbering.encode()))


def level(depth: int, format: str, text: str, more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:numFmt w:val="{format}"/><w:lvlText w:val="{text}"/>{more}'
        "</w:lvl>"
    )


def counted(id: str, more: str = "") -> str:
    return f'<w:num w:numId="{id}"><w:abstractNumId w:val="0"/>{more}</w:num>'


def test_list_numbers_are_counted_as_word_does() -> None:
    levels = level(0, "upperRoman", "%1.") + level(1, "decimal", "%1.%2", "<w:isLgl/>")
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'
    document = numbered(
        levels + level(2, "lowerLetter", "(%3)") + level(3, "bullet", "\uf0b7"),
        counted("1") + counted("2", again),
        [("1", 0, "a"), ("1", 1, "b"), ("1", 1, "c"), ("1", 2, "d"), ("1", 3, "e"), ("1", 0, "f"),
         ("1", 1, "g"), ("2", 0, "h"), ("1", 0, "i"), ("9", 0, "j")],
    )  # fmt: skip
    assert document.text.split("\n") == [
        *("I. a", "  1.1 b", "  1.2 c", "    (a) d", "      - e", "II. f", "  2.1 g"),
        *("VII. h", "VIII. i", "- j"),
    ]


@pytest.mark.parametrize(
    ("format", "start", "label"),
    [("lowerLetter", 27, "aa"), ("lowerLetter", 999, "999"), ("lowerRoman", 1994, "mcmxciv"),
     ("lowerRoman", 5000, "5000"), ("decimalZero", 3, "03"), ("none", 1, "-"), ("chosung", 4, "4")],
)  # fmt: skip
def test_every_way_of_counting_has_a_label(format: str, start: int, label: str) -> None:
    levels = level(0, format, "%1", f'<w:start w:val="{start}"/>')
    assert numbered(levels, counted("1"), [("1", 0, "a")]).text == f"{label} a"


def test_headings_carry_their_numbers_and_name_them_in_the_path() -> None:
    document = docx.Document()
    style = document.styles["Heading 1"].element
    numbering = OxmlElement("w:numPr")
    number = OxmlElement("w:numId")
    number.set(qn("w:val"), "1")
    numbering.append(number)
    style.get_or_add_pPr().append(numbering)
    for text in ("Scope", "Terms"):
        document.add_heading(text, 1)
    document.add_paragraph("Within thirty days.")
    definitions = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">{level(0, "decimal", "%1")}'
        f"</w:abstractNum>{counted('1')}</w:numbering>"
    )
    blocks = read(rewritten(saved(document), "word/numbering.xml", definitions.encode())).blocks
    assert [block.text for block in blocks] == ["1 Scope", "2 Terms", "Within thirty days."]
    assert blocks[-1].heading == "2 Terms"


M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def r(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


@pytest.mark.parametrize(
    ("maths", "written"),
    [
        (f"{r('A=π')}<m:sSup><m:e>{r('r')}</m:e><m:sup>{r('2')}</m:sup></m:sSup>", "A=πr^{2}"),
        (f"<m:f><m:num>{r('a')}</m:num><m:den>{r('b')}</m:den></m:f>", r"\frac{a}{b}"),
        (f"<m:rad><m:deg>{r('3')}</m:deg><m:e>{r('x')}</m:e></m:rad>", r"\sqrt[3]{x}"),
        (
            '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>'
            f"<m:sub>{r('i')}</m:sub><m:sup>{r('n')}</m:sup><m:e>{r('x')}</m:e></m:nary>",
            "∑_{i}^{n} x",
        ),
        (
            '<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val=""/></m:dPr>'
            f"<m:e>{r('x')}</m:e><m:e>{r('y')}</m:e></m:d>",
            "[x|y",
        ),
        (
            f"<m:m><m:mr><m:e>{r('a')}</m:e><m:e>{r('b')}</m:e></m:mr>"
            f"<m:mr><m:e>{r('c')}</m:e><m:e>{r('d')}</m:e></m:mr></m:m>",
            r"a & b \\ c & d",
        ),
        (f"<m:limLow><m:e>{r('max')}</m:e><m:lim>{r('x')}</m:lim></m:limLow>", "max_{x}"),
        (f"<m:func><m:fName>{r('sin')}</m:fName><m:e>{r('x')}</m:e></m:func>", "sin x"),
        (f"<m:box><m:boxPr/><m:e>{r('x')}</m:e></m:box>", "x"),
    ],
)
def test_equations_are_written_as_latex(maths: str, written: str) -> None:
    body = f"<w:p><w:r><w:t>So: </w:t></w:r><m:oMath>{maths}</m:oMath></w:p>"
    part = f"<w:document {W} {M}><w:body>{body}</w:body></w:document>"
    content = rewritten(handbook(), "word/document.xml", part.encode())
    assert read(content).text == f"So: {written}"


def test_charts_are_tables_of_their_values() -> None:
    chart_type = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/chart"
    data = CategoryChartData()
    data.categories = ["March", "April"]
    data.add_series("Tents", (12, 30))
    xml = ChartXmlWriter(XL_CHART_TYPE.COLUMN_CLUSTERED, data).xml.encode()
    content = handbook()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        relations = archive.read("word/_rels/document.xml.rels")
    relations = relations.replace(
        b"</Relationships>",
        f'<Relationship Id="c1" Type="{chart_type}" Target="charts/c.xml"/>'
        f'<Relationship Id="c2" Type="{chart_type}" Target="charts/bad.xml"/>'
        "</Relationships>".encode(),
    )
    shown = "".join(
        '<w:p><w:r><w:drawing><c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
        f'r:id="{id}"/></w:drawing></w:r></w:p>'
        for id in ("c1", "c2", "c3")
    )
    content = rewritten(content, "word/_rels/document.xml.rels", relations)
    content = rewritten(content, "word/charts/c.xml", xml)
    content = rewritten(content, "word/charts/bad.xml", b"<c:chartSpace")
    body = f"<w:document {W}><w:body>{shown}</w:body></w:document>"
    content = rewritten(content, "word/document.xml", body.encode())
    parsed = read_docx(Blob(content, "a.docx"), ParseLimits())
    assert parsed.documents[0].text == "March; Tents: 12\nApril; Tents: 30"
    (warning,) = parsed.warnings
    assert "A chart was not read. 'a.docx' is damaged in 'word/charts/bad.xml'" in warning


def with_notes(body: str, notes: str) -> Parsed:
    """`notes` stands in the footnotes; the endnotes are damaged."""
    content = handbook()
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        relations = archive.read("word/_rels/document.xml.rels")
    more = "".join(
        f'<Relationship Id="{name}" Type="{kind}{name}" Target="{name}.xml"/>'
        for name in ("footnotes", "endnotes")
    )
    relations = relations.replace(b"</Relationships>", f"{more}</Relationships>".encode())
    content = rewritten(content, "word/_rels/document.xml.rels", relations)
    content = rewritten(
        content, "word/footnotes.xml", f"<w:footnotes {W}>{notes}</w:footnotes>".encode()
    )
    content = rewritten(content, "word/endnotes.xml", b"<w:endnotes")
    document = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    content = rewritten(content, "word/document.xml", document.encode())
    return read_docx(Blob(content, "a.docx"), ParseLimits())


def test_notes_follow_what_they_are_of_and_are_numbered_as_they_come() -> None:
    def paragraph(text: str, note: int | None = None, kind: str = "footnote") -> str:
        mark = "" if note is None else f'<w:r><w:{kind}Reference w:id="{note}"/></w:r>'
        return f"<w:p><w:r><w:t>{text}</w:t></w:r>{mark}</w:p>"

    def note(id: int, text: str) -> str:
        return f'<w:footnote w:id="{id}"><w:p><w:r><w:footnoteRef/></w:r><w:r><w:t> {text}</w:t></w:r></w:p></w:footnote>'

    cells = "".join(f"<w:tc>{each}</w:tc>" for each in (paragraph("Tents", 4), paragraph("12")))
    parsed = with_notes(
        paragraph("Thirty days.", 9)
        + paragraph("Nothing more.")
        + paragraph("Unknown.", 77)
        + paragraph("At the end.", 1, "endnote")
        + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>",
        note(-1, "a line") + note(4, "From May on.") + note(9, "Working days."),
    )
    assert [block.text for block in parsed.documents[0].blocks] == [
        "Thirty days.", "Note 1: Working days.", "Nothing more.", "Unknown.", "At the end.",
        "Tents: 12", "Note 2: From May on.",
    ]  # fmt: skip
    (warning,) = parsed.warnings
    assert warning.startswith(
        "The endnotes were not read. 'a.docx' is damaged in 'word/endnotes.xml'"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (handbook()[: len(handbook()) // 2], "truncated"),
        (b"PK\x03\x04" + bytes(50) + b"PK\x05\x06", "malformed"),
        (b"not a zip", "malformed"),
        (rewritten(handbook(), "word/document.xml", b"<w:document>"), "malformed"),
        (rewritten(handbook(), "[Content_Types].xml", b"<x/>"), "malformed"),
    ],
)
def test_broken_files_say_how_they_are_broken(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content)
    assert caught.value.reason == reason
