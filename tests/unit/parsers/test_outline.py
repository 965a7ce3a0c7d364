import pytest

from bedplate.domain.documents import Blob
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.outline import Outline, fingerprint, paragraphs, stem


def test_headings_form_a_path_and_close_their_equals() -> None:
    outline = Outline(Blob(b"x", "a"), 1_000)
    outline.add("before")
    outline.heading("One", 1)
    outline.heading("Deep", 3)
    outline.add("inside", page=2)
    outline.heading("Two", 2)
    outline.add("after")
    assert [(b.text, b.heading, b.level) for b in outline.blocks] == [
        ("before", None, None),
        ("One", "One", 1),
        ("Deep", "One > Deep", 3),
        ("inside", "One > Deep", None),
        ("Two", "One > Two", 2),
        ("after", "One > Two", None),
    ]


def test_empty_blocks_and_headings_are_skipped() -> None:
    outline = Outline(Blob(b"x", "a"), 1_000)
    outline.add("  \n ")
    outline.heading(" ", 1)
    with pytest.raises(Unreadable) as caught:
        outline.parsed("v", "text/plain", title=None, metadata={})
    assert caught.value.reason == "empty"


def test_the_characters_of_all_blocks_are_limited() -> None:
    outline = Outline(Blob(b"x", "a"), 10)
    outline.add("123456")
    with pytest.raises(TooLarge):
        outline.add("78901")


def test_a_changed_reader_changes_the_fingerprint() -> None:
    assert fingerprint("pdf/1", b"x") != fingerprint("pdf/2", b"x")
    assert fingerprint("pdf/1", b"x") == fingerprint("pdf/1", b"x")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("docs/report.final.pdf", "report.final"),
        ("../../etc/passwd.txt", "passwd"),
        ("C:\\docs\\..\\plan.md", "plan"),
        ("https://x.org/a/page.html?id=1#top", "page"),
        ("bad\x00ly\nnamed.txt", "badly named"),
        ("..", ".."),
        ("", "untitled"),
    ],
)
def test_a_title_comes_from_the_last_part_of_any_name(source: str, expected: str) -> None:
    assert stem(source) == expected


def test_paragraphs_are_cut_at_blank_lines() -> None:
    assert paragraphs("\n\na\nb\n \t\n\n  c\n") == ["a\nb", "  c\n"]
