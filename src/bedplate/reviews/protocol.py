"""What keeps reviews. A review of another tenant is NotFound."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Decision, Delivery, Review, ReviewKind, ReviewState

MOST_LISTED = 200
"""Reviews of one page."""


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """Which reviews, all conditions together, and the page of them.

    `order` "queue" is by priority, then by what is due first; "newest" by when they were asked.
    `after` is the id of the last one of the page before. `assignee` "" is of those without any.
    """

    states: tuple[ReviewState, ...] = ()
    kind: ReviewKind | None = None
    assistant: str | None = None
    assignee: str | None = None
    since: datetime | None = None
    """Decided since then; what is not decided is left out."""
    order: Literal["queue", "newest"] = "queue"
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pending review ends; `at` is now. `withdrawn`: whoever has it, as nobody needs it."""

    state: ReviewState
    decision: Decision
    at: datetime
    labels: Mapping[str, Any]
    withdrawn: bool = False


class Reviews(Protocol):
    """Each write is one transaction, safe among processes."""

    async def add(self, review: Review, *, most: int) -> Review:
        """Keep it; the one that is there where the tenant's `once` was asked before.

        Raises:
            Busy: `most` of the tenant are pending.
        """
        ...

    async def get(self, tenant: TenantId, id: str) -> Review: ...

    async def list(self, tenant: TenantId, query: ReviewQuery) -> tuple[Review, ...]:
        """A page; NotFound where `query.after` is none of the tenant's."""
        ...

    async def end(self, tenant: TenantId, id: str, ending: Ending) -> Review:
        """Decide it. Of several that try, one succeeds.

        Only the state "expired" ends one that is due, and only one that is.

        Raises:
            Conflict: it is not pending any more, is due, or is another reviewer's.
        """
        ...

    async def assign(
        self, tenant: TenantId, id: str, assignee: str | None, *, was: str | None, at: datetime
    ) -> Review:
        """Hand a pending one from `was` to `assignee`; None is nobody.

        Raises:
            Conflict: somebody else has it, or it is not pending any more.
        """
        ...

    async def changed(self, tenant: TenantId, *, after: int, limit: int) -> tuple[Review, ...]:
        """Those that changed after that number, as they are now, in the order of their changes."""
        ...

    @property
    def upkeep(self) -> "ReviewUpkeep": ...


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A webhook to be told of a decision, for the `attempt`th time, from 1."""

    review: Review
    attempt: int


class ReviewUpkeep(Protocol):
    """What nobody asks for, over all tenants."""

    async def due(
        self, now: datetime, *, limit: int, tenant: TenantId | None = None
    ) -> tuple[tuple[TenantId, str], ...]:
        """Pending ones whose time is over, of one tenant or of all."""
        ...

    async def calls(
        self, now: datetime, *, again_at: datetime, limit: int
    ) -> tuple[WaitingCall, ...]:
        """Webhooks whose turn it is; nobody else gets them before `again_at`."""
        ...

    async def called(
        self, tenant: TenantId, id: str, delivery: Delivery, *, again_at: datetime
    ) -> None:
        """What became of a call; one that is still "waiting" has its next turn at `again_at`."""
        ...

    async def latest(self, tenant: TenantId) -> int:
        """The number of the tenant's last change; 0 before the first."""
        ...

    async def waiting(self) -> int:
        """How many are pending."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete those that were decided before; how many they were."""
        ...


class OpenReviews(Protocol):
    """Opens them in a file, or at the address of a PostgreSQL database whose catalog is there."""

    def __call__(self, place: Path | str) -> AbstractAsyncContextManager[Reviews]: ...
