"""What is cut small and shown wide: sentences in their windows, children in their parents."""

from bedplate.chunkers import CHUNKERS
from bedplate.domain.documents import Block, Chunk, Document
from bedplate.domain.ids import DocumentId


async def cut(name: str, options: dict[str, int], *blocks: Block) -> tuple[Chunk, ...]:
    document = Document(DocumentId("d"), "D", "d.txt", "text/plain", blocks, sha256="0")
    async with CHUNKERS.load(name)(options) as chunker:
        return await chunker.chunk(document)


def shown(chunks: tuple[Chunk, ...], number: int) -> str:
    first, last = chunks[number].window or (number, number)
    return "".join(chunk.text for chunk in chunks[first : last + 1])


def sentences(count: int, heading: str | None = None) -> Block:
    text = " ".join(f"Here is sentence number {n}, which is long enough." for n in range(count))
    return Block(text, heading=heading)


async def test_a_sentence_is_a_chunk_and_its_window_those_around_it():
    chunks = await cut("sentence_window", {"window": 1, "shortest": 0}, sentences(5))
    assert [chunk.text.strip()[:26] for chunk in chunks] == [
        f"Here is sentence number {n}," for n in range(5)
    ]
    assert [chunk.window for chunk in chunks] == [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)]


async def test_a_window_ends_where_another_heading_begins():
    blocks = (
        Block("A", "heading", heading="A"),
        sentences(3, "A"),
        Block("B", "heading", heading="B"),
        sentences(3, "B"),
    )
    chunks = await cut("sentence_window", {"window": 5, "shortest": 0}, *blocks)
    assert [chunk.window for chunk in chunks] == [(0, 2)] * 3 + [(3, 5)] * 3
    assert shown(chunks, 4).startswith("B\n\nHere is sentence number 0")


async def test_a_heading_and_a_scrap_of_a_sentence_stand_with_what_follows():
    blocks = (Block("Returns", "heading"), Block("Yes. Goods may be sent back within 30 days."))
    chunks = await cut("sentence_window", {"shortest": 10}, *blocks)
    assert [chunk.text for chunk in chunks] == [
        "Returns\n\nYes. Goods may be sent back within 30 days."
    ]


async def test_rows_of_a_table_and_items_of_a_list_are_sentences_with_their_marks():
    table = Block("name: tent; price: 90\nname: stove; price: 45\nname: mat; price: 30", "table")
    chunks = await cut("sentence_window", {"shortest": 0}, table)
    assert [chunk.text for chunk in chunks] == table.text.splitlines(keepends=True)
    items = Block("- The tent is green.\n- The stove is red.\n- The mat is blue.", "list")
    chunks = await cut("sentence_window", {"shortest": 0}, items)
    assert [chunk.text for chunk in chunks] == items.text.splitlines(keepends=True)


async def test_a_sentence_without_end_is_cut():
    chunks = await cut("sentence_window", {"longest": 100, "shortest": 0}, Block("word " * 100))
    assert len(chunks) > 4
    assert max(len(chunk.text) for chunk in chunks) <= 101


async def test_a_long_text_of_marks_that_end_no_sentence_is_cut_in_time():
    chunks = await cut("sentence_window", {}, Block("A. B. " * 100_000))
    assert sum(len(chunk.text) for chunk in chunks) == 599_999


async def test_children_share_the_parent_that_structure_would_cut():
    blocks = (sentences(30, "A"), sentences(30, "B"))
    chunks = await cut("parent_child", {"size": 200, "parent": 1000}, *blocks)
    parents = await cut("structure", {"size": 1000, "overlap": 0}, *blocks)
    assert len(chunks) > 2 * len(parents)
    windows = list(dict.fromkeys(chunk.window for chunk in chunks))
    assert [shown(chunks, window[0]) for window in windows if window] == [p.text for p in parents]
    assert {chunk.window for chunk in chunks if chunk.heading == "A"}.isdisjoint(
        {chunk.window for chunk in chunks if chunk.heading == "B"}
    )


async def test_what_is_shorter_than_a_child_is_its_own_parent():
    [chunk] = await cut("parent_child", {}, Block("One line."))
    assert (chunk.text, chunk.window) == ("One line.", (0, 0))
