"""What an ingest keeps in mind from its start to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bedplate.chunkers.protocol import Chunker
from bedplate.domain.documents import Failure
from bedplate.domain.ids import DocumentId
from bedplate.errors import InvalidInput
from bedplate.ingest.copies import Copies
from bedplate.ingest.incoming import Ledger
from bedplate.ingest.names import is_good_id
from bedplate.ingest.quality import Remarks
from bedplate.ingest.report import Report


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunker in place of the collection's; `name` says what it does, for fingerprints."""

    name: str
    chunker: Chunker


@dataclass(slots=True)
class Run:
    """One run of the ingest: what it has seen, and what it will report.

    `remarks` are of the source that is being prepared.
    """

    report: Report
    copies: Copies
    tokens: bool
    ledger: Ledger | None = None
    cut: Cut | None = None
    seen: set[DocumentId] = field(default_factory=set[DocumentId])
    known: set[DocumentId] = field(default_factory=set[DocumentId])
    failed: set[str] = field(default_factory=set[str])
    waiting: int = 0
    bytes: int = 0
    remarks: Remarks = field(default_factory=Remarks)

    def fail(self, source: str, failure: Failure) -> None:
        self.failed.add(source)
        self.report.failures.append(failure)
        if self.ledger is not None:
            self.ledger.fail(source, failure)

    def refuse(self, source: str, part: str, error: InvalidInput) -> None:
        self.fail(source, Failure(part, getattr(error, "reason", error.code), error.message))

    async def own(self, source: str, ids: Sequence[DocumentId]) -> Mapping[DocumentId, str]:
        if self.ledger is None:
            return {}
        return await self.ledger.own(source, [id for id in ids if is_good_id(id)])
