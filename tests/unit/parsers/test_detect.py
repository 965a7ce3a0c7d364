import io
import zipfile

import pytest
from tests.fixtures.packages import odf
from tests.fixtures.workbooks import compound

from bedplate.domain.documents import Blob
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers import FORMATS, REFUSED
from bedplate.parsers.archive import OLE_MAGIC
from bedplate.parsers.detect import detect, read_blob
from bedplate.parsers.protocol import ParseLimits

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
HTML = b"<!DOCTYPE html><html><body>hi</body></html>"


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "x")  # no clock: ids of cases must not vary
    return file.getvalue()


@pytest.mark.parametrize(
    ("source", "content", "media_type", "expected"),
    [
        ("a.md", b"# hi", None, "markdown"),
        ("A.MD", b"# hi", None, "markdown"),
        ("a.py", b"x = 1", None, "code"),
        ("a.rtf", b"{\\rtf1 hi}", None, "rtf"),
        ("a.rst", b"hi", None, "markup"),
        ("a.json", b"{}", None, "json"),
        ("a", b"<?xml version='1.0'?><a/>", None, "xml"),
        ("Makefile", b"all:", None, "text"),
        ("upload", b"a,b\n1,2", "text/csv; charset=utf-8", "csv"),
        ("upload", b"hi", "application/octet-stream", "text"),
        ("a.jsonl", b'{"text": "x"}', "text/plain", "jsonl"),
        ("https://x.org/p.html?x=1", b"<p>hi", None, "html"),
        ("w.docx", zipped("word/document.xml"), None, "docx"),
        ("w.pptx", zipped("ppt/presentation.xml"), None, "pptx"),
        ("w.xlsx", zipped("xl/workbook.xml"), None, "xlsx"),
        ("w.xlsx", zipped("xl/workbook.xml")[:60], None, "xlsx"),
        ("w.odt", odf("text", ""), None, "odt"),
        ("w.odp", odf("presentation", ""), None, "odp"),
        ("w.ods", odf("spreadsheet", ""), None, "ods"),
        ("w.epub", zipped("META-INF/container.xml"), None, "epub"),
        ("w.xls", compound({"Workbook": b""}), None, "xls"),
        ("p.pdf", b"junk\n%PDF-1.7", None, "pdf"),
        ("a.zip", zipped("notes.txt"), None, "zip"),
        ("a.zip", zipped("word/notes.txt", "xl/notes.txt"), None, "zip"),
        ("a.eml", b"From: a@b.c\n\nhi", None, "eml"),
        ("a", b"hi", "message/rfc822", "eml"),
        ("a", b"Received: x\n\ty\nFrom: a@b.c\nSubject: hi\n\nhi", None, "eml"),
        ("Inbox", b"From a@b.c Mon Jan  1 10:00:00 2024\nFrom: a@b.c\n\nhi", None, "mbox"),
        ("p.pdf", b"<html>junk</html>\n%PDF-1.7", None, "pdf"),
    ],
)
def test_the_format_is_found(
    source: str, content: bytes, media_type: str | None, expected: str
) -> None:
    found = detect(Blob(content, source, media_type))
    assert found.format.name == expected
    assert found.warning is None


@pytest.mark.parametrize(
    ("source", "content", "expected"),
    [
        ("a.txt", b"%PDF-1.7\n", "pdf"),
        ("a.md", HTML, "html"),
        ("a.pdf", HTML, "html"),
        ("a.pdf", b"\xff\xfe" + HTML.decode().encode("utf-16-le"), "html"),
        ("a.csv", b"<?xml version='1.0'?>\n<!-- x --><html xmlns=''>", "html"),
        ("a.pdf", zipped("word/document.xml"), "docx"),
        ("a.doc", zipped("word/document.xml"), "docx"),
        ("a.docx", zipped("xl/workbook.xml"), "xlsx"),
        ("a.pdf", PNG, "image"),
        ("a.doc", compound({"Book": b""}), "xls"),
        ("a.xls", compound({"WordDocument": b""}), "doc"),
        ("a.doc", compound({"Workbook": b"", "__properties_version1.0": b""}), "msg"),
        ("a.docx", b"plain words", "text"),
    ],
)
def test_a_mislabelled_file_is_read_as_what_it_is_with_a_warning(
    source: str, content: bytes, expected: str
) -> None:
    found = detect(Blob(content, source))
    assert found.format.name == expected
    assert found.warning == (
        f"It is named .{source.split('.')[-1]} but holds {expected}; it was read as such."
    )


@pytest.mark.parametrize(
    ("source", "content", "name"),
    [
        ("a.heic", b"\0\0\0 ftypheic" + bytes(64), "picture of a kind"),
        ("a.txt", b"\x7fELF\x02\x01" + bytes(20), "program"),
        ("a.odg", zipped("META-INF/manifest.xml", "content.xml"), "opendocument"),
        ("a", OLE_MAGIC + bytes(64), "Office file of another kind (OLE)"),
        ("a.pub", compound({"Quill": b""}), "Office file of another kind (OLE)"),
        ("a", b"hi", "application/pkcs7-mime"),
    ],
)
def test_what_is_not_read_is_refused_by_name(source: str, content: bytes, name: str) -> None:
    claimed = name if "/" in name else None
    with pytest.raises(Unreadable) as caught:
        detect(Blob(content, source, claimed))
    assert caught.value.reason == "unsupported"
    shown = "p7m" if claimed else name
    assert f"{shown}" in str(caught.value)
    supported = ", ".join(known.name for known in FORMATS)
    assert str(caught.value).endswith(f"supported: {supported}.")


def test_an_encrypted_office_file_is_encrypted_whatever_its_name() -> None:
    content = OLE_MAGIC + bytes(512) + "EncryptedPackage".encode("utf-16-le")
    for source in ("a.docx", "a.xlsx", "a"):
        with pytest.raises(Unreadable) as caught:
            detect(Blob(content, source))
        assert caught.value.reason == "encrypted"


def test_binary_data_without_a_known_mark_is_refused() -> None:
    for source, reason in (("a.txt", "binary"), ("a", "binary"), ("a.pdf", "malformed")):
        with pytest.raises(Unreadable) as caught:
            read_blob(Blob(bytes(range(256)) * 9, source), ParseLimits())
        assert caught.value.reason == reason


def test_the_warning_of_a_mislabelled_file_comes_with_its_text() -> None:
    parsed = read_blob(Blob(HTML, "a.md"), ParseLimits())
    assert parsed.documents[0].media_type == "text/html"
    assert parsed.warnings == ("It is named .md but holds html; it was read as such.",)


def test_empty_and_oversized_blobs_are_refused_before_they_are_read() -> None:
    with pytest.raises(Unreadable, match=r"'a\.pdf' is empty") as caught:
        read_blob(Blob(b"", "a.pdf"), ParseLimits())
    assert caught.value.reason == "empty"
    with pytest.raises(TooLarge, match="has 11 bytes; the limit is 10"):
        read_blob(Blob(b"x" * 11, "a.txt"), ParseLimits(bytes=10))


def test_no_ending_leads_to_two_formats() -> None:
    endings = [ending for known in (*FORMATS, *REFUSED) for ending in known.endings]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize("source", ["../../etc/passwd", "/etc/passwd", "..\\..\\x.txt", "a\0b.txt"])
def test_names_are_only_names(source: str) -> None:
    (document,) = read_blob(Blob(b"harmless", source), ParseLimits()).documents
    assert document.text == "harmless"
    assert document.source == source
    assert "/" not in document.title
    assert "\0" not in document.title
