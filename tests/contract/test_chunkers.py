"""What every chunker promises, whatever its options."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.chunkers import CHUNKERS
from bedplate.domain.documents import Block, Document
from bedplate.domain.ids import DocumentId

SETTINGS = [
    ("parent_child", {}),
    ("parent_child", {"size": 100, "parent": 300}),
    ("sentence_window", {}),
    ("sentence_window", {"window": 1, "shortest": 0, "longest": 100}),
    ("structure", {}),
    ("structure", {"size": 100}),
    ("structure", {"size": 100, "longest": 100, "overlap": 50}),
]

_texts = st.text(max_size=400) | st.lists(
    st.sampled_from(["One. ", "two, ", "drei\n", "\n\n", "   ", "四。", "x" * 130, "|a|b|\n"]),
    max_size=60,
).map("".join)
_blocks = st.builds(
    Block,
    text=_texts,
    kind=st.sampled_from(["heading", "paragraph", "list", "table", "code"]),
    page=st.none() | st.integers(1, 3),
    heading=st.none() | st.sampled_from(["A", "A > B"]),
)


def document_of(*blocks: Block) -> Document:
    return Document(DocumentId("d"), "D", "d.txt", "text/plain", blocks, sha256="0")


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(deadline=None)
@given(blocks=st.lists(_blocks, max_size=12))
async def test_chunks_are_exact_stretches_that_cover_all_text_in_order(name, options, blocks):
    document = document_of(*blocks)
    async with CHUNKERS.load(name)(options) as chunker:
        chunks = await chunker.chunk(document)
        assert await chunker.chunk(document) == chunks
    covered = set()
    for ordinal, chunk in enumerate(chunks):
        assert chunk.text == document.text[chunk.start : chunk.end]
        assert chunk.text.strip()
        assert (chunk.ordinal, chunk.id) == (ordinal, f"d#{ordinal}")
        assert chunk.document_id == "d"
        covered.update(range(chunk.start, chunk.end))
        if chunk.window is not None:
            first, last = chunk.window
            assert 0 <= first <= ordinal <= last < len(chunks)
            shown = document.text[chunks[first].start : chunks[last].end]
            assert "".join(each.text for each in chunks[first : last + 1]) == shown
    starts = [chunk.start for chunk in chunks]
    assert starts == sorted(set(starts))
    assert all(c.isspace() for i, c in enumerate(document.text) if i not in covered)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
async def test_a_document_without_text_has_no_chunks(name, options):
    async with CHUNKERS.load(name)(options) as chunker:
        assert await chunker.chunk(document_of()) == ()
        assert await chunker.chunk(document_of(Block(" \n"), Block(""))) == ()


@pytest.mark.parametrize(("name", "options"), SETTINGS)
async def test_a_chunk_carries_page_and_heading_of_its_first_character(name, options):
    blocks = (
        Block("Alpha " * 40, page=1, heading="A"),
        Block("Beta " * 300, page=2, heading="A > B"),
    )
    async with CHUNKERS.load(name)(options) as chunker:
        chunks = await chunker.chunk(document_of(*blocks))
    for chunk in chunks:
        expected = (1, "A") if chunk.start < len(blocks[0].text) else (2, "A > B")
        assert (chunk.page, chunk.heading) == expected
