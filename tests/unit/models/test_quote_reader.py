"""The span reader with the shipped weights."""

import numpy as np
import pytest

from bedplate.models.quote_reader import (
    WINDOWS,
    Reading,
    SpanReader,
    answer_within,
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


def read(reader: SpanReader, question: str, *texts: str, barred: int | None = None):
    passages = [encoded(text) for text in texts]
    place = np.array([n for n, p in enumerate(passages) for _ in p.sentences])
    score = np.zeros(len(place))
    if barred is not None:
        score[place == barred] = -np.inf
    return reader.read(question, passages, place, score)


def best(readings: tuple[Reading, ...]) -> Reading:
    return max(readings, key=lambda r: r.margin)


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("When did the shop open?", SHOP, "2015"),
        ("Who runs the shop?", SHOP, "Anna Berg"),
        ("Who built the harbour?", HARBOUR, "Dutch engineers"),
    ],
)
def test_the_words_that_answer_are_found(reader: SpanReader, question: str, text: str, answer: str):
    found = best(read(reader, question, SHOP, HARBOUR))

    assert answer in text[found.start : found.end]
    assert found.place == [SHOP, HARBOUR].index(text)


def test_a_question_that_is_answered_has_the_greater_margin(reader: SpanReader):
    answered = best(read(reader, "When did the shop open?", SHOP)).margin

    assert answered > best(read(reader, "When did the shop burn down?", SHOP)).margin
    assert answered > best(read(reader, "Who is the mayor of Lyon?", SHOP)).margin


def test_passages_that_must_not_be_quoted_are_not_read(reader: SpanReader):
    found = read(reader, "Who built the harbour?", SHOP, HARBOUR, barred=1)

    assert {r.place for r in found} == {0}


def test_no_more_than_a_few_windows_are_read(reader: SpanReader):
    found = read(reader, "Who built the harbour?", *[HARBOUR] * (WINDOWS + 3))

    assert len(found) == WINDOWS


def test_the_best_answer_within_a_sentence_stays_within_it(reader: SpanReader):
    found = read(reader, "When did the shop open?", SHOP)
    last = split_sentences(SHOP)[-1]

    span = answer_within(found, 0, (last.start, last.end))

    assert span is not None
    assert last.start <= span[0] < span[1] <= last.end
    assert answer_within(found, 1, (0, 10)) is None


def test_features_say_whether_the_quoted_sentence_holds_the_answer(reader: SpanReader):
    found = read(reader, "When did the shop open?", SHOP)
    first, second, _ = [(s.start, s.end) for s in split_sentences(SHOP)]

    right, wrong = describe_reading(found, 0, first), describe_reading(found, 0, second)

    assert (right["read_agree"], wrong["read_agree"]) == (1.0, 0.0)
    assert right["read_inside"] > wrong["read_inside"]
    assert right["read_best"] == wrong["read_best"]


def test_nothing_to_read_counts_as_no_answer():
    assert describe_reading((), 0, (0, 5)) == {
        "read_best": -10.0,
        "read_any": -10.0,
        "read_here": -10.0,
        "read_inside": -10.0,
        "read_agree": 0.0,
    }


@pytest.mark.parametrize("text", ["字" * 3_000, "x" * 5_000, "\ud800 lone", "a\u0000b", "…" * 400])
def test_odd_texts_are_read_without_trouble(reader: SpanReader, text: str):
    for found in read(reader, text, text + ".", SHOP):
        assert np.isfinite(found.margin)
        assert 0 <= found.start <= found.end
