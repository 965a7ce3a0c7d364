"""Parsed documents with what their sender said of them."""

import hashlib
from dataclasses import replace

from bedplate.domain.documents import Blob, Document
from bedplate.domain.ids import DocumentId
from bedplate.ingest.incoming import Source, Upload


def as_sent(document: Document, blob: Blob, source: Source, recipe: str) -> Document:
    """The document with its sender's id and metadata, and a fingerprint of all that shapes it.

    `recipe` names the settings that do.
    """
    origin = blob.source
    if isinstance(source, Upload):
        origin = f"{source.way}{origin}"
        document = replace(
            document,
            id=_id(document, source),
            metadata={**document.metadata, **source.metadata},
        )
    said = repr(sorted(document.metadata.items()))
    facts = f"{recipe}|{document.sha256}|{document.title}|{said}"
    return replace(document, origin=origin, sha256=hashlib.sha256(facts.encode()).hexdigest())


def _id(document: Document, source: Upload) -> DocumentId:
    if source.id and source.many:
        return DocumentId(f"{source.id}/{document.id}")
    return source.id or document.id
