"""What clients of OpenAI's API keep on the server: files, batches and vector stores. One file per database."""

from bedplate.objects.protocol import OpenObjects
from bedplate.registry import Registry

OBJECTS = Registry[OpenObjects](
    "objects",
    {
        "sqlite": "bedplate.objects.sqlite:open_sqlite_objects",
        "postgres": "bedplate.objects.postgres:open_postgres_objects",
    },
    extras={"postgres": "postgres"},
)
