"""HNSW indexes of pgvector, one a collection, built and dropped while searches go on."""

from psycopg.errors import LockNotAvailable

from bedplate.postgres.database import SCHEMA, Connection, execute, select, select_one

BUILDING = 0x6265_6470
"""The class of the advisory locks under which one process builds the index of a collection."""

CHANGED_ROWS = 1_000
DROP_SECONDS = 2


def index_name(collection: int | str) -> str:
    return f"{SCHEMA}.vector_hnsw_{collection}"


def build_index(
    db: Connection, collection: int, dimensions: int, *, m: int, ef_construction: int, memory: str
) -> None:
    """Build the index, unless another process is at it; one that was left half-built goes first.

    Inner products, as the scores are: vectors are unit rows, and one of zeros is indexed too.
    """
    row = select_one(db, "SELECT pg_try_advisory_lock(%s, %s)", (BUILDING, collection))
    if row is None or not row[0]:
        return
    name = index_name(collection)
    valid = select_one(
        db, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", (name,)
    )
    if valid is not None and valid[0]:
        return
    execute(db, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    execute(db, "SELECT set_config('maintenance_work_mem', %s, false)", (memory,))
    execute(
        db,
        f"CREATE INDEX CONCURRENTLY {name.partition('.')[2]} ON {SCHEMA}.vector"
        f" USING hnsw ((embedding::halfvec({dimensions})) halfvec_ip_ops)"
        f" WITH (m = {m}, ef_construction = {ef_construction})"
        f" WHERE collection_id = {collection}",
    )


def drop_orphans(db: Connection) -> None:
    """Drop the indexes of collections that are gone; at the latest when none is being built."""
    prefix = index_name("").partition(".")[2]
    rows = select(
        db,
        "SELECT i.relname FROM pg_class i JOIN pg_namespace n ON n.oid = i.relnamespace"
        " WHERE n.nspname = %s AND i.relkind = 'i' AND starts_with(i.relname, %s) AND NOT EXISTS"
        " (SELECT FROM collection c WHERE i.relname = %s || c.id)",
        (SCHEMA, prefix, prefix),
    )
    execute(db, f"SET lock_timeout = '{DROP_SECONDS}s'")
    for (name,) in rows:
        try:
            execute(db, f"DROP INDEX CONCURRENTLY IF EXISTS {SCHEMA}.{name}")
        except LockNotAvailable:
            # It holds nothing any more, and the next call finds it again.
            return


def refresh(db: Connection) -> None:
    """Tell the planner of what a load of writes changed, and file new terms into their index.

    A table that is being indexed is passed over; the server's own upkeep comes by later.
    """
    rows = select(
        db,
        "SELECT relname FROM pg_stat_user_tables WHERE schemaname = %s"
        " AND n_mod_since_analyze > %s + n_live_tup / 10",
        (SCHEMA, CHANGED_ROWS),
    )
    for (name,) in rows:
        execute(db, f"ANALYZE (SKIP_LOCKED) {SCHEMA}.{name}")
    if rows:
        execute(db, f"SELECT gin_clean_pending_list('{SCHEMA}.posting_terms')")
