import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.chat import Message
from bedplate.rag.follow_up import (
    LONGEST_FOLLOW_UP,
    LONGEST_TURN,
    MOST_TURNS,
    search_text,
    whole_question,
)

TENT = "Which tents of the summer catalogue withstand strong wind?"
ANSWER = "The Alpine and the Dune do."


def said(*turns: str) -> tuple[Message, ...]:
    """Turns of the user, each with an answer."""
    return tuple(m for turn in turns for m in (Message("user", turn), Message("assistant", ANSWER)))


@pytest.mark.parametrize(
    "question",
    [
        "What about heavy rain in the mountains during late autumn?",
        "How many people of average height does it hold at once?",
        "Does that apply to orders from Norway and Sweden placed by telephone?",
        "And which colours are in stock at your Berlin warehouse?",
        "Okay, thanks! So which warehouse ships heavy parcels to Norway fastest?",
        "Why?",
        "Price in euros?",
    ],
)
def test_a_question_that_leans_on_the_last_is_searched_for_with_it(question: str) -> None:
    assert search_text(question, said(TENT)) == f"{TENT}\n{question}\n{question}"


@pytest.mark.parametrize(
    "question",
    [
        "How long does delivery of a parcel to Norway take?",
        "Which sleeping bags withstand frost of minus ten degrees?",
        "Who founded the company that makes Alpine tents?",
    ],
)
def test_a_question_that_stands_by_itself_is_left_alone(question: str) -> None:
    assert search_text(question, said(TENT)) == question


def test_the_first_question_is_left_alone() -> None:
    assert search_text("Is it waterproof?", ()) == "Is it waterproof?"
    assert search_text("Is it waterproof?", [Message("assistant", "Hello!")]) == "Is it waterproof?"


def test_a_follow_up_to_a_follow_up_reaches_what_both_lean_on() -> None:
    found = search_text("And green?", said("An older subject", TENT, "Is it red?"))
    assert found == f"{TENT}\nIs it red?\nAnd green?\nAnd green?"


def test_turns_without_words_that_count_are_passed_over() -> None:
    assert search_text("Which ones?", said(TENT, "...")).startswith(TENT)


def test_a_long_question_is_no_follow_up() -> None:
    question = "Is it " + "very " * LONGEST_FOLLOW_UP
    assert search_text(question, said(TENT)) == question


@given(st.text(), st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text())))
def test_the_question_always_ends_a_text_of_bounded_length(question, turns) -> None:
    found = search_text(question, [Message(role, text) for role, text in turns])
    assert found.endswith(question)
    bound = max(len(question), 2 * LONGEST_FOLLOW_UP + MOST_TURNS * LONGEST_TURN + MOST_TURNS + 1)
    assert len(found) <= bound


def test_a_follow_up_and_what_it_leans_on_are_one_question() -> None:
    assert whole_question("And in red?", said(TENT)) == f"{TENT.rstrip('?')}\nAnd in red?"


def test_a_year_in_the_follow_up_stands_in_for_the_one_before() -> None:
    found = whole_question("And in 2022?", said("How many tents were sold in 2021?"))
    assert found == "How many tents were sold\nAnd in 2022?"


def test_a_question_that_stands_by_itself_is_completed_by_nothing() -> None:
    assert whole_question("How long does delivery of a parcel to Norway take?", said(TENT)) == ""
    assert whole_question("And green?", ()) == ""
