import pytest

from bedplate.domain.documents import Blob, Document
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.rtf import read_rtf


def read(body: str, limits: ParseLimits | None = None) -> Document:
    content = f"{{\\rtf1\\ansi\\ansicpg1252 {body}}}".encode("cp1252")
    (document,) = read_rtf(Blob(content, "note.rtf"), limits or ParseLimits()).documents
    return document


def blocks(body: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in read(body).blocks]


def test_paragraphs_and_escapes_are_read() -> None:
    body = r"One {\b bold} word.\par\par Gr\'fc\'dfe, \u9730?\u8212?{\*\generator x;}done."
    assert blocks(body) == [("paragraph", "One bold word."), ("paragraph", "Grüße, ☂—done.")]


def test_the_code_page_of_the_file_counts() -> None:
    content = rb"{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}"
    (document,) = read_rtf(Blob(content, "a.rtf"), ParseLimits()).documents
    assert document.text == "Привет"


def test_a_table_is_rows_under_its_header() -> None:
    rows = "".join(
        rf"\trowd\cellx1\cellx2\intbl {name}\cell {price}\cell\row "
        for name, price in (("Name", "Price"), ("Skua", "29"), ("Tern", "31"))
    )
    found = blocks(rf"Before.\par {rows}\pard After.")
    assert ("table", "Name: Skua; Price: 29\nName: Tern; Price: 31") in found
    assert found[0] == ("paragraph", "Before.")
    assert found[-1] == ("paragraph", "After.")


def test_title_and_author_are_metadata() -> None:
    document = read(r"{\info{\title Rain}{\author Ann}}Words.")
    assert document.title == "Rain"
    assert document.metadata == {"author": "Ann"}
    assert document.text == "Words."


def test_groups_are_bounded_and_may_be_unbalanced() -> None:
    assert read("{" * 50_000 + "words").text == "words"
    with pytest.raises(TooLarge, match="groups"):
        read("{" * 1_000_001)


@pytest.mark.parametrize("content", [b"words", b"\\rtf1 words", b"{\\rt"])
def test_what_is_no_rtf_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_rtf(Blob(content, "a.rtf"), ParseLimits())
    assert caught.value.reason == "malformed"
