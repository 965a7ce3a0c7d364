"""What a document says of itself, added to its metadata where its sender said nothing of it."""

from dataclasses import replace
from datetime import UTC, datetime

from bedplate.domain.documents import Document
from bedplate.domain.profiles import Profile
from bedplate.quality.language import Languages
from bedplate.quality.profile import profile
from bedplate.quality.validity import DATED, DECLARED, VALID_FROM

LANGUAGE = "language"


def described(document: Document, languages: Languages) -> tuple[Document, Profile]:
    """The document with its language and the day from which it is valid, and its profile."""
    document = with_language(document, languages)
    found = profile(document, today=datetime.now(UTC).date())
    # A second date beside the sender's own would make it unclear which one a question means.
    if found.valid_from is None or document.metadata.keys() & {*DECLARED, *DATED}:
        return document, found
    if found.dated_by in ("text", "title", "file name"):
        metadata = {**document.metadata, VALID_FROM: found.valid_from}
        return replace(document, metadata=metadata), found
    return document, found


def with_language(document: Document, languages: Languages) -> Document:
    """The document with its language as ISO 639-1, where that is plain from its text."""
    if LANGUAGE in document.metadata:
        return document
    texts = (block.text for block in document.blocks if block.kind != "code")
    language = languages.of(texts)
    if language is None:
        return document
    return replace(document, metadata={**document.metadata, LANGUAGE: language})
