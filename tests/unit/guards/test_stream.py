"""Whatever the chunks, what leaves is the guard applied to the whole, and JSON stays JSON."""

import json
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.guards.blocks import LONGEST_KEY, WINDOW
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.pseudonyms import PSEUDONYM, Pseudonyms
from bedplate.guards.spans import Spans
from bedplate.guards.stream import StreamGuard, guarded
from bedplate.guards.stream_json import JsonGuard

GUARD = PatternGuard(TYPES)
OPEN = partial(Spans, GUARD.scan)

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBg+/\n-----END RSA PRIVATE KEY-----"
VALUES = [
    "jo@example.org", "+44 20 7946 0958", "(202) 555-0143", "202-555-0143 ext. 12",
    "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32", "123-45-6789", "203.0.113.77",
    "2001:db8::8a2e:370:7334", "ghp_" + "a1B2c3D4" * 5, "password: hunter2!", KEY,
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl" + "aB3x" * 300,
]  # fmt: skip
SHARDS = [
    " ", "\n", "the ", "Call ", "New York ", "1", "4111 ", "12 ", "+", "(", "@", "a.co", "ext", ". ",
    ", ", "x9", "我的邮箱是", "电话", "-----BEGIN ", "PRIVATE KEY-----", "MIIE", "\u00a0", "é", "\ud800",
    "token=", "://", '"', "\\", "[EMAIL]", "[EMAIL_1]", "EMAIL_", "office ", "a" * 40, "7" * 40,
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(VALUES + SHARDS) | st.text(max_size=8), max_size=30).map("".join)


def mask(type, value):
    return f"[{type}]"


def pieces(text, cuts):
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


@settings(max_examples=150)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=40))
def test_what_leaves_is_the_whole_with_its_findings_replaced(text, cuts):
    stream = StreamGuard(Spans(GUARD.scan), mask)
    out = ""
    whole = GUARD.scrub(text)
    for piece in pieces(text, cuts):
        out += stream.push(piece)
        # A prefix of what is right holds no part of any finding.
        assert whole.text.startswith(out)
    assert out + stream.finish() == whole.text
    assert stream.held == 0


@given(TEXTS)
def test_sign_by_sign_is_no_exception_and_what_is_held_is_bounded(text):
    stream = StreamGuard(Spans(GUARD.scan), mask)
    out = ""
    for sign in text:
        out += stream.push(sign)
        assert stream.held <= max(WINDOW, LONGEST_KEY)
    assert out + stream.finish() == GUARD.scrub(text).text


def test_words_that_can_be_no_part_of_anything_leave_at_once():
    stream = StreamGuard(Spans(GUARD.scan), mask)
    assert stream.push("We ship on weekdays ") == "We ship on weekdays "
    assert stream.push("jo@exam") == ""
    assert stream.push("ple.org and") == "[EMAIL] "
    assert stream.push(" 4111 1111 ") == "and "
    assert stream.push("pieces, ") == "4111 1111 pieces, "


@pytest.mark.parametrize("unit", ["a", "1", "4111 ", "a@", "-----BEGIN PRIVATE KEY-----a"])
def test_an_endless_word_or_number_is_let_go_in_steps(unit):
    stream = StreamGuard(Spans(GUARD.scan), mask)
    text = unit * (20_000 // len(unit))
    most, out = 0, ""
    for start in range(0, len(text), 50):
        out += stream.push(text[start : start + 50])
        most = max(most, stream.held)
    assert out + stream.finish() == GUARD.scrub(text).text
    assert most <= (LONGEST_KEY + 100 if "BEGIN" in unit else WINDOW + 50)


def test_a_key_longer_than_any_window_leaves_nothing_of_itself():
    token = "eyJhbGciOiJI.eyJzdWIiOiIx." + "aB3xY" * 2_000
    assert guarded(StreamGuard(Spans(GUARD.scan), mask), f"use {token} now") == "use [KEY] now"
    assert GUARD.scrub(f"use {token} now").text == "use [KEY] now"


def test_a_finding_may_end_the_text():
    stream = StreamGuard(Spans(GUARD.scan), lambda type, value: None)
    assert stream.push("Write to jo@example.org or call") == "Write to "
    assert (stream.stopped, stream.push(" me"), stream.finish()) == ("EMAIL", "", "")


def test_pseudonyms_are_one_a_value_and_come_back_however_they_are_cut():
    names = Pseudonyms()
    text = "Ask JO@example.org, jo@example.org or +44 20 7946 0958."
    sent = guarded(StreamGuard(Spans(GUARD.scan), names.of), text)
    assert sent == "Ask [EMAIL_1], [EMAIL_1] or [PHONE_1]."
    reply = r"I wrote to [EMAIL_1] (EMAIL\_1), not [EMAIL_2]; see https://x.example/?q=[EMAIL_1]"

    def back(type, value):
        return names.value(value) if type == PSEUDONYM else f"[{type}]"

    for size in range(1, 12):
        stream = StreamGuard(Spans(names.restoring(GUARD.scan)), back)
        got = "".join(stream.push(reply[n : n + size]) for n in range(0, len(reply), size))
        assert got + stream.finish() == (
            "I wrote to JO@example.org (JO@example.org), not [EMAIL_2]; "
            "see https://x.example/?q=[EMAIL_1]"
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
    | st.sampled_from([4111111111111111, -4111111111111111, 5555555555554444]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=100)
@given(JSON, st.booleans(), st.lists(st.integers(0, 10_000), max_size=30))
def test_json_stays_json_whatever_the_chunks(value, ascii_only, cuts):
    text = json.dumps(value, ensure_ascii=ascii_only)
    whole = guarded(JsonGuard(OPEN, mask), text)
    json.loads(whole)
    stream = JsonGuard(OPEN, mask)
    out = ""
    for piece in pieces(text, cuts):
        out += stream.push(piece)
        assert whole.startswith(out)
    assert out + stream.finish() == whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'{"to": "jo\u0040example.org", "n": 5}', '{"to": "[EMAIL]", "n": 5}'),
        ('{"card":4111111111111111,"x":-4111111111111111}', '{"card":"[CARD]","x":"[CARD]"}'),
        ('{"api_key": "Zx81kQp0Lm42Vn7sTy"}', '{"api_key": "[KEY]"}'),
        ('{"ssn": 123456789, "total": 123456789}', '{"ssn": "[SSN]", "total": 123456789}'),
        (r'{"a": "line\nCall +44 20 7946 0958\t!\"\/"}', r'{"a": "line\nCall [PHONE]\t!\"\/"}'),
        ("Sorry, ask jo@example.org.", 'Sorry, ask "[EMAIL]".'),
        ('{"cut": "jo@exa', '{"cut": "jo@exa'),
    ],
)
def test_values_in_json_are_read_as_what_they_mean(text, expected):
    assert guarded(JsonGuard(OPEN, mask), text) == expected


@given(st.text() | TEXTS, st.lists(st.integers(0, 1000), max_size=20))
def test_what_is_no_json_is_guarded_all_the_same(text, cuts):
    whole = guarded(JsonGuard(OPEN, mask), text)
    stream = JsonGuard(OPEN, mask)
    assert "".join(map(stream.push, pieces(text, cuts))) + stream.finish() == whole
    assert "jo@example.org" not in whole
