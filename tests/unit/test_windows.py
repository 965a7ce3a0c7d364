"""What small models read in pairs."""

from bedplate.encoder import CLS, SEP, Encoder, Pieces, open_packaged
from bedplate.sentences import split_sentences
from bedplate.windows import (
    CAPITAL,
    DIGIT,
    HEAD,
    MARK,
    MET,
    MISSING,
    NEAR,
    PLAIN,
    SHARED,
    STOP,
    Words,
    stretches,
    window,
    words_of,
)

PASSAGE = "Rollo led the Norse in 911. He swore fealty. Normandy is named after them."


def words(text: str) -> Words:
    """Every word is a piece; they are numbered from 1,000 on."""
    offsets: list[tuple[int, int]] = []
    at = 0
    for word in text.split(" "):
        offsets += [(at, at + len(word))]
        at += len(word) + 1
    return words_of(text, Pieces([1_000 + n for n in range(len(offsets))], offsets))


def spans(text: str) -> list[tuple[int, int]]:
    return [(s.start, s.end) for s in split_sentences(text)]


def test_each_piece_of_a_question_says_where_its_word_is_met():
    asked = words("who led Normandy against Paris")
    first = spans(PASSAGE)[0]

    shown = window(asked, words("Normans"), words(PASSAGE), first)

    assert shown.kinds[: shown.first] == [STOP, MET, NEAR, STOP, MISSING, MARK, HEAD, MARK]
    assert [i for i in shown.ids if i == SEP] == [SEP, SEP]
    assert CLS not in shown.ids


def test_each_piece_of_a_passage_says_its_shape_or_that_it_was_asked_for():
    shown = window(
        words("when did they lead"), words(""), words("Rollo was leading in 911"), (0, 24)
    )

    assert shown.kinds[shown.first :] == [CAPITAL, PLAIN, SHARED, PLAIN, DIGIT]


def test_the_pieces_of_a_passage_keep_their_place_in_its_text():
    second = spans(PASSAGE)[1]

    shown = window(words("who"), words(""), words(PASSAGE), second)

    assert [PASSAGE[a:b] for a, b in shown.offsets] == ["He", "swore", "fealty."]
    assert len(shown.ids) == len(shown.kinds) == shown.first + len(shown.offsets)


def test_neighbouring_sentences_share_a_window_as_far_as_they_fit():
    text = "One two three. Four five six. Seven eight nine. Ten."

    found = list(stretches(words(text), spans(text), 7))

    assert [text[a:b] for a, b in found] == [
        "One two three. Four five six.",
        "Seven eight nine. Ten.",
    ]


def test_a_sentence_that_is_longer_than_a_window_stands_alone_and_is_cut():
    text = "Short one. " + "Long " + "long " * 20 + "end. Short two."

    found = list(stretches(words(text), spans(text), 8))
    cut = window(words("what"), words(""), words(text), found[1], width=8)

    assert len(found) == 3
    assert len(cut.offsets) == 8


def test_a_long_question_and_a_long_title_are_cut():
    asked, head = words("word " * 50 + "end"), words("title " * 50 + "end")

    shown = window(asked, head, words("It is so."), (0, 9), most=10)

    assert shown.first == 10 + 1 + 12 + 1


def test_real_pieces_fit_the_same_rules():
    encoder: Encoder = open_packaged("bedplate.models", "quote_reader")[0]

    passage = words_of(PASSAGE, encoder.pieces(PASSAGE))

    assert passage.terms[0] == "rollo"
    assert len(passage.ids) == len(passage.terms) == len(passage.shapes) == len(passage.offsets)
