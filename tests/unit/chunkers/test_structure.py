"""Where the structure chunker cuts, and where it does not."""

from itertools import pairwise

import pytest
from pydantic import ValidationError

from bedplate.chunkers.structure import open_structure_chunker
from bedplate.domain.documents import Block, Document
from bedplate.domain.ids import DocumentId

SENTENCE = "The quick brown fox jumps over the lazy dog again. "


async def texts(*blocks: Block, **options: int) -> list[str]:
    document = Document(DocumentId("d"), "D", "d.txt", "text/plain", blocks, sha256="0")
    async with open_structure_chunker({"overlap": 0, **options}) as chunker:
        return [chunk.text for chunk in await chunker.chunk(document)]


async def test_an_abstract_stays_whole():
    abstract = (SENTENCE * 24)[:1200]
    assert await texts(Block("Title", "heading"), Block(abstract[:1190])) == [
        "Title\n\n" + abstract[:1190].strip()
    ]


async def test_a_heading_opens_a_chunk_and_stays_with_its_text():
    body = (SENTENCE * 6).strip()
    got = await texts(
        Block("A", "heading", heading="A"),
        Block(body, heading="A"),
        Block("B", "heading", heading="B"),
        Block("B1", "heading", heading="B > B1"),
        Block(body, heading="B > B1"),
        size=500,
    )
    assert got == [f"A\n\n{body}", f"B\n\nB1\n\n{body}"]


async def test_a_heading_does_not_stay_behind_when_its_text_does_not_fit():
    body = (SENTENCE * 8).strip()
    got = await texts(Block(body), Block("B", "heading"), Block(body), size=450)
    assert got == [body, f"B\n\n{body}"]


async def test_small_sections_are_packed_together():
    sections = [
        block for n in range(40) for block in (Block(f"H{n}", "heading"), Block("Short text."))
    ]
    got = await texts(*sections, size=500)
    assert all(100 <= len(text) <= 600 for text in got[:-1])
    assert all(text.startswith("H") for text in got)


async def test_a_page_ends_a_chunk_but_not_a_scrap():
    body = (SENTENCE * 10).strip()
    got = await texts(Block("Cover", page=1), Block(body, page=2), Block(body, page=3), size=600)
    assert got == [f"Cover\n\n{body}", body]


async def test_a_long_paragraph_is_cut_evenly_at_sentence_ends():
    got = await texts(Block((SENTENCE * 60).strip()), size=1000)
    assert all(text.endswith("again.") for text in got)
    assert max(map(len, got)) - min(map(len, got)) <= 2 * len(SENTENCE)


async def test_a_hard_wrapped_paragraph_is_cut_at_sentences_not_at_lines():
    wrapped = "\n".join(["and so it goes on and on", "until it ends. Then", "it starts"] * 40)
    got = await texts(Block(wrapped), size=500)
    assert all(text.endswith("ends.") for text in got[:-1])


async def test_a_long_table_is_cut_between_rows_and_a_short_one_not_at_all():
    rows = ["| name | price. Or so |", "| --- | --- |"] + [
        f"| item {n} | {n}. x |" for n in range(60)
    ]
    got = await texts(Block("\n".join(rows), "table"), size=400)
    assert "\n".join(got) == "\n".join(rows)
    short = "\n".join(rows[:20])
    intro = (SENTENCE * 6).strip()
    assert short in await texts(Block(intro), Block(short, "table"), Block(intro), size=450)


async def test_long_code_is_cut_where_a_definition_begins():
    def function(name: str) -> str:
        lines = [f"    {name}_{n} = compute({n})  # a. b; c" for n in range(6)]
        return "\n\n".join([f"def {name}():", *lines, f"    return {name}_0"])

    names = [f"f{n:02}" for n in range(12)]
    got = await texts(Block("\n\n\n".join(map(function, names)), "code"), size=600)
    assert len(got) > 3
    assert all(text.startswith("def f") for text in got)


async def test_a_tiny_tail_joins_the_chunk_before_it():
    body = (SENTENCE * 9).strip()
    assert await texts(Block(body), Block(body), Block("The end."), size=460) == [
        body,
        f"{body}\n\nThe end.",
    ]


async def test_text_without_any_seam_is_still_cut():
    got = await texts(Block("漢" * 5000), size=1000)
    assert [len(text) for text in got] == [1000] * 5


async def test_overlap_repeats_whole_words_within_a_section_only():
    body = (SENTENCE * 20).strip()
    plain = await texts(Block(body), Block("B", "heading"), Block(body), size=400)
    got = await texts(Block(body), Block("B", "heading"), Block(body), size=400, overlap=60)
    assert len(got) == len(plain)
    for before, text, bare in zip(got, got[1:], plain[1:], strict=False):
        if bare.startswith("B\n"):
            assert text == bare
        else:
            repeated = text.removesuffix(bare).strip()
            assert 0 < len(repeated) <= 60
            assert before.endswith(repeated)
            assert before[-len(repeated) - 1].isspace()


async def test_a_fifth_of_the_size_is_repeated_unless_told_otherwise():
    document = Document(
        DocumentId("d"), "D", "d.txt", "text/plain", (Block(SENTENCE * 20),), sha256="0"
    )
    async with open_structure_chunker({"size": 400}) as chunker:
        first, second, *_ = await chunker.chunk(document)
    assert 60 <= first.end - second.start <= 80


async def test_nothing_is_repeated_from_another_page():
    body = (SENTENCE * 10).strip()
    assert await texts(Block(body, page=1), Block(body, page=2), size=500, overlap=200) == [
        body,
        body,
    ]


async def test_whole_rows_of_a_table_are_repeated():
    rows = [f"row {n}; {SENTENCE.strip()}" for n in range(30)]
    got = await texts(Block("\n".join(rows), "table"), size=400, overlap=150)
    assert len(got) > 4
    for text in got:
        assert set(text.split("\n")) <= set(rows)
    assert all(before.split("\n")[-1] in text for before, text in pairwise(got))


@pytest.mark.parametrize(
    "options", [{"size": 50}, {"size": 500, "longest": 400}, {"size": 100, "overlap": 51}, {"x": 1}]
)
async def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        await texts(**options)
