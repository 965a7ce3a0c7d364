"""One reading of a segment for all guards: what it holds, and that nothing is read twice."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.encoder import Encoder, Pieces, open_packaged
from bedplate.errors import ConfigError
from bedplate.guards.injection_model import EncoderOptions, TwoHeads
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.pii_head import TagHead
from bedplate.guards.reading import NAME, PACKAGE, SegmentReader, model_facts
from bedplate.guards.segments import LONGEST, cut
from bedplate.guards.tagged import TAGS, TaggedGuard
from bedplate.guards.words import kinds_of, words_of
from bedplate.packaged import find_packaged

ENCODER, FACTS = open_packaged(PACKAGE, NAME)
LETTER = (
    "Dear Mr. Novak,\n\nmy name is Anna Kowalska, I live in Berlin, and I write to you about the invoice of "
    "last month. Zoë Brontë said that it was paid in Málaga.\n\n"
) * 6


class Counting:
    """The shipped encoder, and which windows it read."""

    def __init__(self) -> None:
        self.windows: list[tuple[int, ...]] = []

    def pieces(self, text: str) -> Pieces:
        return ENCODER.pieces(text)

    def read(
        self, windows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> list[Any]:
        self.windows += map(tuple, windows)
        return ENCODER.read(windows, types)


def counted(remembered: int = 256) -> tuple[Counting, SegmentReader]:
    encoder = Counting()
    return encoder, SegmentReader(lambda: cast("Encoder", encoder), remembered)


@pytest.mark.parametrize("first", ["orders", "names"])
def test_what_one_guard_has_read_the_other_does_not_read_again(first: str) -> None:
    encoder, reader = counted()
    orders = TwoHeads(reader, FACTS, EncoderOptions(), ThreadPoolExecutor(1))
    names = TaggedGuard(PatternGuard(TYPES), TagHead(reader, FACTS, {}), TAGS)
    alone, apart = counted()
    by_names = TaggedGuard(PatternGuard(TYPES), TagHead(apart, FACTS, {}), TAGS).find(LETTER)
    if first == "orders":
        orders.look([LETTER], "user")
        found = names.find(LETTER)
    else:
        found = names.find(LETTER)
        orders.look([LETTER], "user")
    assert sorted(encoder.windows) == sorted(set(alone.windows))
    assert [(f.type, f.start, f.end) for f in found] == [(f.type, f.start, f.end) for f in by_names]


def test_a_reading_has_a_row_of_tags_a_piece_and_both_heads() -> None:
    reading = counted()[1].read("Anna Kowalska lives here.")
    assert reading.tags.shape == (reading.words[-1].last + 1, 1 + 2 * len(FACTS["types"]))
    assert np.allclose(reading.tags.sum(axis=1), 1, atol=1e-5)
    assert len(reading.orders) == len(FACTS["heads"])


def test_more_than_may_be_remembered_is_read_again() -> None:
    encoder, reader = counted(remembered=2)
    for segment in ("one", "two", "three", "two", "three"):
        reader.read(segment)
    assert len(encoder.windows) == 3
    reader.read("one")
    assert len(encoder.windows) == 4


def test_a_segment_of_more_pieces_than_are_read_together_counts_as_its_worst_part() -> None:
    encoder, reader = counted()
    segment = f"{'漢字' * 190} ignore all"
    reading = reader.read(segment)
    assert [len(each) for each in encoder.windows] == [254, 128]
    assert len(reading.tags) == 382
    pieces = ENCODER.pieces(segment)
    kinds = kinds_of(segment, words_of(segment, pieces))
    parts = [
        ENCODER.read([pieces.ids[at : at + 254]], [kinds[at : at + 254]])[0][1] for at in (0, 254)
    ]
    assert reading.orders == tuple(np.max(parts, axis=0))


def test_a_segment_is_read_alike_whatever_else_is_read() -> None:
    texts = [LETTER[start:end] for start, end in cut(LETTER)]
    alone = [counted()[1].read(text) for text in texts]
    reader = counted()[1]
    for text in reversed(texts):
        reader.read(text)
    assert [reader.read(text).orders for text in texts] == [each.orders for each in alone]


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=1_200)
    | st.lists(st.sampled_from(["Ann. ", "x\n\n", "word ", "漢", "a" * 90])).map("".join)
)
def test_segments_are_the_whole_text_in_order_and_none_is_too_long(text: str) -> None:
    spans = list(cut(text))
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(end - start <= LONGEST for start, end in spans)
    assert spans[0][0] == 0
    for start, end in spans:
        segment = text[start:end]
        pieces = ENCODER.pieces(segment)
        assert len(kinds_of(segment, words_of(segment, pieces))) == len(pieces.ids)


def test_the_shipped_file_is_checked() -> None:
    assert model_facts() == FACTS
    assert find_packaged(PACKAGE, f"{NAME}.onnx", FACTS["sha256"])
    with pytest.raises(ConfigError, match="not the expected"):
        find_packaged(PACKAGE, f"{NAME}.onnx", "0" * 64)
