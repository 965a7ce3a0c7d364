"""Sources as /api/sources and the command line show them."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from bedplate.api.schemas import Body, Shown, Text
from bedplate.domain import sources


class NewSource(Body):
    """`options` are those of the kind; a secret is `{"env": NAME}` or `{"file": PATH}`."""

    name: Text
    collection: Text
    kind: Text
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    schedule: Text | None = None
    check: bool = True


class Schedule(Body):
    schedule: Text | None


class SyncOptions(Body):
    allow_shrink: bool = False
    complete: bool = False
    afresh: bool = False


class ItemCounts(Shown):
    listed: int
    new: int
    changed: int
    retried: int
    unchanged: int
    gone: int
    held: int
    vanished: int
    gaps: int
    failed: int
    dead: int


class DocumentCounts(Shown):
    added: int
    updated: int
    unchanged: int
    deleted: int


class Sync(Shown):
    """`complete`: everything was listed, so that deletions could be seen."""

    id: str
    status: sources.SyncStatus
    complete: bool
    started_at: datetime
    ended_at: datetime | None
    items: ItemCounts
    documents: DocumentCounts
    chunks: int
    error: str | None

    @classmethod
    def of(cls, sync: sources.Sync) -> Self:
        counts = sync.counts
        return cls(
            id=sync.id,
            status=sync.status,
            complete=sync.complete,
            started_at=sync.started_at,
            ended_at=sync.ended_at,
            items=ItemCounts.model_validate(counts),
            documents=DocumentCounts(
                added=counts.added,
                updated=counts.updated,
                unchanged=counts.same,
                deleted=counts.deleted,
            ),
            chunks=counts.chunks,
            error=sync.error,
        )


class Source(Shown):
    """`items` counts by state, where one source is shown."""

    name: str
    collection: str
    kind: str
    options: dict[str, Any]
    schedule: str | None
    created_at: datetime
    items: dict[str, int]
    last_sync: Sync | None

    @classmethod
    def of(cls, state: sources.SourceState) -> Self:
        spec = state.spec
        return cls(
            name=spec.name,
            collection=spec.collection,
            kind=spec.kind,
            options=dict(spec.options),
            schedule=spec.schedule,
            created_at=state.created_at,
            items={str(name): count for name, count in state.items.items()},
            last_sync=None if state.last is None else Sync.of(state.last),
        )


class SourceList(Shown):
    sources: list[Source]


class SyncList(Shown):
    syncs: list[Sync]


class FailedItem(Shown):
    """`dead` items are not tried again before `retry`."""

    key: str
    state: str
    attempts: int
    code: str
    error: str


class FailureList(Shown):
    """`after` goes into the next request while `has_more` is true."""

    failures: list[FailedItem]
    has_more: bool
    after: str | None


class Accepted(Shown):
    """`id` is the sync's, from when it begins; `job` is there at once."""

    id: str
    job: str


class Retried(Shown):
    items: int


class Removed(Shown):
    name: str
    deleted: int
