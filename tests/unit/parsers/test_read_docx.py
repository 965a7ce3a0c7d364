import io
import zipfile

import docx
import pytest
from docx.document import Document as WordDocument

from bedplate.domain.documents import Blob, Document
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


def test_strict_open_xml_is_named_as_such() -> None:
    relations = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="r" Target="word/document.xml" Type='
        b'"http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument"/>'
        b"</Relationships>"
    )
    with pytest.raises(Unreadable, match="Strict Open XML") as caught:
        read(rewritten(handbook(), "_rels/.rels", relations))
    assert caught.value.reason == "unsupported"


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
