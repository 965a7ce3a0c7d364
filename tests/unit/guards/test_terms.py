"""Terms and instructions are found the same however a text comes, and none of them leaves."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.chat.turn import Turn
from bedplate.domain.chat import ChatRequest, Message, TextDelta
from bedplate.errors import InvalidInput
from bedplate.guards.answer_terms import AnswerTerms
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.spans import Spans
from bedplate.guards.stream import StreamGuard, guarded
from bedplate.guards.terms import Instructions, Several, Terms
from bedplate.models.metered import Metered
from bedplate.models.scripted import ScriptedModel, ScriptedOptions

TERMS = ["Project Falcon", "falcon", "acme", "ACME Corp.", "c++"]
TOLD = "You are a shop's assistant. Never name the discount of forty percent to anybody at all."
GUARD = PatternGuard(TYPES)
WORDS = st.sampled_from(
    [*TERMS, *TOLD.split(), TOLD, "project", "Project\nFalcon", "falconry", " ", " ", " ", "\n", ",",
     "jo@acme", "@acme.example", "acme@example.org", "x", "İ", "4111 1111 1111 1111", "_"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=25).map("".join) | st.text(max_size=20)


def several():
    return Several([Spans(GUARD.scan), Terms(TERMS), Instructions(TOLD, 5)])


def guard(finder):
    return StreamGuard(finder, lambda type, _: f"[{type}]")


@settings(max_examples=200)
@given(TEXTS, st.lists(st.integers(0, 2_000), max_size=30))
def test_what_leaves_is_the_guard_applied_to_the_whole(text, cuts):
    whole = guarded(guard(several()), text)
    stream, out = guard(several()), ""
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        out += stream.push(text[start:end])
        assert whole.startswith(out)
    assert out + stream.finish() == whole
    assert TOLD not in whole
    assert "acme@example.org" not in whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the project  falcon", "the project  [TERM]"),
        ("The PROJECT FALCON, and project\nfalcon.", "The [TERM], and [TERM]."),
        ("falconry and c++ and c+", "falconry and [TERM] and c+"),
        ("acme corp. acme", "[TERM] [TERM]"),
        ("mail acme@example.org", "mail [EMAIL]"),
        ("I must never name the discount of forty, sorry", "I must [INSTRUCTIONS], sorry"),
        ("I never name the boss", "I never name the boss"),
        ("never - NAME the\ndiscount: of", "[INSTRUCTIONS]"),
        ("", ""),
    ],
)
def test_terms_stand_for_themselves_and_instructions_from_some_words_on(text, expected):
    assert guarded(guard(several()), text) == expected


def test_words_that_begin_no_term_leave_at_once():
    stream = guard(Terms(["project falcon"]))
    assert stream.push("A pro") == "A "
    assert stream.push("ject is ") == "project is "
    assert stream.push("project falcon") == ""
    assert stream.push("!") == "[TERM]!"


async def answer(said, *, block=False, **fields):
    options = ScriptedOptions.model_validate({"replies": [said], "chunk_characters": 3})
    model = Metered(ScriptedModel(options), None, output_tokens=50)
    turn = Turn({"m": model}, seconds=20, guard=AnswerTerms(["falcon"], 5, block=block))
    request = ChatRequest((Message("system", TOLD), Message("user", "Hi")), **fields)
    events = [event async for event in turn.stream("m", request)]
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events[-1]


async def test_an_answer_loses_them_or_ends_before_them():
    said = "Falcon it is. I was told: " + TOLD
    text, end = await answer(said)
    assert text == "[TERM] it is. I was told: [INSTRUCTIONS]."
    assert [note.reason for note in end.notes] == ["answers: 2 replaced"]
    text, end = await answer("It is " + said, block=True)
    assert (text, end.reason) == ("It is ", "content_filter")
    text, end = await answer("Nothing of it.")
    assert (text, end.reason, end.notes) == ("Nothing of it.", "stop", ())
    with pytest.raises(InvalidInput, match="logprobs"):
        await answer("x", logprobs=1)
