"""One suite over every format in the table: what any reader promises."""

import atexit
import bz2
import gc
import gzip
import io
import json
import lzma
import tarfile
import time
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docx
import pptx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas
from tests.fixtures.old_office import doc, msg, ppt
from tests.fixtures.packages import epub, odf
from tests.fixtures.tiny_whisper import save_whisper, wav
from tests.fixtures.workbooks import xls, xlsx

from bedplate.domain.documents import BLOCK_SEPARATOR, Blob, Parsed
from bedplate.errors import BedplateError, TooLarge, Unreadable
from bedplate.parsers import FORMATS, READERS, Format
from bedplate.parsers.decode import clean
from bedplate.parsers.detect import read_blob
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits


@cache
def speech_model() -> str:
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    return str(save_whisper(Path(folder.name) / "whisper"))


def limits_of(**changes: Any) -> ParseLimits:
    return ParseLimits(speech_model=speech_model(), **changes)


WORDS = "The umbrella keeps you dry in rainy weather."
OTHER = "The parasol keeps you cool in sunny weather."


def pdf_sample() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, invariant=True)
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(72, 760, "Umbrellas")
    canvas.setFont("Helvetica", 11)
    for page in range(2):
        canvas.drawString(72, 700, WORDS)
        canvas.drawString(
            72, 686, f"This is page {page + 1} of the handbook, and there is one more."
        )
        canvas.showPage()
        canvas.setFont("Helvetica", 11)
    canvas.save()
    return file.getvalue()


def docx_sample() -> bytes:
    document = docx.Document()
    document.add_heading("Umbrellas", 1)
    document.add_paragraph(WORDS)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def zip_sample(words: str = WORDS) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("notes/rain.txt"), words)
    return file.getvalue()


def tar_sample(words: str = WORDS) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("notes/rain.txt")
        member.size = len(words)
        archive.addfile(member, io.BytesIO(words.encode()))
    return file.getvalue()


def eml_sample(words: str = WORDS) -> bytes:
    return f"From: ann@example.org\nSubject: Umbrellas\n\n{words}\n".encode()


def mbox_sample(words: str = WORDS) -> bytes:
    return b"From ann@example.org Mon Jan  1 10:00:00 2024\n" + eml_sample(words)


def pptx_sample() -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Umbrellas"
    slide.placeholders[1].text = WORDS
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def image_sample() -> bytes:
    image = Image.new("RGB", (640, 60), "white")
    ImageDraw.Draw(image).text((16, 16), WORDS, "black", ImageFont.load_default(24))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Sample:
    """A small file of one format, and what its reader promises of it.

    `inner` is the media type of what lies in a container, `other` the container with other words.
    """

    content: bytes
    heading: str | None = None
    page: int | None = None
    inner: str | None = None
    other: bytes | None = None


ROWS = "\n".join(json.dumps({"id": str(n), "text": f"{WORDS} {n}"}) for n in range(3))

SAMPLES = {
    "text": Sample(f"Umbrellas\n\n{WORDS}\n".encode()),
    "markdown": Sample(f"# Umbrellas\n\n{WORDS}\n".encode(), "Umbrellas"),
    "html": Sample(f"<h1>Umbrellas</h1><p>{WORDS}</p>".encode(), "Umbrellas"),
    "pdf": Sample(pdf_sample(), "Umbrellas", 1),
    "docx": Sample(docx_sample(), "Umbrellas"),
    "pptx": Sample(pptx_sample(), "Umbrellas", 1),
    "xlsx": Sample(xlsx({"Umbrellas": [[WORDS]]}), "Umbrellas", 1),
    "msg": Sample(msg("Umbrellas", WORDS), "Umbrellas", other=msg("Umbrellas", OTHER)),
    "doc": Sample(doc(f"Umbrellas\r{WORDS}\r")),
    "ppt": Sample(ppt("Umbrellas", WORDS)),
    "xls": Sample(xls({"Umbrellas": [[WORDS]]}), "Umbrellas", 1),
    "odt": Sample(odf("text", f"<text:h>Umbrellas</text:h><text:p>{WORDS}</text:p>"), "Umbrellas"),
    "ods": Sample(
        odf(
            "spreadsheet",
            '<table:table table:name="Umbrellas"><table:table-row><table:table-cell>'
            f"<text:p>{WORDS}</text:p></table:table-cell></table:table-row></table:table>",
        ),
        "Umbrellas",
        1,
    ),
    "odp": Sample(
        odf(
            "presentation",
            '<draw:page><draw:frame presentation:class="title"><text:p>Umbrellas</text:p>'
            f"</draw:frame><draw:frame><text:p>{WORDS}</text:p></draw:frame></draw:page>",
        ),
        "Umbrellas",
        1,
    ),
    "epub": Sample(epub({"a.xhtml": f"<h1>Umbrellas</h1><p>{WORDS}</p>"}), "Umbrellas"),
    "image": Sample(image_sample(), None, 1),
    "jsonl": Sample(ROWS.encode()),
    "csv": Sample(f"id,text\n1,{WORDS}\n2,{WORDS}\n3,{WORDS}\n".encode()),
    "rtf": Sample(f"{{\\rtf1\\ansi Umbrellas\\par\\par {WORDS}}}".encode()),
    "markup": Sample(f"Umbrellas\n=========\n\n{WORDS}\n".encode(), "Umbrellas"),
    "code": Sample(f"def umbrellas():\n    return '{WORDS}'\n".encode(), "umbrellas"),
    "subtitles": Sample(f"WEBVTT\n\n1:20.500 --> 1:22.000\n{WORDS}\n".encode(), "00:01:20"),
    "sound": Sample(wav(2), "00:00:00"),
    "json": Sample(json.dumps({"Umbrellas": {"advice": WORDS, "size": {}}}).encode(), "Umbrellas"),
    "xml": Sample(f"<a><title>Umbrellas</title><p>{WORDS}</p></a>".encode(), "Umbrellas"),
    "zip": Sample(zip_sample(), inner="text/plain", other=zip_sample(OTHER)),
    "tar": Sample(tar_sample(), inner="text/plain", other=tar_sample(OTHER)),
    "gzip": Sample(
        gzip.compress(WORDS.encode(), mtime=0),
        inner="text/plain",
        other=gzip.compress(OTHER.encode()),
    ),
    "bzip2": Sample(
        bz2.compress(WORDS.encode()), inner="text/plain", other=bz2.compress(OTHER.encode())
    ),
    "xz": Sample(
        lzma.compress(WORDS.encode()), inner="text/plain", other=lzma.compress(OTHER.encode())
    ),
    "eml": Sample(eml_sample(), "Umbrellas"),
    "mbox": Sample(mbox_sample(), "Umbrellas", inner="message/rfc822", other=mbox_sample(OTHER)),
}

# Characters in pictures take seconds to read; test_read_image.py reads one whatever is run.
each_format = pytest.mark.parametrize(
    "known",
    [
        pytest.param(known, id=known.name, marks=[pytest.mark.slow] * (known.name == "image"))
        for known in FORMATS
    ],
)


def blob(known: Format) -> Blob:
    return Blob(SAMPLES[known.name].content, f"folder/sample.{known.endings[0]}")


def read(known: Format, limits: ParseLimits | None = None) -> Parsed:
    return READERS.load(known.name)(blob(known), limits or limits_of())


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == {known.name for known in FORMATS} == set(READERS.names())


@each_format
def test_documents_hold_clean_text_and_say_where_it_came_from(known: Format) -> None:
    parsed = read(known)
    assert parsed.documents
    assert parsed.failures == ()
    for document in parsed.documents:
        assert document.blocks
        assert WORDS in document.text
        assert document.text == BLOCK_SEPARATOR.join(block.text for block in document.blocks)
        assert document.text == clean(document.text)
        assert all(block.text.strip() for block in document.blocks)
        assert document.title or document.id != document.source, "only rows may have no title"
        assert document.source.split("!/")[0] == document.origin
        assert document.origin == "folder/sample." + known.endings[0]
        assert document.media_type == (SAMPLES[known.name].inner or known.media_type)
        assert len(document.sha256) == 64
    assert len({document.id for document in parsed.documents}) == len(parsed.documents)


@each_format
def test_headings_and_pages_are_where_they_are_promised(known: Format) -> None:
    sample = SAMPLES[known.name]
    (block, *_) = (b for d in read(known).documents for b in d.blocks if WORDS in b.text)
    assert block.heading == sample.heading
    assert block.page == sample.page
    levels = [b.level for d in read(known).documents for b in d.blocks if b.kind == "heading"]
    assert levels == ([1] if sample.heading else [])


@each_format
def test_reading_twice_gives_the_same(known: Format) -> None:
    assert read(known) == read(known)


@each_format
def test_other_content_gives_another_fingerprint(known: Format) -> None:
    reader = READERS.load(known.name)
    content = SAMPLES[known.name].other or blob(known).content.replace(b"ry", b"ly")
    if known.binary and not known.opener:
        content = blob(known).content + b"\n"
    other = replace(blob(known), content=content)
    before = reader(blob(known), limits_of()).documents[0].sha256
    assert reader(other, limits_of()).documents[0].sha256 != before


@each_format
def test_the_limit_on_characters_holds(known: Format) -> None:
    limits = limits_of(characters=20)
    if SAMPLES[known.name].inner:
        # Of a container, only the part is lost that is too large.
        parsed = read(known, limits)
        assert parsed.documents == ()
        assert [failure.code for failure in parsed.failures] == ["too_large"]
        assert "folder/sample" in parsed.failures[0].message
        return
    with pytest.raises(TooLarge, match="folder/sample"):
        read(known, limits)


@each_format
def test_the_limit_on_bytes_holds(known: Format) -> None:
    with pytest.raises(TooLarge, match="folder/sample"):
        read_blob(blob(known), limits_of(bytes=20))


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_the_limit_on_documents_holds(name: str) -> None:
    (known,) = (known for known in FORMATS if known.name == name)
    with pytest.raises(TooLarge, match="folder/sample"):
        read(known, limits_of(documents=2))


@each_format
def test_nothing_is_empty(known: Format) -> None:
    with pytest.raises(Unreadable) as caught:
        READERS.load(known.name)(Blob(b"", "a"), limits_of())
    assert caught.value.reason == "empty"


@each_format
def test_garbage_is_unreadable(known: Format) -> None:
    with pytest.raises(Unreadable):
        READERS.load(known.name)(Blob(bytes(range(256)) * 64, "a"), limits_of())


@each_format
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(content=st.binary(max_size=600))
def test_random_bytes_raise_nothing_but_our_errors(known: Format, content: bytes) -> None:
    try:
        parsed = READERS.load(known.name)(Blob(content, "a"), limits_of())
    except BedplateError:
        return
    assert parsed.documents or parsed.failures


@each_format
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_damaged_files_raise_nothing_but_our_errors(known: Format, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[known.name].content)
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(1, len(content))) :]
    try:
        parsed = READERS.load(known.name)(Blob(bytes(content), "a"), limits_of())
    except BedplateError:
        return
    assert parsed.documents or parsed.failures


NOT_TEXT = {
    "pdf",
    "msg",
    "doc",
    "ppt",
    "xls",
    "image",
    "sound",
    "zip",
    "tar",
    "gzip",
    "bzip2",
    "xz",
}
HOSTILE = [
    "> On Monday Bob wrote:\n", "From: x\nSent: y\nTo: z\n", "-- \n", "(", "def f(\n", "a b(", "{\\b ",
    "\\'fc", "|\n", "=====\n", "* a\n", "#+begin_src\n", "----\n", "0:01 --> 0:02\n", "<a ", "{\\",
    "<!--", "<", "<b ", "&", "&#", "[", "![", "](", "`", "``", "*", "**a ", "_", "|", "| - ", "- ",
    "> ", "#", "# ", "~~~", "===", "---\n", "a: b\n", "\n\n", "\n ", " \n", '"', ",", '"a', "{", "[[",
    '{"text": "a"}\n', '{"a":', "<div>", "<table><tr><td>", "<p style='", "\u2028", "e\u0301", "\t",
]  # fmt: skip


OPENING = {
    "rtf": "{\\rtf1 ",
    "subtitles": "0:01 --> 0:02\n",
    "json": "[",
    "xml": "<a>",
    "eml": "From: a@example.org\n\n",
    "mbox": "From a Mon Jan  1 10:00:00 2024\nFrom: a@example.org\n\n",
}
TEXTUAL = [known for known in FORMATS if not known.member and known.name not in NOT_TEXT]


@pytest.mark.parametrize("known", TEXTUAL, ids=lambda known: known.name)
@pytest.mark.parametrize("piece", HOSTILE)
def test_no_repeated_piece_makes_reading_take_more_than_linear_time(
    known: Format, piece: str
) -> None:
    """By the growth of CPU time, and only where there is enough of it to tell.

    What would take a minute for 100,000 pieces in quadratic time takes over a second for these.
    """
    times = 2_000 if piece.startswith("<") and known.name == "html" else 16_000
    spent = seconds_to_read(known, piece, times)
    if spent > 0.5:
        spent = min(spent, seconds_to_read(known, piece, times))
        fewer = [seconds_to_read(known, piece, times // 4) for _ in range(2)]
        assert spent < 9 * max(fewer)


def seconds_to_read(known: Format, piece: str, times: int) -> float:
    content = (OPENING.get(known.name, "x ") + piece * times).encode()
    # The collector's time grows with all that the test process holds.
    gc.disable()
    start = time.process_time()
    try:
        parsed = READERS.load(known.name)(Blob(content, f"a.{known.endings[0]}"), limits_of())
    except BedplateError:
        return time.process_time() - start
    finally:
        gc.enable()
    assert parsed.documents or parsed.failures
    return time.process_time() - start


async def test_the_isolated_parser_gives_what_the_readers_give() -> None:
    async with open_parser(limits_of()) as parser:
        for known in FORMATS:
            if known.name != "image":
                assert await parser.parse(blob(known)) == read(known)
