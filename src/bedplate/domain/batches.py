"""Batches: many requests in one file, and what came of each. Times are whole seconds since 1970, UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

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
    """Tokens of answers; `cached` are among the input's, `reasoning` among the output's."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it stands. `times` says when it came into a status, by the name of that.

    `key` is the id of the access key that its requests are made with, None where it was made on this
    machine without one. `output_seconds` is how long its files are kept.
    """

    id: str
    input_file: str
    endpoint: str
    window: str
    created_at: int
    expires_at: int
    output_seconds: int
    key: str | None = None
    status: BatchStatus = "validating"
    metadata: Mapping[str, str] | None = None
    model: str | None = None
    total: int = 0
    output_file: str | None = None
    error_file: str | None = None
    errors: tuple[BatchError, ...] = ()
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


@dataclass(frozen=True, slots=True)
class BatchSums:
    """How many lines of a batch were answered, how many failed, and the tokens of all."""

    completed: int = 0
    failed: int = 0
    usage: BatchUsage = BatchUsage()
