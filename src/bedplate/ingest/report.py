"""What an ingest did."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from bedplate.domain.documents import Failure
from bedplate.domain.ids import DocumentId


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document whose text, or nearly all of it, another one has."""

    id: DocumentId
    duplicate_of: DocumentId


@dataclass(slots=True)
class Report:
    """Counts of documents; grows while the ingest runs and is handed out when it is done."""

    collection: str
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    skipped: int = 0
    chunks: int = 0
    seconds: float = 0.0
    redactions: Counter[str] = field(default_factory=Counter[str])
    failures: list[Failure] = field(default_factory=list[Failure])
    warnings: list[str] = field(default_factory=list[str])
    duplicates: list[Duplicate] = field(default_factory=list[Duplicate])

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def kept(self) -> int:
        return self.added + self.updated + self.unchanged


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is. `total` counts blobs, and is None while they are still being found.

    `bytes` are the blobs' own, with a share of one that is done in part; the total is None where
    the size of one is not known.
    """

    done: int
    total: int | None
    documents: int
    chunks: int
    source: str
    failures: int
    bytes: int
    total_bytes: int | None

    @classmethod
    def of(
        cls, report: Report, done: int, total: int, source: str, size: int, total_size: int | None
    ) -> Self:
        return cls(done, total, report.kept, report.chunks, source, report.failed, size, total_size)

    @property
    def weight(self) -> tuple[int, int | None]:
        """What the time left goes by, done and total: bytes, or blobs where these have none."""
        return (self.bytes, self.total_bytes) if self.total_bytes else (self.done, self.total)
