"""What other flows know of the human queue."""

from typing import Protocol

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import NewReview, Review


class AskHuman(Protocol):
    """Puts something before a human. A review of another tenant is NotFound.

    A review whose time is over is given back decided by its default.
    """

    async def ask(self, request: NewReview) -> Review:
        """Put it into the queue, durably; the one that is there where `once` was asked before.

        Raises:
            Busy: too many wait.
            InvalidInput: a subject without an answer or tool, a priority or time that cannot be, or a
                webhook that may not be called.
            TooLarge: more than a reviewer can be shown.
        """
        ...

    async def get(self, id: str, *, tenant: TenantId) -> Review: ...

    async def withdraw(self, id: str, reason: str, *, tenant: TenantId) -> None:
        """Reject what nobody waits for any more; one that is decided, or not there, stays so."""
        ...

    async def decided(self, id: str, *, tenant: TenantId, seconds: float) -> Review:
        """The review once it is decided, or as it is after so long."""
        ...
