"""What runs did: their state and the log of each. One file per database."""

from bedplate.journal.protocol import OpenJournal
from bedplate.registry import Registry

JOURNALS = Registry[OpenJournal](
    "journal",
    {
        "sqlite": "bedplate.journal.sqlite:open_sqlite_journal",
        "postgres": "bedplate.journal.postgres:open_postgres_journal",
    },
    extras={"postgres": "postgres"},
)
