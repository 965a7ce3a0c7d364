"""Vectors in memory: an HNSW graph over the older rows and a plain matrix of the newer ones.

HNSW: Malkov and Yashunin 2016, arXiv:1603.09320, by faiss; vectors in it are kept as float16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import Matrix

NEIGHBOURS = 32
BUILD_EFFORT = 80
SEARCH_EFFORT = 256
DECODED_ROWS = 16_384

_faiss: Any = faiss

RowNumbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors of rows 0 to size - 1. `graph` holds the first `indexed`, `recent` the rest."""

    dimensions: int
    graph: Any
    indexed: int
    recent: tuple[Matrix, ...]

    @staticmethod
    def empty(dimensions: int) -> "Vectors":
        return Vectors(dimensions, None, 0, ())

    @property
    def size(self) -> int:
        return self.indexed + sum(len(part) for part in self.recent)

    def extended(self, added: Matrix) -> "Vectors":
        if not len(added):
            return self
        return Vectors(self.dimensions, self.graph, self.indexed, _compact((*self.recent, added)))

    def cosines(self, query: Matrix, rows: RowNumbers) -> Matrix:
        """The cosine of each row named, in that order."""
        scores = np.empty(len(rows), dtype=np.float32)
        old = rows < self.indexed
        if old.any():
            wanted = rows[old]
            parts = [
                self._decode(wanted[i : i + DECODED_ROWS]) @ query
                for i in range(0, len(wanted), DECODED_ROWS)
            ]
            scores[old] = np.concatenate(parts)
        scores[~old] = self._newest(query)[rows[~old] - self.indexed]
        return scores

    def all_cosines(self, query: Matrix) -> Matrix:
        """The cosine of every row."""
        if not self.indexed:
            return self._newest(query)
        return self.cosines(query, np.arange(self.size))

    def nearest(self, query: Matrix, count: int) -> tuple[RowNumbers, Matrix]:
        """About `count` rows near the query from the graph, and all newer rows, with cosines."""
        effort = _faiss.SearchParametersHNSW(efSearch=max(SEARCH_EFFORT, 2 * count))
        scores, rows = self.graph.search(query[None], min(count, self.indexed), params=effort)
        found = rows[0] >= 0
        newest = np.arange(self.indexed, self.size)
        return (
            np.concatenate([rows[0][found], newest]),
            np.concatenate([scores[0][found], self._newest(query)]),
        )

    def rebuilt(self, rows: RowNumbers) -> "Vectors":
        """A graph over just these rows, in that order; takes seconds to minutes."""
        graph = _faiss.IndexHNSWSQ(
            self.dimensions, _faiss.ScalarQuantizer.QT_fp16, NEIGHBOURS, _faiss.METRIC_INNER_PRODUCT
        )
        graph.hnsw.efConstruction = BUILD_EFFORT
        for start in range(0, len(rows), DECODED_ROWS):
            part = self._take(rows[start : start + DECODED_ROWS])
            if start == 0:
                graph.train(part)
            graph.add(part)
        return Vectors(self.dimensions, graph, len(rows), ())

    def save(self, path: Path) -> None:
        _faiss.write_index(self.graph, str(path))

    @staticmethod
    def load(path: Path) -> "Vectors":
        graph = _faiss.read_index(str(path))
        return Vectors(int(graph.d), graph, int(graph.ntotal), ())

    def _take(self, rows: RowNumbers) -> Matrix:
        taken = np.empty((len(rows), self.dimensions), dtype=np.float32)
        old = rows < self.indexed
        if old.any():
            taken[old] = self._decode(rows[old])
        if not old.all():
            taken[~old] = np.concatenate(self.recent)[rows[~old] - self.indexed]
        return taken

    def _decode(self, rows: RowNumbers) -> Matrix:
        return cast(Matrix, self.graph.reconstruct_batch(np.ascontiguousarray(rows)))

    def _newest(self, query: Matrix) -> Matrix:
        if not self.recent:
            return np.zeros(0, dtype=np.float32)
        return np.concatenate([part @ query for part in self.recent])


def _compact(parts: Sequence[Matrix]) -> tuple[Matrix, ...]:
    """Join neighbours of like size, so that many small writes leave few parts."""
    joined = list(parts)
    while len(joined) > 1 and len(joined[-2]) < 2 * len(joined[-1]):
        last = joined.pop()
        joined[-1] = np.concatenate([joined[-1], last])
    return tuple(joined)
