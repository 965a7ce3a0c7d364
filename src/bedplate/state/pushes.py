"""What the catalog keeps of documents that clients push, until a sync has indexed them."""

from collections.abc import Set
from typing import Protocol

from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import (
    Backlog,
    Push,
    Pushed,
    PushedRow,
    PushLimits,
    Receipt,
    Standing,
    Stated,
)


class Pushes(Protocol):
    """The client's side. What was answered is durable.

    All raise NotFound for an unknown source, and Conflict for one of another kind.
    """

    async def put(self, tenant: TenantId, name: str, push: Push, limits: PushLimits) -> Receipt:
        """Take a document in place of what had its key.

        Raises:
            Busy: too much waits.
            TooLarge: the source has too many documents.
        """
        ...

    async def remove(self, tenant: TenantId, name: str, key: str) -> Receipt: ...

    async def state(
        self, tenant: TenantId, name: str, keys: Set[str], *, as_of: int | None
    ) -> Stated:
        """Take these keys for all there are, of what was told up to the sequence `as_of`."""
        ...

    async def get(self, tenant: TenantId, name: str, key: str) -> Pushed:
        """NotFound also for an unknown key."""
        ...


class PushedRows(Protocol):
    """The sync's side. A source that does not exist has no rows."""

    async def standing(self, tenant: TenantId, name: str) -> Standing: ...

    async def list(
        self, tenant: TenantId, name: str, *, since: int, limit: int
    ) -> tuple[PushedRow, ...]:
        """In order of sequence, from `since` on; without what is absent from a listing."""
        ...

    async def read(self, tenant: TenantId, name: str, key: str, *, max_bytes: int) -> Push:
        """What was sent last.

        Raises:
            NotFound: it is not there, or no more.
            TooLarge: over `max_bytes`.
            Unreadable: its content is kept no more.
        """
        ...

    async def settle(self, tenant: TenantId, name: str, *, judged: int | None) -> None:
        """Drop contents that are indexed, or dead, and rows of documents that are gone from the
        index. `judged` is the statement that a sync listed whole.
        """
        ...

    async def backlog(self) -> tuple[Backlog, ...]:
        """Sources of every tenant that a sync should see to."""
        ...
