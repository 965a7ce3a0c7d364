"""What a document says of itself, added to its metadata where its sender said nothing of it."""

from dataclasses import replace

from bedplate.domain.documents import Document
from bedplate.quality.language import Languages

LANGUAGE = "language"


def with_language(document: Document, languages: Languages) -> Document:
    """The document with its language as ISO 639-1, where that is plain from its text."""
    if LANGUAGE in document.metadata:
        return document
    texts = (block.text for block in document.blocks if block.kind != "code")
    language = languages.of(texts)
    if language is None:
        return document
    return replace(document, metadata={**document.metadata, LANGUAGE: language})
