"""The catalog's tables, brought to the newest version."""

from typing import cast

import apsw

from bedplate.sqlite.database import select
from bedplate.state.scripts import check_version, migration_scripts
from bedplate.state.sqlite_index import count_terms
from bedplate.terms import TermVector

COUNTED_SINCE = 3
"""The migration that began to count terms."""


def migrate(db: apsw.Connection) -> None:
    """Apply what is missing, in order; StorageError for a file from a newer version."""
    version = int(db.pragma("user_version"))
    scripts = migration_scripts("migrations")
    check_version(version, scripts[-1][0])
    for number, script in scripts:
        if number > version:
            db.execute(script.read_text(encoding="utf-8"))
            if number == COUNTED_SINCE:
                _count_all(db)
            db.execute(f"PRAGMA user_version = {number}")


def _count_all(db: apsw.Connection) -> None:
    for collection, tenant in select(db, "SELECT id, tenant_id FROM collection"):
        rows = db.execute("SELECT terms FROM vector WHERE collection_id = ?", (collection,))
        texts = (TermVector.from_bytes(cast(bytes, terms)) for (terms,) in rows)
        count_terms(db, tenant, collection, texts, 1)
