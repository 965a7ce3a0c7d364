"""What is known of how well a document came in: counts and shares, never values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Encoding:
    """What had to be done to read the bytes of the file that a document came in.

    `guessed` is the encoding where none was declared or fitted. `repaired` lines had been decoded
    wrongly before and were set right; `unreadable` places stayed so and are marked U+FFFD.
    """

    guessed: str | None = None
    repaired: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one document, as it was when it came in, and as it was scrubbed since.

    `characters` and `blocks` count the text that was read. `unreadable` is the share of characters
    that are U+FFFD or control characters, `repeated` the share in blocks that stand on most pages.
    `left_out` counts characters of menus and hidden parts of a web page, which are not among them.
    These are None for a document from before they were kept. `warnings` are the parser's, of this
    document. `redactions` counts what was replaced, by type.
    """

    language: str | None = None
    characters: int | None = None
    blocks: int | None = None
    unreadable: float | None = None
    repeated: float | None = None
    encoding: Encoding = field(default_factory=Encoding)
    warnings: tuple[str, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=dict[str, int])
    left_out: int | None = None


@dataclass(frozen=True, slots=True)
class QualitySummary:
    """Summed over a collection's documents.

    `documents` are all, `measured` those that came in since quality is kept; the rest but pages and
    copies is of the latter. `languages` and `encodings` (those guessed) count documents, and so do
    `repaired`, `warned` and `redacted`. The shares are of all characters, to which `left_out` does not count. `copies` are documents
    whose text, or nearly all of it, an earlier one has; of those `exact_copies` have the very same.
    """

    documents: int
    measured: int
    pages: int
    chunks: int
    characters: int
    unreadable: float
    repeated: float
    repaired: int
    warned: int
    redacted: int
    copies: int
    exact_copies: int
    languages: Mapping[str, int]
    encodings: Mapping[str, int]
    redactions: Mapping[str, int]
    left_out: int = 0
