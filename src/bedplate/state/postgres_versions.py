"""What a PostgreSQL catalog does not keep yet: versions of a collection, and placements."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import InvalidInput
from bedplate.state.protocol import Difference, Version


class PostgresVersions:
    """There are none, and none can be made."""

    async def list(self, scope: Scope) -> tuple[Version, ...]:
        return ()

    async def copy(self, scope: Scope, to: Scope, ids: Sequence[DocumentId]) -> None:
        raise _refused()

    async def difference(self, scope: Scope, other: Scope, limit: int) -> Difference:
        raise _refused()

    async def rename(
        self,
        tenant: TenantId,
        names: Mapping[str, str],
        *,
        alike: tuple[Scope, Scope] | None = None,
    ) -> bool:
        raise _refused()

    async def rekey(self, scope: Scope, key: str, *, store: str) -> bool:
        raise _refused()


class PostgresPlacements:
    """Nothing can be placed into another store from here."""

    async def difference(self, scope: Scope, store: str, limit: int) -> Difference:
        raise _refused()

    async def note(
        self,
        scope: Scope,
        store: str,
        placed: Mapping[DocumentId, datetime],
        removed: Sequence[DocumentId] = (),
    ) -> None:
        raise _refused()

    async def forget(self, scope: Scope, store: str) -> None:
        raise _refused()


def _refused() -> InvalidInput:
    return InvalidInput(
        "A PostgreSQL catalog cannot reindex, move or keep snapshots of a collection yet: ingest "
        "into a new collection instead, and use the database's own backups."
    )
