"""Sources that collections are kept in step with, and what syncing them came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Scope

ItemState = Literal["pending", "done", "failed", "dead"]
"""`failed` is tried again at the next sync; `dead` is not, until somebody says so."""

SyncStatus = Literal["running", "done", "partly", "held", "failed"]
"""`partly`: items failed. `held`: deletions were not believed. `failed`: it came to no end."""

NEVER = -1
"""The listing of items that none has: before all. What a source told to be gone is before even it."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as it was set up. Secrets among the options are references, such as {"env": NAME}."""

    tenant: TenantId
    name: str
    collection: str
    kind: str
    options: Mapping[str, Any]
    schedule: str | None = None

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant, self.collection)


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """What a sync found and did. `listed` to `dead` count items, the others documents and passages.

    `retried` items failed before. `dead` ones are not tried any more, and stand since earlier syncs:
    one that has become so in this sync is among the `failed`.
    `gone` items were deleted, `held` ones would have been. `vanished` ones were listed and are not
    there. `gaps` are parts that could not be listed.
    """

    listed: int = 0
    new: int = 0
    changed: int = 0
    retried: int = 0
    unchanged: int = 0
    gone: int = 0
    held: int = 0
    vanished: int = 0
    gaps: int = 0
    failed: int = 0
    dead: int = 0
    added: int = 0
    updated: int = 0
    same: int = 0
    deleted: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync. `complete` says whether everything was listed, so that deletions could be seen."""

    id: str
    started_at: datetime
    status: SyncStatus = "running"
    complete: bool = False
    ended_at: datetime | None = None
    counts: SyncCounts = SyncCounts()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source and how it stands.

    `cursor` is where an incremental listing goes on, after `partial` of them since the last complete
    one. `recipe` names the settings its documents were made with. `items` counts by state.
    """

    spec: SourceSpec
    created_at: datetime
    cursor: str | None = None
    partial: int = 0
    recipe: str = ""
    items: Mapping[ItemState, int] = field(default_factory=dict[ItemState, int])
    last: Sync | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """Who syncs a source, and how often that one has given a sign of life."""

    owner: str
    beat: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to change a source's items, for as long as its lease has this owner.

    `source` is what the state knows the source by.
    """

    source: int
    owner: str
    tenant: TenantId


@dataclass(frozen=True, slots=True)
class KnownItem:
    """`version` is the one listed; `known` is the one that was ingested."""

    key: str
    version: str | None
    size: int | None
    known: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item: `documents` made and the `version` they are of, or an error."""

    key: str
    version: str | None = None
    documents: int = 0
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FailedItem:
    key: str
    state: ItemState
    attempts: int
    code: str
    error: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The items after a listing. `known` ones have been ingested, and `gone` ones of them were not
    listed; `new`, `changed` and `retried` ones are due.
    """

    known: int
    gone: int
    new: int
    changed: int
    retried: int
    unchanged: int
    dead: int
