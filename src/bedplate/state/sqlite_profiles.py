"""Where SQLite keeps profiles: its side of `profile_rows`."""

from collections.abc import Sequence

import apsw

from bedplate.domain.ids import DocumentId
from bedplate.domain.profiles import Relations
from bedplate.domain.retrieval import Scope
from bedplate.sqlite.database import Database
from bedplate.sqlite.sessions import SqliteSession
from bedplate.state.profile_rows import first_with_text, related
from bedplate.state.sqlite_collection import named_collection


class SqliteProfiles:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def related(self, scope: Scope, ids: Sequence[DocumentId]) -> dict[DocumentId, Relations]:
        def work(db: apsw.Connection) -> dict[DocumentId, Relations]:
            found = named_collection(db, scope)
            return {} if found is None else related(SqliteSession(db), int(found[0]), ids)

        return await self._database.read(work)

    async def first_with_text(self, scope: Scope, hashes: Sequence[str]) -> dict[str, DocumentId]:
        def work(db: apsw.Connection) -> dict[str, DocumentId]:
            found = named_collection(db, scope)
            return (
                {} if found is None else first_with_text(SqliteSession(db), int(found[0]), hashes)
            )

        return await self._database.read(work)
