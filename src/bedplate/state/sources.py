"""What the catalog keeps of sources: how they are set up, their items, and whose documents are whose."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.sources import (
    Claim,
    FailedItem,
    KnownItem,
    Lease,
    Outcome,
    SourceSpec,
    SourceState,
    Survey,
    Sync,
)


class Sources(Protocol):
    """The sources of every tenant. Unknown names raise NotFound, with the nearest one."""

    async def add(self, spec: SourceSpec) -> None:
        """Conflict when the tenant has one of that name."""
        ...

    async def get(self, tenant: TenantId, name: str) -> SourceState: ...

    async def list(self, tenant: TenantId | None) -> tuple[SourceState, ...]:
        """In order of name; of every tenant for None. Without the counts of items."""
        ...

    async def drop(self, claim: Claim) -> None:
        """Forget the source with all that is known of it. Its documents stay."""
        ...

    async def syncs(self, tenant: TenantId, name: str, limit: int) -> tuple[Sync, ...]:
        """The one recorded last first, whatever the clock said."""
        ...

    async def schedule(self, tenant: TenantId, name: str, schedule: str | None) -> None: ...


class SourceLeases(Protocol):
    """Who may sync. All that takes a claim raises Conflict once the lease is another's."""

    async def take(
        self, tenant: TenantId, name: str, owner: str, *, over: Lease | None
    ) -> tuple[Claim, Lease]:
        """Take the lease if it is free, or still `over`; the lease now in force, whose ever."""
        ...

    async def beat(self, claim: Claim) -> None: ...

    async def release(self, claim: Claim) -> None:
        """Nothing happens when it is another's by now."""
        ...

    async def record(self, claim: Claim, sync: Sync) -> None:
        """Put a sync in place of what had its id."""
        ...

    async def level(self, claim: Claim, *, cursor: str | None, complete: bool, recipe: str) -> None:
        """A listing is in the state: the next one may begin at `cursor`."""
        ...


class SourceItems(Protocol):
    """What is known of the items of a source. Keys are compared by code point."""

    async def begin(self, claim: Claim, *, afresh: bool) -> int:
        """Start a listing; its number, greater than those before. Failed items are pending again.

        `afresh` makes pending all that was ingested, too.
        """
        ...

    async def note(
        self, claim: Claim, listing: int, items: Sequence[tuple[str, str | None, int | None]]
    ) -> None:
        """Key, version and size of items listed: those that are new or have another version, or
        none, become pending.
        """
        ...

    async def cover(self, claim: Claim, listing: int, prefix: str) -> None:
        """Take items whose key begins so for listed, with the version that is known."""
        ...

    async def unlist(self, claim: Claim, keys: Sequence[str], *, told: bool = False) -> None:
        """Take items for not listed, whatever the listing said.

        `told`: the source says that they are gone. They are listed before NEVER, by which `gone`
        finds them.
        """
        ...

    async def survey(self, claim: Claim, since: int) -> Survey:
        """Count the items listed by `since` or later, and those known that were not."""
        ...

    async def due(
        self, claim: Claim, *, since: int, after: str, limit: int
    ) -> tuple[KnownItem, ...]:
        """Pending items listed by `since` or later, in order of key, those after `after`."""
        ...

    async def finish(
        self,
        claim: Claim,
        outcomes: Sequence[Outcome],
        released: Sequence[DocumentId],
        *,
        attempts: int,
    ) -> None:
        """Note what became of items, and that documents are theirs no more, all or nothing.

        Failures count up to `attempts`, then the item is dead.
        """
        ...


class SourceDocuments(Protocol):
    """Which item a document came from. A document of a collection belongs to one item at most."""

    async def own(
        self, claim: Claim, listing: int, keys: Mapping[DocumentId, str]
    ) -> dict[DocumentId, str]:
        """Give documents to items, by their keys, before they are kept; those that belong to
        another, with its name. An item of the same source that was not listed since `listing` gives
        them up.
        """
        ...

    async def owned(self, claim: Claim, keys: Sequence[str]) -> dict[DocumentId, str]:
        """The documents of items, with the key of each."""
        ...

    async def gone(self, claim: Claim, listing: int, limit: int) -> tuple[str, ...]:
        """Keys of items that were not listed since."""
        ...

    async def forget(self, claim: Claim, keys: Sequence[str]) -> None:
        """Items that are gone, with what was theirs."""
        ...

    async def failures(
        self, tenant: TenantId, name: str, *, after: str, limit: int
    ) -> tuple[FailedItem, ...]:
        """Failed and dead items, in order of key."""
        ...

    async def retry(self, tenant: TenantId, name: str) -> int:
        """Make failed and dead items pending, with all their attempts; how many there were."""
        ...
