"""Work that survives a crash: named work in journalled steps, queues, schedules, event logs.

The one package that names DBOS. Import `protocol` freely; `open` costs over a second, so whoever
wants its start fast imports it where it is used.
"""

from bedplate.durable.places import OpenPlace
from bedplate.registry import Registry

PLACES: Registry[OpenPlace] = Registry(
    "durable",
    {
        "sqlite": "bedplate.durable.sqlite:open_sqlite_place",
        "postgres": "bedplate.durable.postgres:open_postgres_place",
    },
    extras={"postgres": "postgres"},
)
