import json

from bedplate.domain.documents import Blob, Failure, Parsed
from bedplate.parsers.jsonl import read_jsonl
from bedplate.parsers.protocol import ParseLimits


def read(*lines: str) -> Parsed:
    return read_jsonl(Blob("\n".join(lines).encode(), "d/films.jsonl"), ParseLimits())


def test_each_line_is_a_document_with_its_other_fields_as_metadata() -> None:
    row = {
        "id": "tt1", "title": "Rain", "text": "It rains.\n\nStill.", "year": 2026, "score": 7.5,
        "seen": True, "none": None, "tags": ["a", "b"], "by": {"name": "Ada", "born": {"year": 1815}},
    }  # fmt: skip
    (document,) = read(json.dumps(row)).documents
    assert document.id == "tt1"
    assert document.title == "Rain"
    assert document.source == document.origin == "d/films.jsonl"
    assert [b.text for b in document.blocks] == ["It rains.", "Still."]
    assert document.metadata == {
        "title": "Rain",
        "year": 2026,
        "score": 7.5,
        "seen": True,
        "none": None,
        "tags": ["a", "b"],
        "by.name": "Ada",
        "by.born.year": 1815,
    }


def test_rows_without_an_id_are_named_by_their_line() -> None:
    parsed = read('{"text": "a"}', "", '{"text": "b", "id": 7}', '{"text": "c", "id": null}')
    assert [d.id for d in parsed.documents] == ["d/films.jsonl#1", "7", "d/films.jsonl#4"]
    assert [d.title for d in parsed.documents] == ["", "", ""]


def test_a_bad_line_is_named_and_the_good_ones_survive() -> None:
    parsed = read('{"text": "a"}', "{oops", "[1]", '{"n": 3}', '{"text": 5}', '{"text": " "}',
                  '{"text": "z", "id": true}', '{"text": "c"}')  # fmt: skip
    assert [d.text for d in parsed.documents] == ["a", "c"]
    assert [(f.source, f.code) for f in parsed.failures] == [
        ("d/films.jsonl:2", "malformed"),
        ("d/films.jsonl:3", "malformed"),
        ("d/films.jsonl:4", "missing_text"),
        ("d/films.jsonl:5", "malformed"),
        ("d/films.jsonl:6", "empty"),
        ("d/films.jsonl:7", "malformed"),
    ]
    assert parsed.failures[0].message.startswith("d/films.jsonl:2: this line is not valid JSON")
    assert parsed.failures[2] == Failure(
        "d/films.jsonl:4",
        "missing_text",
        'd/films.jsonl:4: the key "text" is missing, and no other holds words.',
    )


def test_the_second_row_of_an_id_fails() -> None:
    parsed = read('{"id": "x", "text": "a"}', '{"id": "x", "text": "b"}')
    assert [d.text for d in parsed.documents] == ["a"]
    assert parsed.failures[0].code == "duplicate_id"
    assert parsed.failures[0].source == "d/films.jsonl:2"


def test_lists_of_objects_are_left_out_with_a_warning() -> None:
    parsed = read('{"text": "a", "cast": [{"name": "x"}]}', '{"text": "b", "cast": [[1]]}')
    assert [d.metadata for d in parsed.documents] == [{}, {}]
    (warning,) = parsed.warnings
    assert "'cast'" in warning
    assert "(2 rows)" in warning


def test_unchanged_rows_keep_their_fingerprint_and_changed_ones_do_not() -> None:
    first = read('{"id": "1", "text": "a", "n": 1, "m": 2}', '{"id": "2", "text": "b"}')
    second = read('{"id": "2", "text": "B"}', '{"m": 2, "n": 1, "text": "a", "id": "1"}')
    assert first.documents[0].sha256 == second.documents[1].sha256
    assert first.documents[1].sha256 != second.documents[0].sha256


def test_line_separators_inside_a_value_do_not_cut_the_line() -> None:
    (document,) = read(
        json.dumps({"text": "a\u2028b\x85c", "k": "d\r\ne"}, ensure_ascii=False)
    ).documents
    assert document.text == "a\nb\nc"
    assert document.metadata == {"k": "d\ne"}


def test_hostile_nesting_and_numbers_fail_or_become_text() -> None:
    parsed = read('{"text": "a", "x": ' + "[" * 5_000, '{"text": "b", "n": 123456789012345678901}')
    assert parsed.failures[0].code == "malformed"
    assert parsed.documents[0].metadata["n"] == "123456789012345678901"


def test_the_list_of_failures_is_bounded() -> None:
    parsed = read(*["{"] * 1_500)
    assert len(parsed.failures) == 1_000
    assert parsed.warnings == ("1,500 rows failed; the first 1,000 of them are listed.",)


def test_a_row_without_text_reads_as_its_fields() -> None:
    [row] = read(
        '{"id": 1, "name": "Boot", "price": 5, "tags": ["a", "b"], "none": null}'
    ).documents
    assert row.text == "name: Boot\nprice: 5\ntags: a, b"
    assert row.metadata == {"name": "Boot", "price": 5, "tags": ["a", "b"], "none": None}
