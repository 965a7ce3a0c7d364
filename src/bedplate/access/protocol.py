"""Where access keys are kept."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from bedplate.domain.ids import TenantId

Scope = Literal["read", "ask", "write", "review", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "ask", "write", "review", "admin")
"""Reads and searches what is stored; asks models; changes what is stored; decides what waits for a
human; keys, budgets and usage.

`admin` includes the others.
"""

MOST_KEYS = 10_000
"""Over all tenants, of those that are neither revoked nor expired: every process holds them all."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What is known of a key; never the key itself. Times are in UTC."""

    id: str
    tenant: TenantId
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    rotated_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def lifetime(self) -> timedelta | None:
        """How long it was made to last, counted from when its secret was made; None is for ever."""
        begun = self.rotated_at or self.created_at
        return None if self.expires_at is None else self.expires_at - begun

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        expired = self.expires_at is not None and self.expires_at <= moment
        return self.revoked_at is None and not expired


class AccessKeys(Protocol):
    """Keys of all tenants. A revoked key stays listed; what it did can still be looked up.

    A digest is that of a key's secret, see `secret.digest_of`. Every call raises StorageError or
    Unavailable when the database cannot be used.
    """

    async def add(self, key: AccessKey, digest: bytes) -> None:
        """Keep a new key; Conflict where there are MOST_KEYS that hold."""
        ...

    async def list(
        self, tenant: TenantId, *, after: str | None = None, limit: int = MOST_KEYS
    ) -> Sequence[AccessKey]:
        """In the order they were made; `after` is the last id of the page before."""
        ...

    async def rotate(
        self, tenant: TenantId, id: str, digest: bytes, *, moment: datetime, overlap: timedelta
    ) -> AccessKey:
        """Put another secret in place of a key's own, which holds on for the overlap, and no longer
        than it would have.

        The key lasts from now as long as it was made to last.

        Raises:
            NotFound: this tenant has none of that id.
            Conflict: it is revoked or has expired.
        """
        ...

    async def revoke(self, tenant: TenantId, id: str, moment: datetime) -> AccessKey:
        """The key, revoked now or before; NotFound where this tenant has none of that id."""
        ...

    async def note_use(self, used: Mapping[str, datetime]) -> None:
        """Move `used_at` of these ids forward; an earlier moment changes nothing."""
        ...

    async def look(
        self, known: int | None, moment: datetime
    ) -> tuple[int, Mapping[bytes, AccessKey]] | None:
        """What holds at that moment, by digest, and its version; None where that is `known`.

        The version grows with every key that is made, rotated or revoked, in any process. It is 0
        while there never was a key.
        """
        ...


class OpenAccessKeys(Protocol):
    def __call__(self, place: Path | str, /) -> AbstractAsyncContextManager[AccessKeys]:
        """Keys in a file, or at the address of a PostgreSQL database whose catalog is there."""
        ...
