"""A guard that reads segments keeps the law of the stream, whatever it finds in them."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.guard import Finding
from bedplate.errors import GuardFailed
from bedplate.guards.blocks import LONGEST_KEY, WINDOW
from bedplate.guards.closed import FailsClosed
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.pseudonyms import PSEUDONYM, Pseudonyms
from bedplate.guards.segments import LONGEST, segment_end
from bedplate.guards.stream import StreamGuard
from bedplate.guards.stream_json import JsonGuard
from bedplate.guards.tagged import TaggedGuard

PATTERNS = PatternGuard(TYPES)
NAME = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+)*|\d+ [A-Z]\w+(?:, | )\d{5}")


class Capitals:
    """A head whose findings hang on all of the segment, as a model's do: on its length's parity."""

    def find(self, text):
        type = "PERSON" if len(text) % 2 else "ADDRESS"
        return [Finding(type, m.start(), m.end()) for m in NAME.finditer(text)]


def guard():
    return TaggedGuard(PATTERNS, Capitals(), ("PERSON", "ADDRESS"))


SHARDS = [
    " ", "\n", "\n\n", ". ", "the ", "Call ", "Ann ", "Lee", "12 ", "Main ", "90210", ", ", "gebracht. ", "。",
    "jo@example.org", "4111 1111 1111 1111", "password: hunter2!", "[EMAIL]", "[PERSON_1]", "我的邮箱是", "\ud800",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ\n-----END RSA PRIVATE KEY-----", "a" * 60, "Word " * 30,
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl" + "aB3x" * 300, '"', "\\", "é", "really ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(SHARDS) | st.text(max_size=6), max_size=40).map("".join)


def mask(type, value):
    return f"[{type}]"


def pieces(text, cuts):
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


@settings(max_examples=200)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=40))
def test_what_leaves_is_the_guard_applied_to_the_whole(text, cuts):
    reading = guard()
    whole = reading.scrub(text)
    stream = StreamGuard(reading.finder(reading.scan), mask)
    out = ""
    for piece in pieces(text, cuts):
        out += stream.push(piece)
        assert whole.text.startswith(out)
        assert stream.held <= LONGEST + max(2 * WINDOW, LONGEST_KEY + 100)
    assert out + stream.finish() == whole.text


@given(TEXTS)
def test_findings_are_apart_in_order_and_touch_no_mark(text):
    found = guard().find(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    marks = [m.span() for m in re.finditer(r"\[(?:EMAIL|PERSON_1)\]", text)]
    assert not any(f.start < end and start < f.end for f in found for start, end in marks)


@settings(max_examples=60)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=20))
def test_whatever_patterns_find_is_found_as_well(text, cuts):
    """Of streets and post codes the model may see more; nothing else becomes less."""
    found = guard().find(text)
    for each in PATTERNS.find(text):
        assert any(f.start <= each.start and each.end <= f.end for f in found)


@settings(max_examples=60)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=20))
def test_json_streams_as_it_is_guarded_whole(text, cuts):
    reading = guard()

    def run(parts):
        stage = JsonGuard(lambda before: reading.finder(reading.scan, before), mask)
        return "".join([*map(stage.push, parts), stage.finish()])

    assert run(pieces(text, cuts)) == run([text])


@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=20))
def test_pseudonyms_are_put_back_beside_what_the_model_finds(text, cuts):
    names = Pseudonyms()
    names.of("PERSON", "Ann Lee")
    reading = guard()

    def run(parts):
        finder = reading.finder(names.restoring(reading.scan))
        stage = StreamGuard(finder, lambda t, v: names.value(v) if t == PSEUDONYM else f"<{t}>")
        return "".join([*map(stage.push, parts), stage.finish()])

    out = run(pieces(text, cuts))
    assert out == run([text])
    if text == "Ask [PERSON_1], please":
        assert "Ann Lee" in out


@pytest.mark.parametrize("unit", ["word ", "a", "Yes. ", "\n", "漢", "Wort\n\n", "1 ", "Ann Lee "])
def test_a_long_text_is_cut_into_short_segments(unit):
    text, start = unit * 3_000, 0
    while start < len(text):
        end = segment_end(text, start, final=True)
        assert start < end <= start + LONGEST
        start = end


def test_a_segment_ends_where_a_reader_would_pause():
    sentence = "The parcel went to another street than it should have. "
    text = sentence * 8
    assert segment_end(text, 0, final=True) == len(sentence) * 5
    paragraphs = f"{sentence * 2}\n\n{sentence}"
    assert segment_end(paragraphs, 0, final=True) == len(sentence) * 2 + 2


def test_a_head_that_fails_lets_nothing_leave():
    class Broken:
        def find(self, text):
            raise RuntimeError(text)

    reading = FailsClosed(TaggedGuard(PATTERNS, Broken(), ("PERSON",)), "guards.pii")
    with pytest.raises(GuardFailed) as failed:
        reading.find("Ann Lee was here.")
    assert "Ann" not in str(failed.value)
    stream = StreamGuard(reading.finder(reading.scan), mask)
    assert stream.push("Ann Lee") == ""
    with pytest.raises(GuardFailed):
        stream.finish()
    assert reading.shaped.find("jo@example.org")
