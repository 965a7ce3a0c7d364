"""A document's profile: its likeness to others, its family, and from when it is valid."""

from datetime import date

from bedplate.domain.documents import Document
from bedplate.domain.profiles import Profile
from bedplate.quality.family import declared_family, family
from bedplate.quality.likeness import signature, text_hash
from bedplate.quality.validity import DECLARED, OPENING, Validity, validity

VERSION_OF = "version_of"
"""The metadata field by which a sender says what a document is a version of."""

_TABLE, _RECORDS = "text/csv", "application/jsonl"
_APART = ("region", "country", "market", "locale", "product", "brand", "audience", "department")
"""Documents that differ in one of these are for different readers."""


def profile(document: Document, *, today: date) -> Profile:
    """What the document says of itself.

    A row of a table is a thing, and no version of another; the year of a record tells when the
    thing was made.
    """
    texts = [block.text for block in document.blocks]
    row = document.media_type == _TABLE
    valid = _validity(document, today)
    day = valid.day if valid else None
    label = document.metadata.get(VERSION_OF)
    declared = isinstance(label, str) and bool(label.strip())
    apart = repr([document.metadata.get(name) for name in _APART])
    kin = None if row else family(document.title, document.source, apart)
    key = declared_family(str(label)) if declared else kin.key if kin else ""
    stage = day or (kin.version if kin else None) or ""
    return Profile(
        text_sha256=text_hash(texts),
        signature=signature(texts),
        family=key if stage else "",
        declared=declared,
        stage=stage if key else "",
        valid_from=day,
        dated_by=valid.by if valid else None,
    )


def _validity(document: Document, today: date) -> Validity | None:
    metadata, title, name = document.metadata, document.title, document.source
    if document.media_type in (_TABLE, _RECORDS):
        metadata = {key: value for key, value in metadata.items() if key in DECLARED}
        name = ""
    if document.media_type == _TABLE:
        return validity(metadata, "", "", "", today=today)
    opening: list[str] = []
    left = OPENING
    for block in document.blocks:
        opening.append(block.text[:left])
        left -= len(block.text)
        if left <= 0:
            break
    return validity(metadata, "\n".join(opening), title, name, today=today)
