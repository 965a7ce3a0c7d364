"""Archives of every kind, hostile ones among them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.detect import read_blob
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.parts import harmless_name
from bedplate.parsers.protocol import ParseLimits

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MEBIBYTE = 1 << 20


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def tarred(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                archive.addfile(entry, io.BytesIO(member[1]))
    return file.getvalue()


def read(content: bytes, source: str, limits: ParseLimits | None = None) -> Parsed:
    return read_blob(Blob(content, source), limits or ParseLimits())


def texts(parsed: Parsed) -> dict[str, str]:
    return {document.source: document.text for document in parsed.documents}


def failures(parsed: Parsed) -> dict[str, str]:
    return {failure.source: failure.code for failure in parsed.failures}


def test_each_member_is_a_document_under_its_path() -> None:
    parsed = read(zipped(("notes/a.txt", b"one"), ("b.md", b"# Two\n\nwords")), "in/box.zip")
    assert texts(parsed) == {"in/box.zip!/notes/a.txt": "one", "in/box.zip!/b.md": "Two\n\nwords"}
    first, second = parsed.documents
    assert first.id == first.source
    assert first.origin == "in/box.zip"
    assert first.metadata == {"part_of": "in/box.zip"}
    assert second.media_type == "text/markdown"
    assert parsed.failures == ()


def test_a_member_that_cannot_be_read_fails_alone() -> None:
    parsed = read(zipped(("a.txt", b"one"), ("p.png", PNG[:8] + b"x"), ("e.txt", b"")), "b.zip")
    assert texts(parsed) == {"b.zip!/a.txt": "one"}
    assert failures(parsed)["b.zip!/e.txt"] == "empty"


@pytest.mark.parametrize(
    ("source", "pack"),
    [
        ("a.tar", lambda tar: tar),
        ("a.tar.gz", gzip.compress),
        ("a.tgz", gzip.compress),
        ("a.tar.bz2", bz2.compress),
        ("a.tar.xz", lzma.compress),
        ("a.txz", lzma.compress),
    ],
)
def test_a_packed_tar_is_read_as_one_archive(source: str, pack: Callable[[bytes], bytes]) -> None:
    parsed = read(pack(tarred(("d/a.txt", b"one"), ("b.txt", b"two"))), source)
    assert texts(parsed) == {f"{source}!/d/a.txt": "one", f"{source}!/b.txt": "two"}


def test_one_compressed_file_is_a_part_without_the_ending() -> None:
    (document,) = read(gzip.compress(b"a,b\n1,2\n"), "table.csv.gz").documents
    assert document.source == "table.csv.gz!/table.csv"
    assert document.metadata == {"part_of": "table.csv.gz", "a": 1, "b": 2}


def test_archives_in_archives_are_opened_and_say_where_they_lie() -> None:
    inner = zipped(("c.txt", b"deep"))
    (document,) = read(tarred(("in/b.zip", inner)), "a.tar").documents
    assert document.source == "a.tar!/in/b.zip!/c.txt"
    assert document.origin == "a.tar"
    assert document.metadata == {"part_of": "a.tar!/in/b.zip"}


def test_nesting_ends_somewhere() -> None:
    content = b"deep"
    for depth in range(9):
        content = zipped((f"{depth}.zip" if depth else "a.txt", content))
    parsed = read(content, "bomb.zip")
    assert parsed.documents == ()
    assert [failure.code for failure in parsed.failures] == ["nested"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\..\\windows\\x.txt", "windows/x.txt"),
        ("C:\\x.txt", "C/x.txt"),
        ("a\x07\x1b[31m.txt", "a%07%1B[31m.txt"),
        ("a\u202etxt.exe", "a%202Etxt.exe"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("x" * 400 + ".pdf", "x" * 75 + "…" + "x" * 71 + ".pdf"),
    ],
)
def test_a_name_leads_nowhere_and_hides_nothing(name: str, shown: str) -> None:
    assert harmless_name(name) == shown


@given(st.text(max_size=300))
def test_any_name_becomes_a_printable_relative_path(name: str) -> None:
    shown = harmless_name(name)
    assert shown.isprintable()
    assert shown
    assert not shown.startswith("/")
    assert not {"", ".", ".."} & set(shown.split("/"))
    assert harmless_name(shown) == shown


def test_names_that_meet_are_numbered() -> None:
    parsed = read(zipped(("a.txt", b"one"), ("../a.txt", b"two"), ("./a.txt", b"3")), "b.zip")
    assert texts(parsed) == {
        "b.zip!/a.txt": "one",
        "b.zip!/a (2).txt": "two",
        "b.zip!/a (3).txt": "3",
    }


def test_long_paths_stay_within_what_an_id_may_have() -> None:
    deep = "/".join(["folder" * 20] * 20)
    parsed = read(zipped((f"{deep}/a.txt", b"one"), (f"{deep}/b.txt", b"two")), "b.zip")
    assert len(parsed.documents) == 2
    assert all(len(document.id) <= 1024 for document in parsed.documents)
    assert [document.title for document in parsed.documents] == ["a", "b"]


def test_hidden_files_are_left_out_as_in_a_folder() -> None:
    parsed = read(
        zipped(
            (".git/config", b"x"), ("__MACOSX/a.txt", b"x"), ("a/.b.txt", b"x"), ("c.txt", b"c")
        ),
        "b.zip",
    )
    assert texts(parsed) == {"b.zip!/c.txt": "c"}
    assert parsed.failures == ()


def test_names_in_utf_8_without_the_flag_are_understood() -> None:
    content = zipped(("XX.txt", b"one")).replace(b"XX.txt", "ü.txt".encode()[:2] + b".txt")
    (document,) = read(content, "b.zip").documents
    assert document.source == "b.zip!/ü.txt"


def test_encrypted_members_fail_by_name() -> None:
    content = bytearray(zipped(("a.txt", b"one"), ("b.txt", b"two")))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    parsed = read(bytes(content), "b.zip")
    assert failures(parsed) == {"b.zip!/a.txt": "encrypted"}
    assert texts(parsed) == {"b.zip!/b.txt": "two"}


def test_a_damaged_member_fails_alone() -> None:
    content = zipped(("a.txt", b"one" * 9), ("b.txt", b"two"))
    packed = zlib.compress(b"one" * 9)[2:-4]
    content = content.replace(packed, bytes(len(packed)))
    parsed = read(content, "b.zip")
    assert failures(parsed) == {"b.zip!/a.txt": "malformed"}
    assert texts(parsed) == {"b.zip!/b.txt": "two"}


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("b.zip", zipped(("a.txt", bytes(32 * MEBIBYTE)))),
        ("a.gz", gzip.compress(bytes(32 * MEBIBYTE))),
        ("a.bz2", bz2.compress(bytes(32 * MEBIBYTE))),
        ("a.xz", lzma.compress(bytes(32 * MEBIBYTE))),
        ("c.zip", zipped(("b.bz2", bz2.compress(bytes(32 * MEBIBYTE))))),
    ],
)
def test_what_grows_out_of_all_proportion_is_not_unpacked(source: str, content: bytes) -> None:
    if source.endswith(".zip"):
        parsed = read(content, source)
        assert parsed.documents == ()
        assert [failure.code for failure in parsed.failures] == ["too_large"]
    else:
        with pytest.raises(TooLarge, match="over 300 times its size"):
            read(content, source)


def test_the_limit_on_expanded_bytes_counts_all_members_and_keeps_what_came_before() -> None:
    members = [(f"{n}.txt", bytes([65 + n]) * 40) for n in range(5)]
    parsed = read(zipped(*members), "b.zip", ParseLimits(expanded=100))
    assert list(texts(parsed)) == ["b.zip!/0.txt", "b.zip!/1.txt"]
    assert [failure.code for failure in parsed.failures] == ["too_large"]
    assert "the rest of it was not opened" in parsed.failures[0].message


def test_the_limit_on_expanded_bytes_is_one_for_all_that_is_nested() -> None:
    inner = zipped(("a.txt", b"x" * 60))
    parsed = read(zipped(("1.zip", inner), ("2.zip", inner)), "b.zip",
                  ParseLimits(expanded=2 * len(inner) + 100))  # fmt: skip
    assert list(texts(parsed)) == ["b.zip!/1.zip!/a.txt"]
    assert [failure.code for failure in parsed.failures] == ["too_large"]


def test_the_limits_on_text_and_documents_are_one_for_all_members() -> None:
    members = [(f"{n}.txt", b"words") for n in range(5)]
    for limits in (ParseLimits(characters=12), ParseLimits(documents=2)):
        parsed = read(zipped(*members), "b.zip", limits)
        assert len(parsed.documents) == 2
        assert {failure.code for failure in parsed.failures} == {"too_large"}


def test_parts_that_there_is_no_time_for_are_named_and_the_rest_is_kept() -> None:
    letter = EmailMessage()
    letter["Subject"] = "Umbrellas"
    letter.set_content("Keep it dry.")
    letter.add_attachment(b"Fold it well.", "text", "plain", filename="fold.txt")
    parsed = read(letter.as_bytes(), "m.eml", ParseLimits(seconds=100, spent=100))
    assert texts(parsed) == {"m.eml": "Umbrellas\n\nKeep it dry."}
    assert failures(parsed) == {"m.eml": "timeout"}
    assert "longer than the 100 s of ingest.parse_seconds" in parsed.failures[0].message


@pytest.mark.slow
async def test_scans_in_mails_in_archives_are_read_in_the_parser_process() -> None:
    letter = EmailMessage()
    letter["Subject"] = "Scans"
    letter.set_content("Here they are.")
    pages = io.BytesIO()
    page = Image.new("RGB", (900, 120), "white")
    ImageDraw.Draw(page).text((30, 30), "Keep it dry", "black", ImageFont.load_default(32))
    page.save(pages, "PDF")
    letter.add_attachment(pages.getvalue(), "application", "pdf", filename="scan.pdf")
    async with open_parser(ParseLimits(), slots=1) as parser:
        parsed = await parser.parse(Blob(zipped(("m.eml", letter.as_bytes())), "box.zip"))
    assert failures(parsed) == {}
    assert texts(parsed)["box.zip!/m.eml!/scan.pdf"] == "Keep it dry"


def test_links_and_devices_are_never_followed() -> None:
    link, hard, device = (tarfile.TarInfo(name) for name in ("l.txt", "h.txt", "d.txt"))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "a.txt"
    device.type = tarfile.CHRTYPE
    parsed = read(tarred(link, ("a.txt", b"one"), hard, device), "b.tar")
    assert texts(parsed) == {"b.tar!/a.txt": "one"}
    assert parsed.warnings == ("3 links and devices in it were not followed.",)


def test_a_cut_tar_keeps_the_members_before_the_cut() -> None:
    content = tarred(("a.txt", b"one"), ("b.txt", b"x" * 5000))[:2000]
    parsed = read(content, "b.tar")
    assert texts(parsed) == {"b.tar!/a.txt": "one"}
    assert list(failures(parsed)) in (["b.tar!/b.txt"], ["b.tar"])


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("b.zip", zipped(("a.txt", b"one"))[:-30]),
        ("a.gz", gzip.compress(b"one" * 99)[:-12]),
        ("a.bz2", bz2.compress(b"one" * 99)[:-6]),
        ("a.xz", lzma.compress(b"one" * 99)[:-6]),
        ("a.tar", b"no archive"),
        ("a.tgz", gzip.compress(b"no archive")),
    ],
    ids=["zip", "gz", "bz2", "xz", "tar", "tgz"],
)
def test_a_broken_archive_is_refused(source: str, content: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content, source)
    assert caught.value.reason in {"malformed", "truncated"}


def test_an_archive_without_files_is_empty() -> None:
    with pytest.raises(Unreadable, match="holds nothing to read"):
        read(zipped(), "b.zip")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
            st.binary(max_size=60),
        ),
        max_size=6,
    )
)
def test_every_member_comes_out_as_a_document_or_a_failure(
    members: list[tuple[str, bytes]],
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in dict(members).items():
            archive.writestr(zipfile.ZipInfo(name), content)
    try:
        parsed = read(file.getvalue(), "b.zip")
    except Unreadable:
        return
    assert len({document.id for document in parsed.documents}) == len(parsed.documents)
    for document in parsed.documents:
        assert document.source.startswith("b.zip!/")
        assert document.id.isprintable() or "#" in document.id
