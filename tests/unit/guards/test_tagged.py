"""The shipped tagging model: what it finds, and that no text is too odd for it."""

from collections import Counter
from itertools import pairwise

import pytest

from bedplate.domain.chat import ChatRequest, Message
from bedplate.domain.guard import Finding
from bedplate.guards.calls import PiiCalls
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.pii_head import TagHead, may_be_a_name, numbered
from bedplate.guards.pii_shapes import shapes
from bedplate.guards.policy import Policy
from bedplate.guards.reading import model_facts, shared_reader
from bedplate.guards.tagged import TAGS, TaggedGuard, open_tagged_guard

MAIL = (
    "Dear Mr. Novak,\n\nmy name is Anna Kowalska, I am 34 years old and live in Berlin. "
    "Please write to anna.k@example.org.\n\nKind regards,\nAnna Kowalska"
)


@pytest.fixture(scope="module")
def guard():
    return TaggedGuard(PatternGuard(TYPES), TagHead(shared_reader(), model_facts(), {}), TAGS)


def found(guard, text):
    return [(f.type, text[f.start : f.end]) for f in guard.find(text)]


def test_names_and_places_of_a_letter_are_found_beside_its_address(guard):
    said = found(guard, MAIL)
    assert said.count(("PERSON", "Anna Kowalska")) == 2
    assert {("PERSON", "Novak"), ("LOCATION", "Berlin"), ("EMAIL", "anna.k@example.org")} <= {*said}
    assert "Kowalska" not in guard.scrub(MAIL).text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ich heiße Sabine Vogt und wohne in München.", "Sabine Vogt"),
        ("Je m'appelle Claire Dubois et j'habite à Lyon.", "Claire Dubois"),
        ("Me llamo Carmen Ruiz y vivo en Sevilla.", "Carmen Ruiz"),
        ("Mi chiamo Paolo Ricci e vivo a Torino.", "Paolo Ricci"),
        ("Ik heet Daan Visser en woon in Utrecht.", "Daan Visser"),
    ],
)
def test_names_are_found_in_the_languages_it_was_fitted_to(guard, text, name):
    assert ("PERSON", name) in found(guard, text)


def test_text_about_nobody_stays(guard):
    text = "Preheat the oven, mix flour and sugar, and bake the cake until it is brown."
    assert guard.scrub(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "a" * 9_000, "A1" * 4_000, "\x00\x01\ud800" * 500, "\u202eאנא לוי\u202c " * 300, "漢字" * 500,
     "가나다라 " * 100, "😀 " * 900, "Ann, " * 500],
)  # fmt: skip
def test_no_text_is_too_odd(guard, text):
    findings = guard.find(text)
    assert all(0 <= f.start < f.end <= len(text) for f in findings)
    assert all(a.end <= b.start for a, b in pairwise(findings))


async def test_what_to_look_for_and_how_sure_to_be_can_be_set():
    async with open_tagged_guard({"tags": ["LOCATION"]}) as places:
        assert {type for type, _ in found(places, MAIL)} == {"LOCATION", "EMAIL"}
    async with open_tagged_guard({"thresholds": {"PERSON": 1.0}}) as doubting:
        assert "PERSON" not in {type for type, _ in found(doubting, MAIL)}


async def test_the_model_never_sees_a_name_and_the_user_does(guard):
    policy = Policy(on=frozenset({"input", "output"}), mode="pseudonym")
    request = ChatRequest((Message("user", "Write a poem for Anna Kowalska."),))
    call = await PiiCalls(guard, guard, policy, {}).open("m", request)
    assert call.request.messages[0].content == "Write a poem for [PERSON_1]."
    assert call.slow


def test_every_type_has_a_threshold():
    facts = model_facts()
    assert Counter(facts["types"]) == Counter(facts["tags"].keys()) == Counter(TAGS)


def test_shapes_tell_how_a_word_is_written_and_where_a_line_begins():
    text = "Ann met IBM at 5pm,\niPhone"
    spans = [(0, 3), (4, 7), (8, 11), (12, 14), (15, 18), (18, 19), (20, 26)]
    assert shapes(text, spans) == [7, 0, 2, 0, 3, 4, 11]
    assert shapes("", []) == []


@pytest.mark.parametrize(
    ("value", "type", "score", "kept"),
    [
        ("satanic cats", "ORGANIZATION", 0.7, False),
        ("satanic cats", "ORGANIZATION", 0.95, True),
        ("Satanic cats", "ORGANIZATION", 0.4, True),
        ("corner 4", "ADDRESS", 0.4, True),
        ("clerk", "TITLE", 0.4, True),
        ("李明", "PERSON", 0.4, True),
    ],
)
def test_small_letters_are_an_unsure_name_only_where_a_type_has_none(value, type, score, kept):
    assert may_be_a_name(value, Finding(type, 0, len(value), score)) is kept


@pytest.mark.parametrize(
    ("text", "cut", "expected"),
    [
        ("Bem rakpart 79", 12, [("ADDRESS", "Bem rakpart 79")]),
        ("Bem rakpart 79b.", 12, [("ADDRESS", "Bem rakpart 79b.")]),
        ("Ann Lee\n79", 8, [("PERSON", "Ann Lee"), ("ADDRESS", "79")]),
        ("Ann Lee 79 Main Street", 8, [("PERSON", "Ann Lee"), ("ADDRESS", "79 Main Street")]),
    ],
)
def test_a_name_with_a_house_number_behind_it_is_a_street(text, cut, expected):
    given = [Finding("PERSON", 0, cut - 1, 0.7), Finding("ADDRESS", cut, len(text), 0.9)]
    assert [(f.type, text[f.start : f.end]) for f in numbered(text, given)] == expected


def test_in_a_text_without_capitals_names_need_none(guard):
    assert ("PERSON", "anna kowalska") in found(
        guard, "hi, my name is anna kowalska and i need help"
    )
