"""Versions of assistants that are made while the server runs. One file per database."""

from bedplate.blueprints.protocol import OpenBlueprints
from bedplate.registry import Registry

BLUEPRINTS = Registry[OpenBlueprints](
    "blueprints",
    {
        "sqlite": "bedplate.blueprints.sqlite:open_sqlite_blueprints",
        "postgres": "bedplate.blueprints.postgres:open_postgres_blueprints",
    },
    extras={"postgres": "postgres"},
)
