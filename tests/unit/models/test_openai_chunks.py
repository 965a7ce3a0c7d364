"""Packets whose events differ in their text alone are read as each of their events is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.models.openai_chunks import Alike, read_plain


def chunk(text: str, **fields: Any) -> dict[str, Any]:
    delta = {"content": text}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    return {"id": "c-1", "model": "m", "choices": [choice], "system_fingerprint": "fp", **fields}


def written(payload: dict[str, Any], style: dict[str, Any]) -> bytes:
    return json.dumps(payload, **style).encode("utf-8", "surrogatepass")


def events(*parts: bytes) -> bytes:
    return b"".join(b"data: " + part + b"\n\n" for part in parts)


TEXTS = st.text(min_size=1, max_size=12) | st.sampled_from(
    ('"', "\\", '","logprobs":null', "\n\n", 'data: {"content":"x"}\n\n', "\u2028", "é")
)
STYLES = st.sampled_from(
    (
        {"separators": (",", ":")},
        {},
        {"separators": (",", ":"), "ensure_ascii": False},
        {"sort_keys": True},
    )
)


@given(first=TEXTS, others=st.lists(TEXTS, min_size=1, max_size=6), style=STYLES)
def test_a_packet_gives_the_texts_that_its_events_give(
    first: str, others: list[str], style: dict[str, Any]
):
    alike = Alike.to(written(chunk(first), style))
    parts = [written(chunk(text), style) for text in others]
    each = [plain and plain[0] for plain in map(read_plain, parts)]
    assert alike is not None
    assert alike.texts(events(*parts)) == (None if None in each else each)


@pytest.mark.parametrize(
    "other",
    [
        chunk(""),
        chunk("b", model="n"),
        chunk("b", created=1),
        chunk("b", usage={"prompt_tokens": 1, "completion_tokens": 1}),
        {**chunk("b"), "choices": []},
        {"error": {"message": "b"}},
    ],
)
def test_a_packet_with_anything_else_in_it_is_left_to_be_read(other: dict[str, Any]):
    plain = written(chunk("a"), {})
    alike = Alike.to(plain)
    assert alike is not None
    assert alike.texts(events(plain)) == ["a"]
    for packet in (
        events(written(other, {})),
        events(plain, written(other, {})),
        events(written(other, {}), plain),
        events(plain, written(other, {}), plain),
    ):
        assert alike.texts(packet) is None


@pytest.mark.parametrize("cut", [1, 5, -1, -2, -10])
def test_a_packet_that_holds_a_part_of_an_event_is_left_to_be_read(cut: int):
    plain = written(chunk("a"), {})
    alike = Alike.to(plain)
    assert alike is not None
    whole = events(plain, plain)
    assert alike.texts(whole[:cut] if cut < 0 else whole[cut:]) is None


def test_a_chunk_that_names_its_text_twice_is_no_template():
    said = b'{"model":"m","choices":[{"delta":{"content":"a","content":"b"}}]}'
    assert read_plain(said) is not None
    assert Alike.to(said) is None
