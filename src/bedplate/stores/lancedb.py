"""`lancedb`: collections larger than memory, in LanceDB tables on disk, without a server.

The store nominates; the ranking happens outside. Every tenant's collection is a table of its own,
`c_` and a hash: searches read nothing of others, term counts are its own, and dropping it deletes
its files. The documents of one call are replaced in commits of some thousand rows, each document
in one commit: a reader sees it as it was or as it is.

Up to `exact_rows` every vector is compared; above it `settle` makes a graph over vectors of 8 bits
(IVF_HNSW_SQ), whose finds are compared again in full. Rows that no index has yet are compared one
by one.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import lancedb
from lancedb.index import HnswSq
from lancedb.query import MatchQuery

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, StorageError
from bedplate.state.protocol import Entry
from bedplate.stores.facts import compares
from bedplate.stores.keys import document_key, scope_key
from bedplate.stores.lancedb_filter import condition, of_documents
from bedplate.stores.lancedb_table import LanceOptions, asked_words, indexes, schema, table_of
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery

MOST_DOCUMENTS = 10_000
COMMIT_ROWS = 2_000
COMMIT_DOCUMENTS = 1_000
REFINE = 2
"""How many times as many finds of the graph are compared again in full."""
ROUNDING = 1e-5
LOOSE_ROWS = 1_000
LOOSE_FRAGMENTS = 10
"""From so many rows without an index, or files, on it is worth tidying up."""
MAX_MESSAGE = 300

match = cast(Any, MatchQuery)

Found = dict[ChunkId, float]


class LanceStore:
    def __init__(self, database: Any, folder: Path, options: LanceOptions) -> None:
        self._database = database
        self._folder = folder
        self._options = options

    @property
    def abilities(self) -> Abilities:
        return Abilities(scores=False, most_documents=MOST_DOCUMENTS, compares=compares)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """See Store. Conflict where the collection has vectors of another length."""
        for part in _parts(entries):
            sizes = {entry.vectors.shape[1] for entry in part if entry.chunks}
            if not sizes:
                await self.delete(scope, [entry.document.id for entry in part])
                continue
            table = await self._made(scope, max(sizes))
            for size in sizes:
                await self._check_dimensions(scope, table, size)
            written = [entry for entry in part if entry.chunks]
            rows = await asyncio.to_thread(table_of, scope, written, max(sizes))
            replaced = of_documents(document_key(entry.document.id) for entry in part)
            with self._translated():
                write = table.merge_insert("id").when_matched_update_all()
                write = write.when_not_matched_insert_all()
                await write.when_not_matched_by_source_delete(replaced).execute(rows)

    async def delete(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        table = await self._open(scope)
        for start in range(0, len(ids) if table else 0, COMMIT_DOCUMENTS):
            keys = map(document_key, ids[start : start + COMMIT_DOCUMENTS])
            with self._translated():
                await table.delete(of_documents(keys))

    async def search(self, scope: Scope, query: StoreQuery) -> Candidates:
        """See Store. Conflict where the collection has vectors of another length."""
        table = await self._open(scope)
        if table is None:
            return Candidates((), "exact")
        where = None if query.filter is None else condition(query.filter)
        words = "" if query.mode == "vector" else asked_words(query.terms, query.idf)
        vector = None if query.mode == "keyword" else query.vector
        dense: Found = {}
        keyword: Found = {}
        graph = False

        async def run(into: Found, search: Any, column: str) -> None:
            into.update(await self._leg(search, where, column, query.limit))

        if vector is not None:
            await self._check_dimensions(scope, table, len(vector))
            graph = "dense" in await self._indexed(table)
        try:
            async with asyncio.TaskGroup() as tasks:
                if vector is not None:
                    near = table.query().nearest_to(vector).column("dense").distance_type("dot")
                    near = near.refine_factor(REFINE) if graph else near
                    tasks.create_task(run(dense, near, "_distance"))
                if words:
                    text = table.query().nearest_to_text(match(words, "terms"))
                    tasks.create_task(run(keyword, text, "_score"))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        found = tuple(
            Candidate(chunk, dense.get(chunk), keyword.get(chunk))
            for chunk in sorted(dense.keys() | keyword.keys())
        )
        return Candidates(found, "ann" if graph else "exact")

    async def settle(self, scope: Scope) -> None:
        table = await self._open(scope)
        if table is None:
            return
        with self._translated():
            large = await table.count_rows() >= self._options.exact_rows
            if large and "dense" not in await self._indexed(table):
                await table.create_index("dense", config=HnswSq(distance_type="dot"))
            if await self._is_loose(table):
                await table.optimize(
                    cleanup_older_than=timedelta(seconds=self._options.keep_seconds)
                )

    async def drop(self, scope: Scope) -> None:
        with self._translated():
            await self._database.drop_table(_name(scope), ignore_missing=True)

    async def _open(self, scope: Scope) -> Any:
        """The table as it now is, whoever wrote to it; None where nothing was ever written."""
        with self._translated():
            try:
                return await self._database.open_table(_name(scope))
            except ValueError as error:
                if "was not found" in str(error):
                    return None
                raise

    async def _made(self, scope: Scope, dimensions: int) -> Any:
        """The table with its indexes, which an interrupted process may have left out."""
        table = await self._open(scope)
        with self._translated():
            if table is None:
                table = await self._database.create_table(
                    _name(scope), schema=schema(dimensions), exist_ok=True
                )
            there = await self._indexed(table)
            for column, config in indexes().items():
                if column not in there:
                    await table.create_index(column, config=config)
        return table

    async def _indexed(self, table: Any) -> set[str]:
        with self._translated():
            return {column for index in await table.list_indices() for column in index.columns}

    async def _is_loose(self, table: Any) -> bool:
        stats = await table.index_stats("terms_idx")
        fragments = (await table.stats())["fragment_stats"]["num_small_fragments"]
        rows = 0 if stats is None else stats.num_unindexed_rows
        return rows >= LOOSE_ROWS or fragments >= LOOSE_FRAGMENTS

    async def _check_dimensions(self, scope: Scope, table: Any, given: int) -> None:
        with self._translated():
            held = (await table.schema()).field("dense").type.list_size
        if held != given:
            raise Conflict(
                f"The vectors of {scope.collection!r} in LanceDB have {held} numbers, these have "
                f"{given}: configure the embedder that the collection was made with."
            )

    async def _leg(self, search: Any, where: str | None, column: str, limit: int) -> Found:
        """The best `limit` and all that score as the last of them, up to twice as many."""
        with self._translated():
            filtered = search if where is None else search.where(where)
            rows = await filtered.limit(2 * limit).select(["chunk", column]).to_arrow()
        values = cast(list[float], rows.column(column).to_pylist())
        scores = [1 - value for value in values] if column == "_distance" else values
        names = cast(list[str], rows.column("chunk").to_pylist())
        scored = sorted(zip(scores, map(ChunkId, names), strict=True), reverse=True)
        bound = scored[limit - 1][0] - ROUNDING if len(scored) > limit else float("-inf")
        return {chunk: score for score, chunk in scored if score >= bound}

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            said = str(error)[:MAX_MESSAGE]
            raise StorageError(
                f"The LanceDB tables in {self._folder} cannot be read or written: {said}. If it "
                "stays so, delete the collection's table and build it anew from the catalog, "
                "which has lost nothing."
            ) from error


def _name(scope: Scope) -> str:
    return f"c_{scope_key(scope)}"


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Documents whole, and a bounded number of rows where documents are small."""
    part: list[Entry] = []
    rows = 0
    for entry in entries:
        if part and (rows + len(entry.chunks) > COMMIT_ROWS or len(part) >= COMMIT_DOCUMENTS):
            yield part
            part, rows = [], 0
        part.append(entry)
        rows += len(entry.chunks)
    if part:
        yield part


@asynccontextmanager
async def open_lancedb_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    """StorageError where the folder cannot be made."""
    chosen = LanceOptions.model_validate(dict(options))
    folder = chosen.folder or path.parent / "lancedb"
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder {folder} of the lancedb store cannot be made: {error.strerror}."
        ) from error
    # Without the interval a table would not see what other processes write.
    database = await lancedb.connect_async(str(folder), read_consistency_interval=timedelta(0))
    try:
        yield LanceStore(database, folder, chosen)
    finally:
        database.close()
