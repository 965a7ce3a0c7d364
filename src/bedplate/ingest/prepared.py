"""Documents on their way from the chunker to the catalog."""

from dataclasses import dataclass

from bedplate.domain.documents import Chunk, Document
from bedplate.domain.profiles import Profile
from bedplate.domain.quality import Quality
from bedplate.state.protocol import ImageVector
from bedplate.terms import TermVector


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scrubbed document cut into chunks, waiting for its vectors."""

    document: Document
    chunks: tuple[Chunk, ...]
    terms: tuple[TermVector, ...]
    profile: Profile
    image: ImageVector | None
    quality: Quality


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents to embed and keep together; so many sources, and bytes of them, are done then."""

    items: list[Prepared]
    sources: int
    bytes: int
