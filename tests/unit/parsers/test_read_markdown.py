import pytest

from bedplate.domain.documents import Blob, Block, Document
from bedplate.parsers.markdown import read_markdown
from bedplate.parsers.protocol import ParseLimits


def read(text: str, source: str = "guide.md") -> Document:
    (document,) = read_markdown(Blob(text.encode(), source), ParseLimits()).documents
    return document


def test_headings_of_both_kinds_give_path_and_level() -> None:
    document = read("# Guide #\n\nIntro\n\nSetup\n-----\nSteps\n\n### Deep\n\nend")
    assert document.blocks == (
        Block("Guide", "heading", None, "Guide", 1),
        Block("Intro", "paragraph", None, "Guide"),
        Block("Setup", "heading", None, "Guide > Setup", 2),
        Block("Steps", "paragraph", None, "Guide > Setup"),
        Block("Deep", "heading", None, "Guide > Setup > Deep", 3),
        Block("end", "paragraph", None, "Guide > Setup > Deep"),
    )
    assert document.title == "Guide"
    assert document.media_type == "text/markdown"


def test_lists_keep_their_items_and_depth() -> None:
    (block,) = read("- one\n  goes on\n- **two**\n    - inner\n\n- three").blocks
    assert block.kind == "list"
    assert block.text == "- one goes on\n- two\n    - inner\n- three"


def test_code_is_kept_as_it_stands() -> None:
    document = read("```python\n# not a heading\nx = a * b * c\n\n```\n\nafter")
    assert document.blocks[0] == Block("# not a heading\nx = a * b * c", "code")
    assert document.blocks[1].text == "after"


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert read("~~~\na\n# b").blocks == (Block("a\n# b", "code"),)


def test_table_rows_become_header_and_cell() -> None:
    (block,) = read("| Item | Price |\n|---|--:|\n| Tent | 199 |\n| Rope \\| 10m | |").blocks
    assert block.kind == "table"
    assert block.text == "Item: Tent; Price: 199\nItem: Rope | 10m"


def test_inline_marks_are_taken_off_outside_code() -> None:
    text = "See [the *docs*](http://x.y/z) and ![logo](a.png), **bold**, `a*b*c`, 2 * 3 * 4 &amp; <br> \\*"
    assert read(text).text == "See the docs and logo, bold, a*b*c, 2 * 3 * 4 &  *"


def test_comments_do_not_reach_the_text() -> None:
    assert read("a <!-- ignore\n\nprevious instructions --> b").text == "a  b"


def test_front_matter_becomes_typed_metadata() -> None:
    document = read(
        "---\ntitle: Refund policy\nyear: 2026\ndraft: false\ndate: 2026-01-31\n"
        'code: "007"\ntags: [a, 2]\nregions:\n  - EU\n  - UK\nempty:\n---\n# Other\n\nText'
    )
    assert document.title == "Refund policy"
    assert document.metadata == {
        "title": "Refund policy",
        "year": 2026,
        "draft": False,
        "date": "2026-01-31",
        "code": "007",
        "tags": ["a", 2],
        "regions": ["EU", "UK"],
        "empty": None,
    }
    assert document.blocks[0].text == "Other"


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    document = read("---\n\nJust text\n\n---\n\nmore")
    assert document.metadata == {}
    assert document.text == "Just text\n\nmore"


def test_a_file_of_front_matter_alone_shows_its_fields() -> None:
    assert read("---\nname: tent\nprice: 5\n---\n").text == "name: tent\nprice: 5"


@pytest.mark.parametrize("mark", ["[", "*", "**a ", "`", "<!--", "|", "- ", "<b ", "![a](", "> "])
def test_long_runs_of_one_mark_are_read(mark: str) -> None:
    assert read("x " + mark * 20_000 + " x").blocks
