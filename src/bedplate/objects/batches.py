"""Batches: many requests in one file, and what came of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bedplate.domain.ids import TenantId

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling",
    "cancelled",
]  # fmt: skip
ENDED: tuple[BatchStatus, ...] = ("failed", "completed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class BatchError:
    """Why a batch cannot be begun; `line` counts from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class BatchUsage:
    """Tokens of all of its answers together."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it stands. `times` says when it came into a status, by the name of that.

    `output_seconds` is how long its files are kept.
    """

    id: str
    input_file: str
    endpoint: str
    created_at: int
    expires_at: int
    status: BatchStatus = "validating"
    metadata: Mapping[str, str] | None = None
    output_seconds: int | None = None
    model: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    output_file: str | None = None
    error_file: str | None = None
    errors: tuple[BatchError, ...] = ()
    usage: BatchUsage = BatchUsage()
    times: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class BatchLine:
    """What became of one line, counted from 0: a line of the file of answers, or of errors."""

    number: int
    failed: bool
    content: bytes
    usage: BatchUsage = BatchUsage()


class Batches(Protocol):
    async def add(self, tenant: TenantId, batch: Batch, *, most: int) -> None:
        """Keep a new one; Busy where `most` of the tenant have not ended."""
        ...

    async def get(self, tenant: TenantId, id: str) -> Batch: ...

    async def list(
        self, tenant: TenantId, *, after: str | None, limit: int
    ) -> tuple[Batch, ...]: ...

    async def change(self, tenant: TenantId, batch: Batch, was: BatchStatus) -> bool:
        """Put it in place; False, and nothing, where its status is not as it `was` any more."""
        ...

    async def keep(self, tenant: TenantId, id: str, lines: Sequence[BatchLine]) -> None:
        """What became of lines, durably; a line that is there stays as it was first."""
        ...

    async def lines(self, tenant: TenantId, id: str) -> "Lines":
        """What is kept of its lines."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Numbers of the lines that are done."""

    completed: frozenset[int]
    failed: frozenset[int]
