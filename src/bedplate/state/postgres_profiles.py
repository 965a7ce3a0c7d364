"""Where PostgreSQL keeps profiles: its side of `profile_rows`."""

from collections.abc import Sequence

from bedplate.domain.ids import DocumentId
from bedplate.domain.profiles import Relations
from bedplate.domain.retrieval import Scope
from bedplate.postgres.database import Database
from bedplate.postgres.sessions import PostgresSession
from bedplate.state.postgres_collection import named_collection
from bedplate.state.profile_rows import first_with_text, related


class PostgresProfiles:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def related(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, Relations]:
        return await self._database.read(
            lambda db: related(PostgresSession(db), named_collection(db, scope), ids)
        )

    async def first_with_text(self, scope: Scope, hashes: Sequence[str]) -> dict[str, DocumentId]:
        return await self._database.read(
            lambda db: first_with_text(PostgresSession(db), named_collection(db, scope), hashes)
        )
