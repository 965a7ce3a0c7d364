"""The server's own tables. One file per database; this table is all that names them."""

from bedplate.registry import Registry
from bedplate.state.protocol import OpenCatalog

CATALOGS = Registry[OpenCatalog](
    "state",
    {
        "sqlite": "bedplate.state.sqlite:open_sqlite_catalog",
        "postgres": "bedplate.state.postgres:open_postgres_catalog",
    },
    extras={"postgres": "postgres"},
)
