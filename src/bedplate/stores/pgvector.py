"""`pgvector`: searches the catalog's own tables in PostgreSQL, where the catalog lives there too.

Nothing is kept twice, and every search sees what was committed before it began, by whichever
process: it reads the very rows. Small collections, and filters that few rows pass, are compared
exactly; a large collection gets an HNSW index of its own (a partial one, over its rows alone) when
it settles. Keyword candidates come from an inverted index over the terms of each chunk, scaled to a
usual length; exact scores are computed outside, as for any store that nominates.

https://github.com/pgvector/pgvector describes the index and its iterative scans.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from pgvector import HalfVector
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Recall, Scope
from bedplate.errors import ConfigError
from bedplate.postgres.collection import NAMED
from bedplate.postgres.database import (
    Connection,
    Database,
    Row,
    check_tables,
    open_database,
    select,
    select_one,
)
from bedplate.postgres.filters import Condition, compile_filter
from bedplate.postgres.related import reading
from bedplate.state.protocol import Entry
from bedplate.stores.pgvector_filter import most_passing
from bedplate.stores.pgvector_index import (
    FORMER,
    build_index,
    drop_former,
    drop_orphans,
    index_name,
    refresh,
    retire_index,
)
from bedplate.stores.pgvector_terms import Question
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery

MOST_DIMENSIONS = 4_000
"""Longer vectors cannot be indexed by pgvector; they are always compared exactly."""

STATE = f"""
SELECT c.id, c.dimensions, c.documents, c.chunks, coalesce((SELECT bool_or(i.indisvalid)
  FROM pg_index i WHERE i.indexrelid IN
    (to_regclass(%s || c.id), to_regclass(%s || c.id || %s))), false)
FROM collection c WHERE {NAMED} LIMIT 1
"""  # noqa: S608 - constants

# Each gives the least distances first, which are negative inner products, taken once a row. The
# column as it stands is not what an index is over, so that EXACT is never answered from one.
EXACT = """
SELECT d.document_id, x.ordinal, x.distance FROM (
  SELECT v.document, v.ordinal, v.embedding <#> %s AS distance FROM vector v
  WHERE v.collection_id = {collection}{filter}
  ORDER BY distance, v.document, v.ordinal LIMIT %s) x
JOIN document d ON d.id = x.document
"""
SAMPLED = """
SELECT d.document_id, x.ordinal, x.distance FROM (
  SELECT v.document, v.ordinal, v.embedding::halfvec({dimensions}) <#> %s::halfvec({dimensions})
    AS distance FROM vector v
  WHERE v.collection_id = {collection}{filter}
  ORDER BY distance LIMIT %s) x
JOIN document d ON d.id = x.document
"""
# The filter is asked of rows in their order, so that few need be asked.
KEYWORD = """
SELECT d.document_id, x.ordinal, x.distance FROM (
  SELECT p.document, p.ordinal, p.distance FROM (
    SELECT document, ordinal, weights <#> %s AS distance FROM posting
    WHERE collection_id = {collection} AND term_keys(collection_id, terms) && %s::bigint[]
    ORDER BY distance, document, ordinal OFFSET 0) p
  WHERE true{filter} ORDER BY p.distance, p.document, p.ordinal LIMIT %s) x
JOIN document d ON d.id = x.document
"""
# Of few rows that pass, each is looked at: all with a term of the question have a distance.
KEYWORD_OF_FEW = """
SELECT d.document_id, x.ordinal, x.distance FROM (
  SELECT p.document, p.ordinal, p.weights <#> %s AS distance FROM posting p
  WHERE p.collection_id = {collection}{filter}
  ORDER BY distance, p.document, p.ordinal LIMIT %s) x
JOIN document d ON d.id = x.document WHERE x.distance < 0
"""
FEW_DOCUMENTS = 3_000


class PgvectorOptions(BaseModel):
    """Options of the pgvector store.

    `database` is the catalog's. `exact_rows` is the number of rows up to which every vector is
    compared: of a collection, or of those that pass a filter. `m` and `ef_construction` shape an
    index when it is built, `hnsw_ef_search` and `iterative_scan` how it is searched;
    `build_memory` is the server's maintenance_work_mem for that build.
    """

    model_config = ConfigDict(extra="forbid")
    database: SecretStr | None = None
    exact_rows: int = Field(default=10_000, ge=1)
    m: int = Field(default=16, ge=2, le=100)
    ef_construction: int = Field(default=128, ge=4, le=1_000)
    hnsw_ef_search: int = Field(default=200, ge=1, le=1_000)
    iterative_scan: Literal["strict_order", "relaxed_order", "off"] = "strict_order"
    build_memory: str = Field(default="256MB", pattern=r"^[0-9]+(kB|MB|GB)$")


class PgvectorStore:
    def __init__(self, database: Database, options: PgvectorOptions) -> None:
        self._database = database
        self._options = options

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            scores=False,
            most_documents=2**31,
            compares=lambda _: True,
            tables=True,
            follows=True,
        )

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Nothing to write: the next search reads what the catalog committed."""

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        """Nothing to write: the next search reads what the catalog committed."""

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        def work(db: Connection) -> Candidates:
            with reading(db, query.filter):
                return self._search(db, scope, query)

        return await self._database.read(work)

    async def settle(self, scope: Scope) -> None:
        """Build the collection's index where it has outgrown comparing everything.

        Later writes enter the index by themselves.
        """
        state = await self._database.read(lambda db: _state(db, scope))
        if state is None:
            return
        options = self._options

        def work(db: Connection) -> None:
            refresh(db)
            if state.chunks <= options.exact_rows or state.dimensions > MOST_DIMENSIONS:
                drop_former(db, state.collection)
                return
            build_index(
                db, state.collection, state.dimensions, m=options.m,
                ef_construction=options.ef_construction, memory=options.build_memory,
            )  # fmt: skip

        await self._database.maintain(work)

    async def drop(self, scope: Scope) -> None:
        """Drop indexes whose collection the catalog no longer has; of one that it has, the next
        settling builds another.
        """

        def work(db: Connection) -> None:
            if (state := _state(db, scope)) is not None:
                retire_index(db, state.collection)
            drop_orphans(db)

        await self._database.maintain(work)

    def _search(self, db: Connection, scope: Scope, query: StoreQuery) -> Candidates:
        state = _state(db, scope)
        if state is None:
            return Candidates((), "exact")
        # Documents of average length; a wrong guess costs time and nothing else.
        many = self._options.exact_rows * state.documents // max(state.chunks, 1) + 1
        passing = state.documents
        if query.filter is not None:
            passing = most_passing(
                db, query.filter, state.collection, documents=passing,
                enough=max(many, FEW_DOCUMENTS),
            )  # fmt: skip
        recall: Recall = "exact"
        bm25: dict[ChunkId, float] = {}
        cosine: dict[ChunkId, float] = {}
        if query.mode != "vector":
            bm25 = _keyword(db, state, query, passing)
        if query.mode != "keyword" and query.vector is not None:
            sampled = state.indexed and state.chunks > self._options.exact_rows and passing >= many
            cosine, recall = _dense(db, state, query, sampled=sampled)
        items = [
            Candidate(chunk, cosine.get(chunk), bm25.get(chunk))
            for chunk in dict.fromkeys([*bm25, *cosine])
        ]
        return Candidates(tuple(items), recall)


class _State(NamedTuple):
    """A collection's row, and whether it has an index that can be used."""

    collection: int
    dimensions: int
    documents: int
    chunks: int
    indexed: bool


def _state(db: Connection, scope: Scope) -> _State | None:
    name = index_name("")
    row = select_one(db, STATE, (name, name, FORMER, scope.tenant, scope.collection))
    return None if row is None else _State(*row)


def _keyword(
    db: Connection, state: _State, query: StoreQuery, passing: int
) -> dict[ChunkId, float]:
    question = Question.of(query, state.collection, state.chunks)
    if question is None:
        return {}
    condition, values = _condition(query, state.collection, "p.document")
    names = {"collection": state.collection, "filter": condition}
    asked, most = question.sparse, 2 * query.limit
    if condition and passing < FEW_DOCUMENTS:
        rows = select(db, KEYWORD_OF_FEW.format(**names), [asked, *values, most])
        return _best(rows, query.limit)

    def find(terms: int) -> list[Row]:
        return select(db, KEYWORD.format(**names), [asked, question.keys[:terms], *values, most])

    first = question.first()
    found = find(first)
    scores = sorted(-row[2] for row in found)
    needed = question.needed(scores[-query.limit] if len(scores) >= query.limit else 0.0)
    return _best(find(needed) if needed > first else found, query.limit)


def _dense(
    db: Connection, state: _State, query: StoreQuery, *, sampled: bool
) -> tuple[dict[ChunkId, float], Recall]:
    condition, values = _condition(query, state.collection, "v.document")
    names = {"collection": state.collection, "dimensions": state.dimensions, "filter": condition}
    row = [HalfVector(cast(Any, query.vector)), *values, 2 * query.limit]
    if sampled:
        near = _best(select(db, SAMPLED.format(**names), row), query.limit)
        if len(near) >= query.limit:
            return near, "ann"
        # The scan gave up before it met enough rows that pass.
    return _best(select(db, EXACT.format(**names), row), query.limit), "exact"


def _condition(query: StoreQuery, collection: int, column: str) -> Condition:
    if query.filter is None:
        return "", []
    sql, values = compile_filter(query.filter, collection, column)
    return f" AND ({sql})", values


def _best(rows: Sequence[Row], limit: int) -> dict[ChunkId, float]:
    """The scores of the `limit` nearest rows, and of those that tie with the last of them."""
    ordered = sorted(rows, key=lambda row: row[2])
    if len(ordered) > limit:
        bound = ordered[limit - 1][2]
        ordered = [row for row in ordered if row[2] <= bound]
    return {ChunkId(f"{document}#{ordinal}"): -distance for document, ordinal, distance in ordered}


@asynccontextmanager
async def open_pgvector_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    chosen = PgvectorOptions.model_validate(dict(options))
    if chosen.database is None:
        raise ConfigError(
            "The pgvector store searches the catalog's own tables: set data.database to a "
            "PostgreSQL database, or use another store."
        )
    settings = {
        "hnsw.ef_search": str(chosen.hnsw_ef_search),
        "hnsw.iterative_scan": chosen.iterative_scan,
        # Of a common term, the pages of the rows that hold it.
        "work_mem": "32MB",
        # To start workers costs more than what is left to share out.
        "max_parallel_workers_per_gather": "0",
    }
    dsn = chosen.database.get_secret_value()
    await asyncio.to_thread(check_tables, dsn)
    async with open_database(dsn, settings) as database:
        yield PgvectorStore(database, chosen)
