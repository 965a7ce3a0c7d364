"""How sound the text of a document is: what a reader would stumble over, in numbers."""

import re
from collections import defaultdict
from dataclasses import dataclass

from bedplate.domain.documents import Document

LEAST_PAGES = 3
"""What stands on fewer pages may well be said twice."""

_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")
"""Control characters (Unicode's Cc) but tab and line feed, and U+FFFD."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """`unreadable` is the share of characters that are U+FFFD or control characters, `repeated`
    the share that stands in blocks found on most pages, such as running heads.
    """

    characters: int
    blocks: int
    unreadable: float
    repeated: float


def soundness(document: Document) -> Soundness:
    """Measured over the document's blocks."""
    characters = sum(len(block.text) for block in document.blocks)
    bad = sum(len(_BAD.findall(block.text)) for block in document.blocks)
    pages: dict[str, set[int]] = defaultdict(set)
    for block in document.blocks:
        if block.page is not None:
            pages[block.text].add(block.page)
    most = max(LEAST_PAGES, (document.pages or 0) // 2 + 1)
    again = sum(len(b.text) for b in document.blocks if len(pages.get(b.text, ())) >= most)
    whole = characters or 1
    return Soundness(
        characters, len(document.blocks), round(bad / whole, 4), round(again / whole, 4)
    )
