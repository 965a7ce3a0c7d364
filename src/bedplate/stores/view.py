"""One collection as a reader holds it in memory: immutable, so searches need no lock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Recall
from bedplate.embedders.protocol import Matrix
from bedplate.stores.postings import Flags, Postings, Scores
from bedplate.stores.protocol import StoreQuery
from bedplate.stores.vectors import NEIGHBOURS, RowNumbers, Vectors, effort_of
from bedplate.terms import TermVector

GRAPH_COST = 6
"""Rows that are compared one by one in the time of one unit of HNSW's ef; docs/benchmarks.md."""


@dataclass(frozen=True, slots=True)
class Found:
    """Row numbers in order of row, each with both scores."""

    rows: RowNumbers
    vectors: Matrix
    cosine: Matrix | None
    bm25: Matrix | None
    recall: Recall


class AddedRow(NamedTuple):
    """A row of the catalog, new to a view. `embedding` is float16, `terms` a TermVector's bytes."""

    chunk: int
    document: int
    name: ChunkId
    embedding: bytes
    terms: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What a view knows of its rows as a whole, worked out once."""

    live: int
    damping: Scores


@dataclass(frozen=True, slots=True)
class View:
    """`chunks` and `documents` are the catalog's row ids of each row, chunks ascending.

    `names` are the chunk ids of each row.

    `generation` and `removed` are how far this view has followed the catalog.
    """

    generation: int
    removed: int
    chunks: NDArray[np.int64]
    documents: NDArray[np.int64]
    names: list[ChunkId]
    alive: Flags
    vectors: Vectors
    postings: Postings
    facts: Facts = field(init=False)

    def __post_init__(self) -> None:
        live = int(np.count_nonzero(self.alive))
        facts = Facts(live, self.postings.damping(self.alive))
        object.__setattr__(self, "facts", facts)

    @staticmethod
    def empty(dimensions: int, removed: int = 0) -> "View":
        none = np.zeros(0, dtype=np.int64)
        vectors, postings = Vectors.empty(dimensions), Postings.empty()
        return View(0, removed, none, none, [], none.astype(bool), vectors, postings)

    @property
    def footprint(self) -> int:
        """Roughly how many bytes of memory it takes."""
        postings = sum(len(s.rows) * 6 + len(s.ids) * 12 for s in self.postings.segments)
        per_row = self.vectors.dimensions * 2 + NEIGHBOURS * 8 + 100
        return postings + len(self.chunks) * per_row

    def followed(
        self,
        *,
        generation: int,
        removed: int,
        added: Sequence[AddedRow],
        gone: Sequence[int],
    ) -> "View":
        """This view after rows came and chunks went."""
        chunks = np.asarray([row.chunk for row in added], dtype=np.int64)
        documents = np.asarray([row.document for row in added], dtype=np.int64)
        all_chunks = np.concatenate([self.chunks, chunks])
        alive = np.concatenate([self.alive, np.ones(len(chunks), dtype=bool)])
        alive[_places(all_chunks, np.asarray(gone, dtype=np.int64))] = False
        return View(
            generation,
            removed,
            all_chunks,
            np.concatenate([self.documents, documents]),
            [*self.names, *(row.name for row in added)],
            alive,
            self.vectors.extended(b"".join(row.embedding for row in added)),
            self.postings.extended([TermVector.from_bytes(row.terms) for row in added]),
        )

    def rebuilt(self, *, graph: bool) -> "View":
        """The same rows without the dead ones, in a graph if wanted."""
        rows = np.flatnonzero(self.alive)
        renumbered = np.full(len(self.alive), -1, dtype=np.int32)
        renumbered[rows] = np.arange(len(rows), dtype=np.int32)
        return View(
            self.generation,
            self.removed,
            self.chunks[rows],
            self.documents[rows],
            [self.names[row] for row in rows.tolist()],
            np.ones(len(rows), dtype=bool),
            self.vectors.indexed_anew(rows) if graph else self.vectors.kept(rows),
            self.postings.kept(renumbered),
        )

    def wants_graph(self, exact_rows: int) -> bool:
        """Whether there are enough rows for a graph."""
        return self.facts.live > exact_rows

    def wants_rebuild(self, exact_rows: int) -> bool:
        """Whether enough changed since the last one that a new one pays."""
        live = self.facts.live
        dead = len(self.alive) - live
        if not self.wants_graph(exact_rows):
            return dead > max(live, exact_rows // 4)
        stale = self.vectors.size - self.vectors.indexed + dead
        return stale > max(exact_rows // 2, live // 4)

    def passing(self, documents: NDArray[np.int64], *, invert: bool) -> Flags:
        """Which rows belong to the documents named by the catalog's row ids, or to all others."""
        return np.isin(self.documents, documents, invert=invert)

    def search(self, query: StoreQuery, passing: Flags | None, *, exact_rows: int) -> Found:
        """Both legs over live rows, and of those the ones that `passing` marks, where it is given.

        Every vector that passes is compared where that costs no more than asking the graph.
        """
        whole = passing is None and self.facts.live == len(self.alive)
        passes = None if whole else self.alive if passing is None else self.alive & passing
        recall: Recall = "exact"
        legs: list[RowNumbers] = []
        bm25: Scores | None = None
        if query.mode != "vector":
            facts = self.facts
            bm25 = self.postings.bm25(query.terms, self.alive, facts.live, facts.damping)
            found = np.flatnonzero(bm25 > 0 if passes is None else passes & (bm25 > 0))
            legs.append(self._best(found, bm25[found], query.limit))
        if query.mode != "keyword" and query.vector is not None:
            near, recall = self._near(query.vector, query.limit, passes, exact_rows)
            legs.append(near)
        rows = np.unique(np.concatenate(legs)) if legs else np.zeros(0, dtype=np.int64)
        vectors = self.vectors.take(rows)
        # Not `@`: its library starts threads that cost more than they bring at this size.
        cosine = None if query.vector is None else np.einsum("ij,j->i", vectors, query.vector)
        return Found(rows, vectors, cosine, None if bm25 is None else bm25[rows], recall)

    def _near(
        self, vector: Matrix, limit: int, passes: Flags | None, exact_rows: int
    ) -> tuple[RowNumbers, Recall]:
        live = len(self.alive) if passes is None else int(np.count_nonzero(passes))
        # Twice as many, so that those which tie with the last are known.
        wanted = 2 * limit
        reach = wanted * len(self.alive) // max(live, 1)
        if self.vectors.indexed and live > break_even(
            wanted, reach, self.vectors.indexed, exact_rows
        ):
            rows, scores = self.vectors.sampled(vector, passes, wanted, reach)
            if len(rows) >= min(limit, live):
                return self._best(rows, scores, limit), "ann"
            # Most of what the graph holds near the query is dead, or does not pass.
        rows, scores = self.vectors.exact(vector, passes, wanted)
        return self._best(rows, scores, limit), "exact"

    def _best(self, rows: RowNumbers, scores: Scores, limit: int) -> RowNumbers:
        """The `limit` rows with the highest scores, and those that tie with the last (up to double).

        Of more ties than that, the first by chunk id.
        """
        if len(rows) <= limit:
            return rows
        bound = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        above, level = rows[scores > bound], rows[scores == bound]
        room = 2 * limit - len(above)
        if len(level) > room:
            level = np.asarray(sorted(level.tolist(), key=self.names.__getitem__)[:room])
        return np.concatenate([above, level])


def break_even(wanted: int, reach: int, size: int, exact_rows: int) -> float:
    """How many rows are compared in the time a graph of `size` takes to give the `reach` nearest.

    `exact_rows` bounds it for a search without a filter, where `reach` is `wanted`.
    """
    plain = effort_of(wanted, size)
    return min(exact_rows, GRAPH_COST * plain) * effort_of(reach, size) / plain


def _places(sorted_ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the wanted ids stand; those that are not there are left out."""
    places = np.searchsorted(sorted_ids, wanted)
    there = places < len(sorted_ids)
    there[there] = sorted_ids[places[there]] == wanted[there]
    return places[there]
