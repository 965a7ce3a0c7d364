"""HNSW indexes of pgvector, one a collection, built and dropped while searches go on."""

from psycopg.errors import LockNotAvailable

from bedplate.postgres.database import SCHEMA, Connection, execute, select, select_one

BUILDING = 0x6265_6470
"""The class of the advisory locks under which one process builds the index of a collection."""

CHANGED_ROWS = 1_000
DROP_SECONDS = 2


FORMER = "_former"
"""What the name of an index ends with that serves until another is built in its place."""


def index_name(collection: int | str) -> str:
    return f"{SCHEMA}.vector_hnsw_{collection}"


def retire_index(db: Connection, collection: int) -> None:
    """Let the next `build_index` build another; searches go on with the one that is there."""
    name = index_name(collection)
    if _is_valid(db, name):
        _drop(db, name + FORMER)
        execute(db, f"ALTER INDEX IF EXISTS {name} RENAME TO {_alone(name)}{FORMER}")


def build_index(
    db: Connection, collection: int, dimensions: int, *, m: int, ef_construction: int, memory: str
) -> None:
    """Build the index, unless it is there or another process is at it.

    One that was left half-built goes first, and a former one once another is in its place.
    Inner products, as the scores are: vectors are unit rows, and one of zeros is indexed too.
    """
    row = select_one(db, "SELECT pg_try_advisory_lock(%s, %s)", (BUILDING, collection))
    if row is None or not row[0]:
        return
    name = index_name(collection)
    if not _is_valid(db, name):
        execute(db, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        execute(db, "SELECT set_config('maintenance_work_mem', %s, false)", (memory,))
        execute(
            db,
            f"CREATE INDEX CONCURRENTLY {_alone(name)} ON {SCHEMA}.vector"
            f" USING hnsw ((embedding::halfvec({dimensions})) halfvec_ip_ops)"
            f" WITH (m = {m}, ef_construction = {ef_construction})"
            f" WHERE collection_id = {collection}",
        )
        # The server hears of rows that were just written up to ten seconds later; without a look
        # at them the planner takes the collection for a small one, and passes the index over.
        for table in ("vector", "document", "field", "posting"):
            execute(db, f"ANALYZE (SKIP_LOCKED) {SCHEMA}.{table}")
    drop_former(db, collection)


def drop_former(db: Connection, collection: int) -> None:
    _drop(db, index_name(collection) + FORMER)


def drop_orphans(db: Connection) -> None:
    """Drop the indexes of collections that are gone; at the latest when none is being built."""
    prefix = _alone(index_name(""))
    rows = select(
        db,
        "SELECT i.relname FROM pg_class i JOIN pg_namespace n ON n.oid = i.relnamespace"
        " WHERE n.nspname = %s AND i.relkind = 'i' AND starts_with(i.relname, %s) AND NOT EXISTS"
        " (SELECT FROM collection c WHERE i.relname IN (%s || c.id, %s || c.id || %s))",
        (SCHEMA, prefix, prefix, prefix, FORMER),
    )
    for (name,) in rows:
        if not _drop(db, f"{SCHEMA}.{name}"):
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


def _is_valid(db: Connection, name: str) -> bool:
    row = select_one(
        db, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", (name,)
    )
    return row is not None and bool(row[0])


def _drop(db: Connection, name: str) -> bool:
    """Whether it went. If not, another holds the table: the next call finds it again."""
    execute(db, f"SET lock_timeout = '{DROP_SECONDS}s'")
    try:
        execute(db, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    except LockNotAvailable:
        return False
    return True


def _alone(name: str) -> str:
    """Without the schema, as where an index is named that will be."""
    return name.partition(".")[2]
