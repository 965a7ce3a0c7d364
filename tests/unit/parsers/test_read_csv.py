import pytest

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.csv import read_csv
from bedplate.parsers.protocol import ParseLimits


def read(table: str | bytes, source: str = "shop/products.csv", **limits: int) -> Parsed:
    content = table if isinstance(table, bytes) else table.encode()
    return read_csv(Blob(content, source), ParseLimits(**limits))


TABLE = """id,title,price,stock,sold,since,phone,note
p1,Tent,199.5,3,true,2026-01-31,5551234,"big, green"
p2,Rope,20,,false,,5559876,
"""


def test_rows_become_documents_with_typed_metadata() -> None:
    first, second = read(TABLE).documents
    assert (first.id, first.title) == ("p1", "Tent")
    assert first.text == (
        "title: Tent\nprice: 199.5\nstock: 3\nsold: true\nsince: 2026-01-31\n"
        "phone: 5551234\nnote: big, green"
    )
    assert first.metadata == {
        "title": "Tent", "price": 199.5, "stock": 3, "sold": True, "since": "2026-01-31",
        "phone": "5551234", "note": "big, green",
    }  # fmt: skip
    assert second.metadata["stock"] is None
    assert second.metadata["note"] is None
    assert "stock" not in second.text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    parsed = read(f"a{delimiter}b\n1{delimiter}x y\n2{delimiter}z\n")
    assert [dict(d.metadata) for d in parsed.documents] == [
        {"a": 1, "b": "x y"},
        {"a": 2, "b": "z"},
    ]


def test_tabs_win_in_a_tsv_and_show_in_the_media_type() -> None:
    (document,) = read("a\tb\nx,1\ty,2\n", "t.tsv").documents
    assert document.metadata == {"a": "x,1", "b": "y,2"}
    assert document.media_type == "text/tab-separated-values"


def test_a_text_column_is_the_body() -> None:
    (document,) = read("ID,Text,year\n7,Hello there,2020\n").documents
    assert (document.id, document.text, document.metadata) == ("7", "Hello there", {"year": 2020})


def test_rows_without_ids_are_named_by_the_line_they_start_on() -> None:
    parsed = read('a,b\n"two\nlines",1\n\nx,2\n')
    assert [d.id for d in parsed.documents] == ["shop/products.csv#2", "shop/products.csv#5"]


def test_other_encodings_are_read() -> None:
    (document,) = read("Größe,Maß\nlänger,5\n".encode("utf-16")).documents
    assert document.metadata == {"Größe": "länger", "Maß": 5}


@pytest.mark.parametrize("table", ["a,b,c\n", "a,b,c", "a,b\n\n,\n"])
def test_a_header_without_rows_is_empty(table: str) -> None:
    with pytest.raises(Unreadable, match="no rows") as caught:
        read(table)
    assert caught.value.reason == "empty"


def test_the_second_row_of_an_id_fails_with_its_line() -> None:
    parsed = read("id,a\n1,x\n2,y\n1,z\n")
    assert [d.id for d in parsed.documents] == ["1", "2"]
    assert [(f.source, f.code) for f in parsed.failures] == [
        ("shop/products.csv:4", "duplicate_id")
    ]


def test_an_open_quote_fails_its_row_and_names_its_line() -> None:
    parsed = read('a,b\n1,x\n2,"' + "y" * 200_000 + "\n3,z\n")
    assert [f.source for f in parsed.failures] == ["shop/products.csv:3"]
    assert "is a quote open?" in parsed.failures[0].message
    assert [d.metadata["a"] for d in parsed.documents] == [1, 3]


def test_ragged_rows_lose_nothing() -> None:
    parsed = read("a,b\n1\n2,x,extra\n")
    assert [dict(d.metadata) for d in parsed.documents] == [
        {"a": 1, "b": None, "column 3": None},
        {"a": 2, "b": "x", "column 3": "extra"},
    ]
    assert parsed.warnings == (
        "1 rows have more cells than the header names; the first is line 3.",
    )


def test_unnamed_and_repeated_columns_get_names() -> None:
    (document,) = read("a,,a\nx,y,z\n").documents
    assert document.metadata == {"a": "x", "column 2": "y", "a 3": "z"}


def test_a_caption_above_the_header_is_skipped_with_a_warning() -> None:
    parsed = read("Champions,,\nTeam,City,Cups\nBlues,STL,1\n")
    assert parsed.documents[0].metadata == {"Team": "Blues", "City": "STL", "Cups": 1}
    assert parsed.warnings == ("Line 1 was taken for a caption: 'Champions'.",)


def test_a_first_row_of_numbers_is_no_header() -> None:
    parsed = read("1,x\n2,y\n")
    assert [d.metadata["column 1"] for d in parsed.documents] == [1, 2]
    assert parsed.warnings == ("The first row holds numbers, so the columns have no names.",)


def test_unchanged_rows_keep_their_fingerprint() -> None:
    before, after = read("id,a\n1,x\n2,y\n"), read("id,a\n2,changed\n1,x\n")
    assert before.documents[0].sha256 == after.documents[1].sha256
    assert before.documents[1].sha256 != after.documents[0].sha256


def test_more_rows_than_allowed_are_too_large() -> None:
    with pytest.raises(TooLarge, match="more than 2 rows"):
        read("a,b\n1,x\n2,y\n3,z\n", documents=2)
