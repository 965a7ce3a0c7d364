"""What ended traces are given to."""

from collections.abc import Sequence
from typing import Protocol

from bedplate.domain.ids import TenantId
from bedplate.domain.traces import EndedTrace


class TraceSink(Protocol):
    """A place for traces: the store, or another server."""

    async def write(self, traces: Sequence[EndedTrace]) -> None:
        """Take them all, in order. It is asked again only with later ones.

        Raises:
            StorageError, Unavailable: they are lost.
        """
        ...


class Redactor(Protocol):
    """Takes personal data and secrets out of what is recorded. It may be slow: it runs in a thread."""

    def redact(self, text: str, tenant: TenantId) -> str:
        """Whatever it raises, the text is not recorded."""
        ...


class Observer(Protocol):
    """Sees every trace, those that are not kept too. Called in one thread at a time."""

    def observe(self, trace: EndedTrace) -> None: ...
