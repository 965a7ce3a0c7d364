"""`sqlite`: the default store, an index in memory over the catalog's own tables.

Nothing is kept twice: rows are read from the catalog's file, and a search first catches up with
whatever was committed there since, by this process or another. Small collections are compared
exactly. Larger ones get a graph, kept in a file beside the catalog so that a start needs no
rebuild; rows newer than the graph are compared exactly. The file can be deleted at any time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import apsw
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.sqlite.database import (
    INDEX_CACHE_KIBIBYTES,
    Database,
    open_database,
    select,
    select_one,
)
from bedplate.sqlite.filters import compile_leaf
from bedplate.sqlite.related import files_of
from bedplate.state.protocol import Entry
from bedplate.stores.postings import Flags
from bedplate.stores.protocol import Abilities, Candidate, Candidates, Store, StoreQuery
from bedplate.stores.snapshot import Snapshots
from bedplate.stores.view import AddedRow, Found, View

ADDED = """
SELECT v.chunk, v.document, d.document_id || '#' || v.ordinal, v.embedding, v.terms
FROM vector v JOIN document d ON d.id = v.document
WHERE v.collection_id = ? AND v.chunk > ? ORDER BY v.chunk
"""


class SqliteStoreOptions(BaseModel):
    """Options of the sqlite store.

    `exact_rows` is the size up to which every vector is compared; the default is where a graph
    begins to pay (docs/benchmarks.md). `cache_bytes` bounds the memory for indexes; the least
    recently searched are let go.
    """

    model_config = ConfigDict(extra="forbid")
    exact_rows: int = Field(default=30_000, ge=1)
    cache_bytes: int = Field(default=1024 * 1024 * 1024, gt=0)


class SqliteStore:
    def __init__(self, database: Database, folder: Path, options: SqliteStoreOptions) -> None:
        self._database = database
        self._snapshots = Snapshots(folder)
        self._options = options
        self._views: OrderedDict[int, View] = OrderedDict()
        self._locks: dict[int, asyncio.Lock] = {}
        # A rebuild takes the memory of the index once more: one at a time.
        self._rebuilding = asyncio.Lock()

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            scores=True,
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
        _, view, passing = await self._seen(scope, query.filter)
        if view is None:
            return Candidates((), "exact")

        def work(_: apsw.Connection) -> Candidates:
            found = view.search(query, passing, exact_rows=self._options.exact_rows)
            return Candidates(_candidates(view, found), found.recall, found.vectors)

        return await self._database.read(work)

    async def settle(self, scope: Scope) -> None:
        async with self._rebuilding:
            collection, view, _ = await self._seen(scope, None)
            if view is None or not view.wants_rebuild(self._options.exact_rows):
                return
            graph = view.wants_graph(self._options.exact_rows)
            rebuilt = await asyncio.to_thread(view.rebuilt, graph=graph)
            async with self._lock(collection):
                self._keep(collection, rebuilt)
            saved = None
            if graph:
                saved = await asyncio.to_thread(self._snapshots.save, collection, rebuilt)
            adopted = await self._database.write(
                lambda db: adopt(db, collection, saved, rebuilt.removed)
            )
            if adopted.how == "done" and adopted.former is not None:
                await asyncio.to_thread(self._snapshots.delete, collection, adopted.former)
            if adopted.how != "done" and saved is not None:
                await asyncio.to_thread(self._snapshots.discard, collection, saved)
            if adopted.how == "gone":
                self._forget(collection)

    async def drop(self, scope: Scope) -> None:
        """Forget this collection's index, and those whose collection the catalog no longer has."""

        def work(db: apsw.Connection) -> set[int]:
            if (state := _state(db, scope)) is not None:
                db.execute(
                    "UPDATE collection SET snapshot = NULL WHERE id = ?", (state.collection,)
                )
            rows = {int(row[0]) for row in select(db, "SELECT id FROM collection")}
            return rows - ({state.collection} if state is not None else set())

        kept = await self._database.write(work)
        for collection in [known for known in self._views if known not in kept]:
            self._forget(collection)
        await asyncio.to_thread(self._snapshots.keep_only, kept)

    def _forget(self, collection: int) -> None:
        self._views.pop(collection, None)
        self._locks.pop(collection, None)

    async def _seen(self, scope: Scope, filter: Filter | None) -> "_Seen":
        """The collection's index as the catalog is now, and which of its rows pass."""
        files = files_of(filter)
        seen = await self._database.read(
            lambda db: self._look(db, scope, filter, catch_up=False), attach=files
        )
        if seen.collection and seen.view is None:
            async with self._lock(seen.collection):
                seen = await self._database.read(
                    lambda db: self._look(db, scope, filter, catch_up=True), attach=files
                )
                if seen.view is not None:
                    self._keep(seen.collection, seen.view)
        elif seen.collection in self._views:
            self._views.move_to_end(seen.collection)
        return seen

    def _look(
        self, db: apsw.Connection, scope: Scope, filter: Filter | None, *, catch_up: bool
    ) -> "_Seen":
        """In one transaction: a filter of another moment names rows that the index does not have.

        Without `catch_up` there is no view where it is behind.
        """
        seen, passing = _Seen(0), None
        with db:
            state = _state(db, scope)
            if state is not None:
                # In a reader's thread; views are immutable, and this one look-up is atomic.
                view = self._views.get(state.collection)
                behind = view is None or view.generation != state.generation
                if behind and catch_up:
                    view = self._caught_up(db, state, view)
                elif behind:
                    view = None
                if view is not None and filter is not None:
                    passing = _passing(db, state.collection, view, filter)
                seen = _Seen(state.collection, view, passing)
        return seen

    def _lock(self, collection: int) -> asyncio.Lock:
        return self._locks.setdefault(collection, asyncio.Lock())

    def _keep(self, collection: int, view: View) -> None:
        self._views[collection] = view
        self._views.move_to_end(collection)
        while len(self._views) > 1 and self._footprint() > self._options.cache_bytes:
            self._views.popitem(last=False)

    def _footprint(self) -> int:
        return sum(view.footprint for view in self._views.values())

    def _caught_up(self, db: apsw.Connection, state: "_State", view: View | None) -> View:
        collection, floor = state.collection, state.removed_floor
        if (
            view is None
            or view.removed < floor
            or (_behind(db, collection, view) > self._options.exact_rows)
        ):
            stored = self._snapshots.load(collection, state.snapshot)
            if (
                stored is not None
                and stored.removed >= floor
                and (view is None or stored.generation > view.generation)
            ):
                view = stored
            elif view is None or view.removed < floor:
                view = View.empty(state.dimensions, removed=floor)
        return _follow(db, collection, state.generation, view)


class _State(NamedTuple):
    """A collection's row, as far as an index follows it."""

    collection: int
    generation: int
    dimensions: int
    removed_floor: int
    snapshot: str | None


class _Seen(NamedTuple):
    """`collection` is its row, 0 where there is none; `passing` marks rows of the view."""

    collection: int
    view: View | None = None
    passing: Flags | None = None


def _state(db: apsw.Connection, scope: Scope) -> _State | None:
    row = select_one(
        db,
        "SELECT id, generation, dimensions, removed_floor, snapshot FROM collection"
        " WHERE tenant_id = ? AND (name = ? OR key = ?)",
        (scope.tenant, scope.collection, scope.collection),
    )
    return None if row is None else _State(*row)


class Adopted(NamedTuple):
    """Whether a snapshot counts now; "late": another process has pruned further, and knows better.

    `former` is the one that it replaced.
    """

    how: Literal["done", "late", "gone"]
    former: str | None = None


def adopt(db: apsw.Connection, collection: int, snapshot: str | None, removed: int) -> Adopted:
    """Name the snapshot in the catalog and prune what it has seen.

    Without a snapshot, a reader that starts reads the rows themselves.
    """
    found = select_one(
        db, "SELECT snapshot, removed_floor FROM collection WHERE id = ?", (collection,)
    )
    if found is None:
        return Adopted("gone")
    former, floor = found
    if floor > removed:
        return Adopted("late")
    db.execute("DELETE FROM removed WHERE collection_id = ? AND seq <= ?", (collection, removed))
    db.execute(
        "UPDATE collection SET removed_floor = ?, snapshot = ? WHERE id = ?",
        (removed, snapshot, collection),
    )
    return Adopted("done", former)


def _behind(db: apsw.Connection, collection: int, view: View) -> int:
    last = int(view.chunks[-1]) if len(view.chunks) else 0
    rows = select(
        db,
        "SELECT count(*) FROM vector WHERE collection_id = ? AND chunk > ?",
        (collection, last),
    )
    return int(rows[0][0])


def _follow(db: apsw.Connection, collection: int, generation: int, view: View) -> View:
    """Called inside a read transaction, so that additions and removals are of one moment."""
    last = int(view.chunks[-1]) if len(view.chunks) else 0
    added = select(db, ADDED, (collection, last))
    gone = select(
        db,
        "SELECT seq, chunk FROM removed WHERE collection_id = ? AND seq > ? ORDER BY seq",
        (collection, view.removed),
    )
    return view.followed(
        generation=generation,
        removed=int(gone[-1][0]) if gone else view.removed,
        added=[AddedRow(*row) for row in added],
        gone=[int(row[1]) for row in gone],
    )


def _passing(db: apsw.Connection, collection: int, view: View, filter: Filter) -> Flags:
    """Which rows of the view pass: one query a comparison, put together here.

    The same as one query with the whole condition, and several times faster where many pass.
    """
    match filter:
        case Comparison() | Documents() | Related():
            rows, values, negated = compile_leaf(filter, collection)
            listed = select(db, f"SELECT group_concat(document) FROM ({rows})", values)[0][0]  # noqa: S608
            documents = np.fromstring(listed or "", dtype=np.int64, sep=",")
            return view.passing(documents, invert=negated)
        case Not(clause):
            return ~_passing(db, collection, view, clause)
        case And(clauses) | Or(clauses):
            parts = [_passing(db, collection, view, clause) for clause in clauses]
            join = np.logical_and if isinstance(filter, And) else np.logical_or
            # Of nothing, AND holds everywhere and OR nowhere.
            return join.reduce([np.full(len(view.documents), isinstance(filter, And)), *parts])


def _candidates(view: View, found: Found) -> tuple[Candidate, ...]:
    rows = cast(list[int], found.rows.tolist())
    names = [view.names[row] for row in rows]
    none: list[float | None] = [None] * len(names)
    cosine = none if found.cosine is None else found.cosine.tolist()
    keyword = none if found.bm25 is None else found.bm25.tolist()
    return tuple(map(Candidate, names, cosine, keyword))


@asynccontextmanager
async def open_sqlite_store(options: Mapping[str, Any], *, path: Path) -> AsyncGenerator[Store]:
    chosen = SqliteStoreOptions.model_validate(dict(options))
    async with open_database(path, cache_kibibytes=INDEX_CACHE_KIBIBYTES) as database:
        yield SqliteStore(database, path.parent / "index", chosen)
