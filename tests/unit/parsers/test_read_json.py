import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.json_values import read_json
from bedplate.parsers.protocol import ParseLimits


def read(content: object, limits: ParseLimits | None = None) -> Parsed:
    text = content if isinstance(content, str) else json.dumps(content)
    return read_json(Blob(text.encode(), "data.json"), limits or ParseLimits())


def blocks(content: object) -> list[tuple[str | None, str]]:
    (document,) = read(content).documents
    return [(b.heading, b.text) for b in document.blocks if b.kind != "heading"]


def test_a_list_of_objects_is_read_as_rows() -> None:
    parsed = read([{"id": 7, "text": "one", "size": {"width": 2}}, {"text": "two"}, {"n": 1}])
    first, second = parsed.documents
    assert (first.id, first.text, first.metadata) == ("7", "one", {"size.width": 2})
    assert second.id == "data.json#2"
    assert [(f.source, f.code) for f in parsed.failures] == [("data.json:3", "missing_text")]


def test_other_values_are_an_outline_of_their_keys() -> None:
    content = {
        "title": "Shop",
        "open": True,
        "none": None,
        "address": {"city": "Bonn", "geo": {"lat": 50.7}},
        "tags": ["a", 1],
        "items": [{"name": "Skua", "price": {"eur": 29}}, {"sku": 1}],
    }
    assert (
        blocks(content)
        == [
            (None, "title: Shop\nopen: true\nnone: null\ntags: a, 1"),
            ("address", "city: Bonn"),
            ("address > geo", "lat: 50.7"),
            ("items > Skua", "name: Skua"),
            ("items > Skua > price", "eur: 29"),
            ("items > Skua", "sku: 1"),
        ]
        or blocks(content)[-1][1] == "sku: 1"
    )
    assert read(content).documents[0].title == "Shop"


@pytest.mark.parametrize(
    ("content", "text"),
    [('"words"', "words"), ("[1, 2]", "- 1\n- 2"), ("12", "12"), ('[{"a": 1}]', "a: 1")],
)
def test_plain_values_are_their_text(content: str, text: str) -> None:
    (document,) = read(content).documents
    assert document.text == text


def test_numbers_keep_their_digits() -> None:
    digits = "9" * 5000
    (document,) = read(f'{{"a": {digits}, "b": 1e999, "c": NaN, "d": -Infinity}}').documents
    assert document.text == f"a: {digits}\nb: 1e999\nc: NaN\nd: -Infinity"


def test_a_key_that_stands_twice_is_reported() -> None:
    parsed = read('{"a": 1, "a": 2}')
    assert parsed.documents[0].text == "a: 2"
    assert parsed.warnings == ("The key 'a' stands twice in an object; the last value was taken.",)


@pytest.mark.parametrize("depth", [120, 2_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(opening: str, closing: str, depth: int) -> None:
    with pytest.raises(Unreadable, match="nested too deeply") as caught:
        read(opening * depth + "1" + closing * depth)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("content", ["{", '{"a": }', "[1,]", "nul", "{'a': 1}", "[1] [2]"])
def test_what_is_no_json_is_refused(content: str) -> None:
    with pytest.raises(Unreadable, match="not valid JSON"):
        read(content)


def test_the_limit_on_documents_holds() -> None:
    with pytest.raises(TooLarge):
        read([{"text": "a"}] * 3, ParseLimits(documents=2))


WORD = re.compile(r"[^\s\W]")
ESCAPE = re.compile(r"\\(?:u00[01][0-9a-f]|u007f|[bfnrt])")
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_value_is_read_or_refused(value: object) -> None:
    written = json.dumps(value)
    shown = json.dumps(value, ensure_ascii=False)
    try:
        parsed = read(written)
    except Unreadable:
        assert written in {'""', "[]", "{}"} or not WORD.search(ESCAPE.sub("", shown))
        return
    assert parsed.documents or parsed.failures
