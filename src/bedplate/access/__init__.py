"""Access keys: who may call, for which tenant, and to do what. One file per database."""

from bedplate.access.protocol import OpenAccessKeys
from bedplate.registry import Registry

ACCESS_KEYS = Registry[OpenAccessKeys](
    "access",
    {
        "sqlite": "bedplate.access.sqlite:open_sqlite_keys",
        "postgres": "bedplate.access.postgres:open_postgres_keys",
    },
    extras={"postgres": "postgres"},
)
