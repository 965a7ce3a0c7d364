"""What the doctor says of a PostgreSQL database."""

from dataclasses import dataclass

from bedplate.postgres.database import SCHEMA, connected, place_of, schema_version, select_one


@dataclass(frozen=True, slots=True)
class Facts:
    """`schema` is the version of the catalog's tables, 0 where there are none; `size` in bytes."""

    place: str
    server: str
    pgvector: str
    schema: int
    size: int


def facts_of(dsn: str) -> Facts:
    """Look, and change nothing.

    Raises:
        ConfigError: the address is none, or the server does not let us in.
        Unavailable: the server cannot be reached.
    """
    with connected(dsn) as db:
        row = select_one(
            db,
            "SELECT current_setting('server_version'),"
            " (SELECT extversion FROM pg_extension WHERE extname = 'vector'),"
            " (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s"
            " AND c.relkind = 'r')",
            (SCHEMA,),
        )
        server, pgvector, size = row or ("", None, 0)
        return Facts(place_of(dsn), server, pgvector or "none", schema_version(db), size)
