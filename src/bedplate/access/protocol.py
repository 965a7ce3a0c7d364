"""Where access keys are kept."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from bedplate.domain.ids import TenantId

Scope = Literal["read", "write", "chat", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "chat", "admin")
"""`admin` includes the others."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What is known of a key; never the key itself. Times are in UTC."""

    id: str
    tenant: TenantId
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        expired = self.expires_at is not None and self.expires_at <= moment
        return self.revoked_at is None and not expired


class AccessKeys(Protocol):
    """Keys of all tenants. A revoked key stays listed; what it did can still be looked up.

    Every call raises StorageError or Unavailable when the database cannot be used.
    """

    async def add(self, key: AccessKey, digest: bytes) -> None:
        """Keep a new key by its digest (see `secret.digest_of`)."""
        ...

    async def list(self, tenant: TenantId) -> Sequence[AccessKey]:
        """In the order they were made."""
        ...

    async def revoke(self, tenant: TenantId, id: str, moment: datetime) -> AccessKey:
        """The key, revoked now or before; NotFound where this tenant has none of that id."""
        ...

    async def version(self) -> int:
        """Grows with every `add` and `revoke`, in any process; 0 while there never was a key."""
        ...

    async def digests(self) -> tuple[int, Mapping[bytes, AccessKey]]:
        """The version, and at that version every key that is not revoked, by its digest."""
        ...

    async def note_use(self, used: Mapping[str, datetime]) -> None:
        """Move `used_at` of these ids forward; an earlier moment changes nothing."""
        ...


class OpenAccessKeys(Protocol):
    def __call__(self, path: Path, /) -> AbstractAsyncContextManager[AccessKeys]: ...
