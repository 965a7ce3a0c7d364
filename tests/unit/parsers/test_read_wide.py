import sys

import pytest
from tests.fixtures.old_office import doc, msg, ppt

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.detect import read_blob
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits


def read(content: bytes, source: str) -> Document:
    (document,) = read_blob(Blob(content, source), ParseLimits()).documents
    return document


def test_each_paragraph_of_a_word_file_is_one_without_the_codes_of_fields() -> None:
    text = 'Prices\rA HYPERLINK "http://example.org/" link\rTent\t199\r'
    document = read(doc(text), "a/prices.doc")
    assert [block.text for block in document.blocks] == ["Prices", "A link", "Tent 199"]
    assert (document.title, document.media_type) == ("prices", "application/msword")


def test_the_text_of_all_slides_is_read() -> None:
    document = read(ppt("Keep it dry", "Fold it well"), "a.ppt")
    assert document.text == "Keep it dry\n\nFold it well"
    assert document.media_type == "application/vnd.ms-powerpoint"


def test_a_mail_stands_under_its_subject_and_its_quotations_apart() -> None:
    document = read(msg("Umbrellas", "Keep it dry.\n\nBob wrote:\n> Is it wet?"), "m.msg")
    assert [(block.heading, block.text) for block in document.blocks] == [
        ("Umbrellas", "Umbrellas"),
        ("Umbrellas", "Keep it dry."),
        ("Umbrellas > Quoted: Bob wrote", "Quoted: Bob wrote"),
        ("Umbrellas > Quoted: Bob wrote", "Is it wet?"),
    ]
    assert document.metadata == {"subject": "Umbrellas"}


@pytest.mark.parametrize(("content", "source"), [(doc("a\r"), "a.doc"), (msg("a", "b"), "a.msg")])
def test_without_the_extra_it_is_refused_with_the_remedy(
    content: bytes, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kreuzberg", None)
    with pytest.raises(Unreadable, match=r"pip install 'bedplate\[wide\]'") as caught:
        read_blob(Blob(content, source), ParseLimits())
    assert caught.value.reason == "unsupported"


async def test_the_library_works_in_a_confined_process() -> None:
    files = {"a.doc": doc("Keep\r"), "b.ppt": ppt("it"), "c.msg": msg("dry", "Now.")}
    found: list[Parsed] = []
    async with open_parser(ParseLimits(), slots=1) as parser:
        found = [await parser.parse(Blob(content, name)) for name, content in files.items()]
    texts = [document.text for parsed in found for document in parsed.documents]
    assert texts == ["Keep", "it", "dry\n\nNow."]
