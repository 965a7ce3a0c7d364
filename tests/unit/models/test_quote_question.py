import pytest

from bedplate.models.quote_question import completed, read_question, type_match
from bedplate.models.quote_reading import is_code


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("When was it built?", "date"),
        ("In what year did it open?", "date"),
        ("How many rooms are there?", "number"),
        ("How long do refunds take?", "number"),
        ("How much does it cost?", "money"),
        ("What is the price of a tent?", "money"),
        ("Who founded the shop?", "name"),
        ("Where is the harbour?", "name"),
        ("Why is it closed?", "open"),
    ],
)
def test_the_kind_of_answer_is_read_from_the_wording(text: str, kind: str):
    assert read_question(text).kind == kind


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("When was it built?", "It was built in 1900.", 1.0),
        ("When was it built?", "It was built of stone.", -1.0),
        ("When does the money arrive?", "We refund within 5 working days.", 1.0),
        ("How many stairs has it?", "It has ninety stairs.", 1.0),
        ("How much is the tent?", "The tent is $19.99.", 1.0),
        ("How much is the tent?", "The tent is green.", -1.0),
        ("Who built the Tower?", "The Tower was built by Anna Berg.", 1.0),
        ("Who built the Tower?", "The Tower is old.", -1.0),
        ("Why is it closed?", "It rains.", 0.0),
    ],
)
def test_a_sentence_is_checked_for_the_asked_kind(question: str, sentence: str, expected: float):
    assert type_match(read_question(question), sentence) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How do I create a store in Python?", True),
        ("Which command lists the keys?", True),
        ("Which stores are supported?", False),
        ("Who opened the shop?", False),
    ],
)
def test_a_question_says_whether_code_may_answer_it(text: str, *, code: bool):
    assert read_question(text).about_code is code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rows = store.search(query, limit=5)\nfor row in rows:\n    print(row.text)", True),
        ('{"id": 1,\n "price": 90};\nconst a = () => b;', True),
        ("A price = 90 dollars, or (in May) 80.", False),
        ("Write to the counter (room 4); it opens at 9, and closes at 5.", False),
        ("The function f(x) = y has one root, and so has g(x).", False),
    ],
)
def test_code_is_told_from_words_about_it(text: str, *, code: bool):
    assert is_code(text) is code


def test_what_the_question_says_itself_is_no_answer():
    assert type_match(read_question("When in 1900 was it built?"), "In 1900 it was.") == -1.0


@pytest.mark.parametrize(
    "text", ["rainy weather gear", "What do you have for rain?", "show me tents"]
)
def test_looking_for_things_is_browsing(text: str):
    assert read_question(text).browsing


@pytest.mark.parametrize(
    "text", ["How long do refunds take", "In which year did it open", "is postage free", "Refunds?"]
)
def test_asking_is_not_browsing(text: str):
    assert not read_question(text).browsing


@pytest.mark.parametrize(
    ("text", "price", "left"),
    [
        ("umbrellas under $50", (0.0, 50.0), "umbrellas"),
        ("tents over 100 euros", (100.0, float("inf")), "tents"),
        ("coats over £50 and under £99.50 please", (50.0, 99.5), "coats and please"),
        ("tents under 3 kg", None, "tents under 3 kg"),
    ],
)
def test_a_bound_on_the_price_is_taken_out(text: str, price: tuple[float, float] | None, left: str):
    question = read_question(text)

    assert question.price == price
    assert question.text == left


def test_names_and_numbers_are_entities_but_not_the_first_words_capital():
    question = read_question("Which shops in Leeds had 12 tents in 2024?")

    assert question.entities == ("Leeds", "12", "2024")
    assert question.years == {2024}


@pytest.mark.parametrize("text", ["hello", "Hi there!", "Good morning", "thanks"])
def test_greetings_are_known(text: str):
    assert read_question(text).greeting


def test_a_question_behind_a_greeting_is_a_question():
    assert not read_question("Hello, is postage free?").greeting


@pytest.mark.parametrize(
    "text",
    [
        "Compare the Skua and the Gannet",
        "What are the steps to make a claim?",
        "How long do refunds take and who pays the postage?",
    ],
)
def test_asking_for_several_things_is_known(text: str):
    assert read_question(text).several


def test_a_follow_up_is_read_with_what_it_leans_on_and_its_own_words_count_first() -> None:
    whole = read_question("How many tents under $90 were sold in 2021\nWho sold them in 2022?")
    found = completed(read_question("Who sold them in 2022?"), whole)
    assert found.text == whole.text
    assert (found.kind, found.years, found.price) == ("name", {2022}, (0.0, 90.0))
    plain = completed(read_question("And in red?"), read_question("How many tents\nAnd in red?"))
    assert plain.kind == "number"
