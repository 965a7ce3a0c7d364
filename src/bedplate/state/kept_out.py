"""What is known of documents by the name of a collection that need not exist."""

from collections.abc import Sequence
from typing import Protocol

from bedplate.domain.ids import DocumentId
from bedplate.domain.quarantine import Held
from bedplate.domain.reading import Reading
from bedplate.domain.retrieval import Scope


class Quarantine(Protocol):
    """Documents that were kept out of a collection; it is named by its name, and need not exist."""

    async def put(self, scope: Scope, held: Held) -> None:
        """Keep it, in place of what was kept of the same document."""
        ...

    async def list(
        self, scope: Scope, *, after: DocumentId | None = None, limit: int = 1_000
    ) -> tuple[Held, ...]:
        """In order of id, those after `after`."""
        ...

    async def get(self, scope: Scope, document_id: DocumentId) -> Held | None: ...

    async def release(self, scope: Scope, document_id: DocumentId) -> Held:
        """Let the document in when it comes again as it was; NotFound if it is not held."""
        ...

    async def forget(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        """These documents were let in."""
        ...

    async def clear(self, scope: Scope) -> None:
        """The collection was dropped."""
        ...


class Readings(Protocol):
    """What slow readings gave, by the collection's name, which need not exist, and the blob's."""

    async def put(self, scope: Scope, origin: str, reading: Reading) -> None:
        """In place of the last one."""
        ...

    async def get(self, scope: Scope, origin: str) -> Reading | None: ...

    async def clear(self, scope: Scope) -> None:
        """The collection was dropped."""
        ...
