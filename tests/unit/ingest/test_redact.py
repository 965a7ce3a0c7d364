"""Personal data is taken out of chunks as it would be of the text that they are of."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.documents import Chunk
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.guards.pii import PatternGuard
from bedplate.ingest.redact import redacted, runs_of

GUARD = PatternGuard(("EMAIL", "PHONE", "KEY"))
TEXT = "Write to jo@example.com or ann.lee@example.org.\n\nCall +1 202 555 0143 before noon."


def cut(text: str, *spans: tuple[int, int]) -> list[Chunk]:
    return [
        Chunk(ChunkId(f"d#{n}"), DocumentId("d"), n, text[start:end], start, end)
        for n, (start, end) in enumerate(spans)
    ]


def scrubbed(chunks: Sequence[Chunk]) -> tuple[tuple[Chunk, ...], Counter[str]]:
    found: Counter[str] = Counter()
    return redacted(chunks, GUARD, found), found


def test_chunks_hold_their_stretch_of_the_text_as_it_is_now() -> None:
    middle = TEXT.index("\n\n")
    chunks, found = scrubbed(cut(TEXT, (0, middle), (middle + 2, len(TEXT))))
    now = GUARD.scrub(TEXT).text
    assert [chunk.text for chunk in chunks] == [
        "Write to [EMAIL] or [EMAIL].",
        "Call [PHONE] before noon.",
    ]
    assert [now[chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]
    assert found == {"EMAIL": 2, "PHONE": 1}


def test_what_lies_across_a_border_is_found_where_chunks_touch_and_counted_once() -> None:
    at = TEXT.index("@")
    chunks, found = scrubbed(cut(TEXT, (0, at), (at, 46)))
    assert [chunk.text for chunk in chunks] == ["Write to [EMAIL]", "[EMAIL] or [EMAIL]"]
    assert found == {"EMAIL": 2}


def test_what_lies_across_a_gap_is_not_found() -> None:
    at = TEXT.index("@")
    chunks, _ = scrubbed(cut(TEXT, (0, at), (at + 1, at + 12)))
    assert [chunk.text for chunk in chunks] == ["Write to jo", "example.com"]


def test_a_chunk_that_is_no_stretch_of_the_text_is_looked_at_by_itself() -> None:
    first, second = cut(TEXT, (0, 23), (27, 46))
    odd = Chunk(second.id, second.document_id, 1, "Table: a@b.com", 27, 46, heading="Of c@d.com")
    chunks, found = scrubbed([first, odd])
    assert [chunk.text for chunk in chunks] == ["Write to [EMAIL]", "Table: [EMAIL]"]
    assert chunks[1].heading == "Of [EMAIL]"
    assert found == {"EMAIL": 2}


def test_chunks_that_contradict_each_other_are_each_scrubbed() -> None:
    first, second = cut(TEXT, (0, 30), (20, 46))
    liar = Chunk(second.id, second.document_id, 1, "x" * 5 + " me@you.org " + "y" * 9, 20, 46)
    chunks, found = scrubbed([first, liar])
    assert chunks[1].text == "xxxxx [EMAIL] yyyyyyyyy"
    assert found == {"EMAIL": 2}


PIECES = st.lists(
    st.sampled_from(
        ["jo@example.com", "+1 202 555 0143", " and ", "\n\n", "[EMAIL]", "ünder ", "a"]
    ),
    min_size=1,
    max_size=12,
).map("".join)


@given(PIECES, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), max_size=6))
def test_nothing_is_left_and_a_second_time_changes_nothing(
    text: str, spans: list[tuple[int, int]]
) -> None:
    ordered = sorted((min(at, len(text) - 1), min(at + size, len(text))) for at, size in spans)
    chunks, _ = scrubbed(cut(text, *ordered))
    for run in runs_of(chunks):
        assert GUARD.find(run.text) == ()
    for chunk in chunks:
        assert chunk.end - chunk.start == len(chunk.text)
    assert scrubbed(chunks) == (chunks, Counter())


@given(PIECES, st.integers(1, 30), st.integers(0, 10))
def test_chunks_without_gaps_are_as_of_the_scrubbed_text(text: str, size: int, again: int) -> None:
    starts = range(0, len(text), size)
    spans = [(max(0, start - again), min(start + size, len(text))) for start in starts]
    chunks, found = scrubbed(cut(text, *spans))
    whole = GUARD.scrub(text)
    assert [whole.text[chunk.start : chunk.end] for chunk in chunks] == [c.text for c in chunks]
    assert found == Counter(finding.type for finding in whole.findings)
