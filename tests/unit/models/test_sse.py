from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.models.sse import EventTooLong, SseEvent, SseParser


def parse(packets: Iterable[bytes], limit: int = 1000) -> list[SseEvent]:
    parser = SseParser(limit)
    return [event for packet in packets for event in parser.feed(packet)]


def cut(whole: bytes, at: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(whole) + 1) for place in at), len(whole)]
    return [whole[start:end] for start, end in pairwise(edges)]


LINES = st.lists(
    st.sampled_from(
        [
            b"data: one",
            b"data:two",
            b"data",
            "data: zażółć 🪨".encode(),
            b"event: error",
            b": keep-alive",
            b"id: 4",
            b"nonsense",
            b"",
            b"\xef\xbb\xbfdata: marked",
        ]
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(LINES, st.lists(ENDS, min_size=12, max_size=12), st.lists(st.integers(0, 400), max_size=30))
def test_events_do_not_depend_on_how_the_bytes_are_cut(
    lines: list[bytes], ends: list[bytes], at: list[int]
):
    whole = b"".join(line + end for line, end in zip(lines, ends, strict=False))

    assert parse(cut(whole, at)) == parse([whole])


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=20))
def test_any_bytes_give_the_same_events_however_they_are_cut(whole: bytes, at: list[int]):
    assert parse(cut(whole, at)) == parse([whole])


@given(LINES, st.sampled_from([b"\r\n", b"\r"]))
def test_line_ends_of_every_kind_mean_the_same(lines: list[bytes], end: bytes):
    assert parse([b"".join(line + end for line in lines)]) == parse(
        [b"".join(line + b"\n" for line in lines)]
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_given_as_soon_as_its_blank_line_is_there(end: bytes):
    parser = SseParser()

    assert parser.feed(b"data: x" + end) == []
    assert parser.feed(end) == [SseEvent(b"x")]


def test_data_lines_of_one_event_are_joined_by_a_line_feed():
    assert parse([b"data: a\ndata:  b\ndata\n\n"]) == [SseEvent(b"a\n b\n")]


def test_comments_and_events_without_data_give_nothing():
    assert parse([b": ping\n\nevent: x\n\ndata: y\n\n"]) == [SseEvent(b"y")]


def test_the_event_name_is_kept_for_its_event_only():
    assert parse([b"event: error\ndata: a\n\ndata: b\n\n"]) == [
        SseEvent(b"a", "error"),
        SseEvent(b"b"),
    ]


def test_an_event_cut_off_by_the_end_is_not_given():
    assert parse([b"data: whole\n\ndata: half"]) == [SseEvent(b"whole")]


@given(st.lists(st.integers(0, 200), max_size=20))
def test_a_line_over_the_limit_is_refused_however_it_is_cut(at: list[int]):
    with pytest.raises(EventTooLong, match="50 bytes"):
        parse(cut(b"data: " + b"x" * 100, at), limit=50)


@given(st.lists(st.integers(0, 200), max_size=20))
def test_data_lines_together_over_the_limit_are_refused(at: list[int]):
    with pytest.raises(EventTooLong):
        parse(cut(b"data: 0123456789\n" * 8, at), limit=50)
