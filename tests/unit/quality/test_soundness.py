"""Numbers that tell sound text from damaged text, and running heads from content."""

from bedplate.domain.documents import Block, Document
from bedplate.domain.ids import DocumentId
from bedplate.quality.soundness import soundness


def document(*blocks: Block, pages: int | None = None) -> Document:
    return Document(DocumentId("a"), "A", "a.pdf", "application/pdf", blocks, "", pages=pages)


def test_replacement_and_control_characters_are_counted() -> None:
    found = soundness(document(Block("ab\ufffd\x07"), Block("cd\n\t")))
    assert (found.characters, found.blocks, found.unreadable) == (8, 2, 0.25)


def test_what_stands_on_most_pages_is_repeated() -> None:
    heads = [Block("Head", page=page) for page in range(1, 5)]
    texts = [Block(f"text {page} is long", page=page) for page in range(1, 5)]
    twice = [Block("Note", page=1), Block("Note", page=2)]
    found = soundness(document(*heads, *texts, *twice, pages=4))
    assert found.repeated == round(16 / found.characters, 4)


def test_a_document_without_text_has_no_shares() -> None:
    assert soundness(document()).unreadable == 0
