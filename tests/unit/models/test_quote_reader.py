"""The span reader with the shipped weights."""

import numpy as np
import pytest

from bedplate.models.quote_reader import (
    Reading,
    SpanReader,
    describe_reading,
    open_reader,
)
from bedplate.models.quote_scoring import Encoded
from bedplate.sentences import split_sentences

SHOP = "The shop opened in 2015. It sells tents and lamps. Anna Berg runs it with her brother."
HARBOUR = "The harbour was built by Dutch engineers. It freezes in cold winters."


@pytest.fixture(scope="module")
def reader() -> SpanReader:
    return open_reader()


def encoded(text: str, title: str = "") -> Encoded:
    found = tuple(split_sentences(text))
    nothing = np.zeros((len(found), 1), dtype=np.float32)
    return Encoded(text, f"{title}\n", title, found, nothing, nothing[:, 0], 0.0)


def read(reader: SpanReader, question: str, text: str, sentence: int = 0) -> Reading:
    passage = encoded(text)
    chosen = passage.sentences[sentence]
    found = reader.read(question, passage, (chosen.start, chosen.end))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("When did the shop open?", SHOP, "2015"),
        ("Who runs the shop?", SHOP, "Anna Berg"),
        ("Who built the harbour?", HARBOUR, "Dutch engineers"),
    ],
)
def test_the_words_that_answer_are_found(reader: SpanReader, question: str, text: str, answer: str):
    found = read(reader, question, text)

    assert answer in text[found.start : found.end]


def test_a_question_that_is_answered_has_the_greater_margin(reader: SpanReader):
    answered = read(reader, "When did the shop open?", SHOP).margin

    assert answered > read(reader, "When did the shop burn down?", SHOP).margin
    assert answered > read(reader, "Who is the mayor of Lyon?", SHOP).margin


def test_only_the_sentences_around_the_chosen_one_are_read(reader: SpanReader):
    beds = " ".join(f"Hut {n} of the northern trail has {n} beds." for n in range(40))
    text = f"{beds} {SHOP}"
    first = read(reader, "When did the shop open?", text)
    last = read(reader, "When did the shop open?", text, sentence=40)

    assert first.span[1] < last.span[0] <= text.index(SHOP)
    assert text[last.start : last.end] == "2015"


def test_the_best_answer_within_a_sentence_stays_within_it(reader: SpanReader):
    found = read(reader, "When did the shop open?", SHOP)
    last = split_sentences(SHOP)[-1]

    within = found.within((last.start, last.end))

    assert within is not None
    assert last.start <= within[1][0] < within[1][1] <= last.end
    assert found.within((len(SHOP), len(SHOP) + 10)) is None


def test_features_say_whether_the_quoted_sentence_holds_the_answer(reader: SpanReader):
    found = read(reader, "When did the shop open?", SHOP)
    first, second, _ = [(s.start, s.end) for s in split_sentences(SHOP)]

    right, wrong = describe_reading(found, first), describe_reading(found, second)

    assert (right["read_agree"], wrong["read_agree"]) == (1.0, 0.0)
    assert right["read_inside"] > wrong["read_inside"]
    assert right["read_best"] == wrong["read_best"]


def test_nothing_to_read_counts_as_no_answer():
    assert describe_reading(None, (0, 5)) == {
        "read_best": -10.0,
        "read_any": -10.0,
        "read_inside": -10.0,
        "read_agree": 0.0,
    }


@pytest.mark.parametrize("text", ["字" * 3_000, "x" * 5_000, "\ud800 lone", "a\u0000b", "…" * 400])
def test_odd_texts_are_read_without_trouble(reader: SpanReader, text: str):
    for shown in (text + ".", SHOP):
        found = reader.read(text, encoded(shown), (0, len(shown)))
        assert found is not None
        assert np.isfinite(found.margin)
        assert 0 <= found.start <= found.end
