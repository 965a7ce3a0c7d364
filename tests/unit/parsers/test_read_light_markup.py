import pytest

from bedplate.domain.documents import Blob, Document
from bedplate.parsers.light_markup import read_light_markup
from bedplate.parsers.protocol import ParseLimits


def read(text: str, name: str) -> Document:
    (document,) = read_light_markup(Blob(text.encode(), name), ParseLimits()).documents
    return document


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.rst", "====\nRain\n====\n\nIntro.\n\nOften\n-----\n\nWords.\n"),
        ("a.org", "* TODO Rain\nIntro.\n** Often :tag:\n# hidden\nWords.\n"),
        ("a.adoc", "= Rain\n\nIntro.\n\n== Often\n// hidden\nWords.\n"),
        ("a.typ", "= Rain\nIntro.\n== Often\n// hidden\nWords.\n"),
        ("a.tex", "\\chapter{Rain}\nIntro.\n\\section*{Often}\n% hidden\nWords.\n"),
    ],
)
def test_text_stands_under_its_headings(name: str, text: str) -> None:
    document = read(text, name)
    assert document.title == "Rain"
    assert [(b.heading, b.text) for b in document.blocks if b.kind != "heading"] == [
        ("Rain", "Intro."), ("Rain > Often", "Words.")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.org", "#+BEGIN_SRC sh\n* no heading\n#+END_SRC\nAfter."),
        ("a.adoc", "----\n* no heading\n----\nAfter."),
        ("a.tex", "\\begin{verbatim}\n* no heading\n\\end{verbatim}\nAfter."),
        ("a.typ", "```\n* no heading\n```\nAfter."),
    ],
)
def test_code_stays_as_it_is(name: str, text: str) -> None:
    document = read(text, name)
    assert [(b.kind, b.text) for b in document.blocks] == [
        ("code", "* no heading"), ("paragraph", "After.")
    ]  # fmt: skip


def test_a_table_of_restructured_text_is_no_heading() -> None:
    document = read("=====  =====\nName   Price\n=====  =====\nSkua   29\n=====  =====\n", "a.rst")
    assert {block.kind for block in document.blocks} == {"paragraph"}


def test_code_that_never_ends_is_read_to_the_end() -> None:
    document = read("#+BEGIN_SRC\nx = 1\n", "a.org")
    assert document.blocks[0].kind == "code"
