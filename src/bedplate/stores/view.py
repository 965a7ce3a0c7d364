"""One collection as a reader holds it in memory: immutable, so searches need no lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Recall
from bedplate.embedders.protocol import Matrix
from bedplate.stores.postings import Flags, Postings
from bedplate.stores.protocol import StoreQuery
from bedplate.stores.vectors import NEIGHBOURS, RowNumbers, Vectors
from bedplate.terms import TermVector


@dataclass(frozen=True, slots=True)
class Found:
    """Row numbers in order of row, each with both scores."""

    rows: RowNumbers
    vectors: Matrix
    cosine: Matrix | None
    bm25: Matrix
    recall: Recall


class AddedRow(NamedTuple):
    """A row of the catalog, new to a view. `embedding` is float16, `terms` a TermVector's bytes."""

    chunk: int
    document: int
    name: ChunkId
    embedding: bytes
    terms: bytes


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

    def rebuilt(self) -> "View":
        """The same rows without the dead ones, all of them in a graph."""
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
            self.vectors.rebuilt(rows),
            self.postings.kept(renumbered),
        )

    def wants_rebuild(self, exact_rows: int) -> bool:
        """Whether enough changed since the graph was made that a new one pays."""
        live = int(np.count_nonzero(self.alive))
        if live <= exact_rows:
            return False
        stale = self.vectors.size - self.vectors.indexed + len(self.alive) - live
        return stale > max(exact_rows // 2, live // 4)

    def search(self, query: StoreQuery, passing: Flags | None, *, exact_rows: int) -> Found:
        """Both legs over live rows, and of those the ones that `passing` marks, where it is given.

        Up to `exact_rows` rows, and under any filter, every vector is compared.
        """
        passes = self.alive if passing is None else self.alive & passing
        bm25 = self.postings.bm25(query.terms, self.alive)
        recall: Recall = "exact"
        legs: list[RowNumbers] = []
        if query.mode != "vector":
            legs.append(_best(np.flatnonzero(passes & (bm25 > 0)), bm25, query.limit))
        if query.mode != "keyword" and query.vector is not None:
            live = int(np.count_nonzero(passes))
            if passing is None and self.vectors.indexed and live > exact_rows:
                recall = "ann"
            near = self._near(query.vector, query.limit, passes, recall)
            if recall == "ann" and len(near) < min(query.limit, live):
                # Most of what the graph holds near the query is dead.
                recall = "exact"
                near = self._near(query.vector, query.limit, passes, recall)
            legs.append(near)
        rows = np.unique(np.concatenate(legs)) if legs else np.zeros(0, dtype=np.int64)
        vectors = self.vectors.take(rows)
        # Not `@`: its library starts threads that cost more than they bring at this size.
        cosine = None if query.vector is None else np.einsum("ij,j->i", vectors, query.vector)
        return Found(rows, vectors, cosine, bm25[rows], recall)

    def _near(self, vector: Matrix, limit: int, passes: Flags, recall: Recall) -> RowNumbers:
        look = self.vectors.exact if recall == "exact" else self.vectors.sampled
        # Twice as many, so that those which tie with the last are known.
        rows, scores = look(vector, passes, 2 * limit)
        order = _best(np.arange(len(rows)), scores, limit)
        return rows[order]


def _best(rows: RowNumbers, scores: Matrix, limit: int) -> RowNumbers:
    """The `limit` rows with the highest scores, and those that tie with the last (up to double)."""
    if len(rows) <= limit:
        return rows
    values = scores[rows]
    bound = np.partition(values, len(values) - limit)[len(values) - limit]
    above, level = rows[values > bound], rows[values == bound]
    return np.concatenate([above, level[: 2 * limit - len(above)]])


def _places(sorted_ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the wanted ids stand; those that are not there are left out."""
    places = np.searchsorted(sorted_ids, wanted)
    there = places < len(sorted_ids)
    there[there] = sorted_ids[places[there]] == wanted[there]
    return places[there]
