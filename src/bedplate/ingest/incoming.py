"""What the pipeline is given."""

from dataclasses import dataclass, field
from typing import Protocol

from bedplate.domain.documents import Blob, Metadata, MetadataValue
from bedplate.domain.ids import DocumentId


class Source(Protocol):
    """Something that yields a blob when its turn comes."""

    @property
    def name(self) -> str: ...

    def read(self, max_bytes: int) -> Blob: ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A blob at hand, with the id and metadata its sender gave, where it gave any."""

    blob: Blob
    id: DocumentId | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])

    @property
    def name(self) -> str:
        return self.blob.source

    def read(self, max_bytes: int) -> Blob:
        return self.blob
