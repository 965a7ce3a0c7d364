"""What keeps versions of assistants: each is written once, and one of them holds.

Every name is one tenant's. Versions of a name count from 1; version 0 is the declared assistant of
that name, which is not kept here, but may be the one that holds.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bedplate.domain.ids import TenantId

MOST_NAMES = 1_000
"""Of a tenant."""
MOST_VERSIONS = 1_000
"""Of a name."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One version of an assistant; `body` are its settings, as JSON. `by` is the access key's id."""

    name: str
    version: int
    body: str
    note: str
    by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Named:
    """A name, the version that holds and the newest one."""

    name: str
    holds: int
    newest: int


class Blueprints(Protocol):
    async def add(
        self, tenant: TenantId, name: str, body: str, *, note: str = "", by: str | None = None
    ) -> Blueprint:
        """A new version, which holds from now on.

        Raises:
            InvalidInput: there are too many names, or versions of this one.
        """
        ...

    async def get(
        self, tenant: TenantId, name: str, version: int | None = None
    ) -> Blueprint | None:
        """That version, or the one that holds; None where there is none, or the declared one holds."""
        ...

    async def versions(self, tenant: TenantId, name: str) -> Sequence[Blueprint]:
        """The newest first."""
        ...

    async def names(self, tenant: TenantId) -> Sequence[Named]:
        """In order."""
        ...

    async def hold(self, tenant: TenantId, name: str, version: int) -> bool:
        """Have another version hold; False where it is not there. 0 always is, where the name is."""
        ...

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """With all its versions; False where there is nothing."""
        ...


class OpenBlueprints(Protocol):
    def __call__(self, place: Path | str, /) -> AbstractAsyncContextManager[Blueprints]:
        """In a file, or at the address of a PostgreSQL database whose catalog is there."""
        ...
