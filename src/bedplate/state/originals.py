"""What the catalog keeps of the files that documents were made from."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.originals import Original
from bedplate.domain.retrieval import Scope


class Originals(Protocol):
    """By a collection's name and a document's id and fingerprint: another index may take the name."""

    async def put(self, scope: Scope, original: Original, *, max_bytes: int) -> bool:
        """In place of one of the same version; False where the tenant's would be over so many bytes."""
        ...

    async def get(
        self, scope: Scope, document: DocumentId, fingerprint: str
    ) -> Original | None: ...

    async def settle(self, scope: Scope, kept: Mapping[DocumentId, str]) -> None:
        """Forget other versions than these of the documents."""
        ...

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        """Forget all versions of the documents."""
        ...

    async def clear(self, scope: Scope) -> None: ...

    async def used(self, tenant: TenantId) -> int:
        """Bytes that its originals take."""
        ...

    async def sweep(self, *, older_seconds: float) -> int:
        """Forget those of every tenant that were put longer ago, and whose document is not there in
        that version; how many there were.
        """
        ...
