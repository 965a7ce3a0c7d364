import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.sentences import split_sentences


def parts(text: str) -> list[str]:
    return [text[s.start : s.end] for s in split_sentences(text)]


def forms(text: str) -> list[tuple[str, str]]:
    return [(s.form, text[s.start : s.end]) for s in split_sentences(text)]


def contexts(text: str) -> dict[str, str | None]:
    return {
        text[s.start : s.end]: text[slice(*s.context)] if s.context else None
        for s in split_sentences(text)
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. Take a coat.", ["It rains.", "Take a coat."]),
        ("Dr. Smith paid $19.99. He left.", ["Dr. Smith paid $19.99.", "He left."]),
        ("See No. 5 for more. It is there.", ["See No. 5 for more.", "It is there."]),
        ("No. 5 is sold out. No. We wait.", ["No. 5 is sold out.", "No.", "We wait."]),
        ("About 3.5 km from here. Walk.", ["About 3.5 km from here.", "Walk."]),
        ("Open until 5 p.m. The door is red.", ["Open until 5 p.m.", "The door is red."]),
        ("Open 9 a.m. to 5 p.m. daily. Come in.", ["Open 9 a.m. to 5 p.m. daily.", "Come in."]),
        ("By J. R. R. Tolkien in 1937. A book.", ["By J. R. R. Tolkien in 1937.", "A book."]),
        ("In the U.S. Army it is so. Yes!", ["In the U.S. Army it is so.", "Yes!"]),
        ("Tents, mats, etc. are sold. Ask us.", ["Tents, mats, etc. are sold.", "Ask us."]),
        ("Use e.g. Berlin. Or i.e. Rome.", ["Use e.g. Berlin.", "Or i.e. Rome."]),
        ("He said “Stop.” They did.", ["He said “Stop.”", "They did."]),
        ("It is true.[citation needed] So be it.", ["It is true.[citation needed]", "So be it."]),
        ("雨が降る。傘を持つ。", ["雨が降る。", "傘を持つ。"]),
        (
            "The file is at example.com now. Read it.",
            ["The file is at example.com now.", "Read it."],
        ),
    ],
)
def test_prose_is_cut_at_sentence_ends_only(text: str, expected: list[str]):
    assert parts(text) == expected


def test_wrapped_lines_are_one_sentence_and_short_lines_are_their_own():
    wrapped = (
        "Items that are unused can be returned within\nsixty days of delivery. Keep the receipt."
    )

    assert parts(wrapped) == [
        "Items that are unused can be returned within\nsixty days of delivery.",
        "Keep the receipt.",
    ]
    assert parts("Tents.\nMats.") == ["Tents.", "Mats."]


def test_headings_are_told_from_prose_and_give_context():
    text = "# Returns\n\nRefund window\n\nYou have 30 days.\n\nPostage is free."

    assert forms(text)[:2] == [("heading", "Returns"), ("heading", "Refund window")]
    assert contexts(text)["You have 30 days."] == "Refund window"


def test_a_passage_of_one_short_line_is_prose():
    assert forms("Storm umbrella") == [("prose", "Storm umbrella")]


def test_list_items_lose_their_mark_and_keep_their_lead():
    text = "The kit includes:\n- a pump\n2) two tyres\n\nIt weighs 3 kg."

    assert forms(text) == [
        ("lead", "The kit includes:"),
        ("item", "a pump"),
        ("item", "two tyres"),
        ("prose", "It weighs 3 kg."),
    ]
    assert contexts(text)["two tyres"] == "The kit includes:"
    assert contexts(text)["It weighs 3 kg."] is None


def test_rows_stay_whole():
    text = "Item: Umbrella; Price: $19.99; Stock: 4\nItem: Coat; Price: $99.00; Stock: 1"

    assert forms(text) == [("row", line) for line in text.split("\n")]


def test_prose_behind_a_colon_is_not_a_row():
    text = "Warranty: All tents have two years. Keep the receipt with the bill."

    assert [form for form, _ in forms(text)] == ["prose", "prose"]


def test_questions_and_their_answers_are_told_apart():
    text = "Q: How long do refunds take?\nA: Within 5 days.\n\nQ: Who pays?\nA: We do."

    assert forms(text) == [
        ("question", "How long do refunds take?"),
        ("item", "Within 5 days."),
        ("question", "Who pays?"),
        ("item", "We do."),
    ]
    assert contexts(text)["Within 5 days."] == "How long do refunds take?"
    assert contexts(text)["We do."] == "Who pays?"


def test_mail_headers_are_told_from_the_letter():
    text = "From: a@example.com\nTo: b@example.com\nSubject: Broken tent\n\nThe zip is broken."

    assert forms(text)[:3] == [("header", line) for line in text.split("\n")[:3]]
    assert forms(text)[-1] == ("prose", "The zip is broken.")


@given(st.text(alphabet=st.sampled_from("aB1 .!?:;,\n\t-*#|$()\"'。Q"), max_size=200))
def test_sentences_are_ordered_disjoint_trimmed_slices(text: str):
    last = 0
    for sentence in split_sentences(text):
        words = text[sentence.start : sentence.end]
        assert sentence.start >= last
        assert words
        assert words == words.strip()
        last = sentence.end


@given(st.text(max_size=300))
def test_no_letter_outside_list_marks_is_lost_from_plain_prose(text: str):
    prose = "Start " + " ".join(c for c in text if c.isalpha())

    assert "".join(parts(prose)).replace(" ", "") == prose.replace(" ", "")


def test_rows_of_a_table_stand_alone_whatever_their_case():
    text = "code: 5; meaning: a server failed\ncode: 130; meaning: interrupted (0); or closed"

    assert forms(text) == [("row", row) for row in text.split("\n")]


def test_a_single_word_belongs_to_the_sentence_it_names():
    assert parts("RRF. Reciprocal rank fusion: a sum over ranks.") == [
        "RRF. Reciprocal rank fusion: a sum over ranks."
    ]
