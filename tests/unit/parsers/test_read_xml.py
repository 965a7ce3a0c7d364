import pytest

from bedplate.domain.documents import Blob, Document
from bedplate.errors import Unreadable
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.xml_elements import read_xml


def read(content: str | bytes) -> Document:
    raw = content.encode() if isinstance(content, str) else content
    (document,) = read_xml(Blob(raw, "data.xml"), ParseLimits()).documents
    return document


def blocks(content: str | bytes) -> list[tuple[str | None, str]]:
    return [(b.heading, b.text) for b in read(content).blocks if b.kind != "heading"]


def test_a_record_is_its_fields() -> None:
    content = '<shop><item sku="7"><name>Skua</name><price>29</price></item><item><name>B</name></item></shop>'
    assert blocks(content) == [(None, "sku: 7\nname: Skua\nprice: 29"), (None, "name: B")]


def test_running_text_stands_under_its_titles() -> None:
    content = (
        "<book><title>Rain</title><chapter><title>One</title><para>It <b>rains</b>\n often.</para>"
        "<section><title>Deep</title><para>Here.</para></section></chapter>"
        "<chapter><title>Two</title><para>Sun.</para></chapter></book>"
    )
    assert blocks(content) == [
        ("Rain > One", "It rains often."),
        ("Rain > One > Deep", "Here."),
        ("Rain > Two", "Sun."),
    ]
    assert read(content).title == "Rain"


def test_tables_are_rows_under_their_header() -> None:
    content = (
        "<doc><p>x</p><table><tr><th>Name</th><th>Price</th></tr>"
        "<tr><td>Skua</td><td>29</td></tr></table></doc>"
    )
    assert blocks(content) == [(None, "x"), (None, "Name: Skua; Price: 29")]


def test_namespaces_comments_and_instructions_are_left_out() -> None:
    content = (
        '<?xml version="1.0" encoding="utf-8"?><!-- no --><a:r xmlns:a="urn:a" xml:lang="en">'
        "<?php no ?><a:name>Skua</a:name><!-- no --><a:b><![CDATA[<raw>]]></a:b></a:r>"
    )
    assert blocks(content) == [(None, "name: Skua\nb: <raw>")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_declared_encoding_counts(encoding: str) -> None:
    content = f'<?xml version="1.0" encoding="{encoding}"?><a><b>Grüße</b><c>1</c></a>'
    assert blocks(content.encode(encoding)) == [(None, "b: Grüße\nc: 1")]


def test_a_document_type_is_not_loaded() -> None:
    content = '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a><p>Text &nbsp;&eacute; here</p></a>'
    assert blocks(content) == [(None, "Text é here")]


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><a/>',
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><a b="&b;">&b;</a>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_declared_entities_are_refused(content: str, encoding: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content.encode(encoding))
    assert caught.value.reason == "unsafe"


@pytest.mark.parametrize(
    "content", ["<a>", "<a></b>", "words", "<a>&b</a>", "<a>" * 5000, "<a" + " b='1'" * 2 + "/>"]
)
def test_what_is_no_xml_is_refused(content: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content)
    assert caught.value.reason == "malformed"
