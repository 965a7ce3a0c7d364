"""What model calls may cost and did: budgets, rate limits, usage. One file per database."""

from bedplate.ledger.protocol import OpenLedger
from bedplate.registry import Registry

LEDGERS = Registry[OpenLedger](
    "ledger",
    {
        "sqlite": "bedplate.ledger.sqlite:open_sqlite_ledger",
        "postgres": "bedplate.ledger.postgres:open_postgres_ledger",
    },
    extras={"postgres": "postgres"},
)
