"""What the pipeline is given, and whom it asks whose documents are whose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bedplate.domain.documents import Blob, Failure, Metadata, MetadataValue
from bedplate.domain.ids import DocumentId
from bedplate.ingest.origins import UPLOADED


class Source(Protocol):
    """Something that yields a blob when its turn comes."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int | None:
        """Its bytes, as far as they are known before it is read."""
        ...

    def read(self, max_bytes: int) -> Blob: ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A blob at hand, with the id and metadata its sender gave, where it gave any.

    `way` is how it came in, the beginning of its documents' origin. One of `many` documents may have an
    id, too: theirs are below it, "id/their own".
    """

    blob: Blob
    id: DocumentId | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])
    way: str = UPLOADED
    many: bool = False

    @property
    def name(self) -> str:
        return self.blob.source

    @property
    def size(self) -> int:
        return len(self.blob.content)

    def read(self, max_bytes: int) -> Blob:
        return self.blob


def total_size(sources: Sequence[Source]) -> int | None:
    """None where one is not known."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)


class Ledger(Protocol):
    """Keeps account of what becomes of each source, by its name."""

    async def own(self, name: str, ids: Sequence[DocumentId]) -> Mapping[DocumentId, str]:
        """Called before these documents are kept; those that may not be, with what they belong to."""
        ...

    def fail(self, name: str, failure: Failure) -> None: ...
