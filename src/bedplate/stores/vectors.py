"""Vectors in memory as float16: an HNSW graph over the older rows, flat parts of the newer ones.

HNSW: Malkov and Yashunin 2016, arXiv:1603.09320. Graph and flat scans are faiss's
(https://github.com/facebookresearch/faiss). No array here is changed once it is part of a
`Vectors`, so readers need no lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import Matrix

NEIGHBOURS = 32
BUILD_EFFORT = 80
SEARCH_EFFORT = 128
"""Enough for a recall of .99 among `EASY_SIZE` vectors."""
EASY_SIZE = 100_000
EFFORT_GROWTH = 0.8
"""By which power of the size the effort must grow to keep that recall, measured to a million."""
ADDED_AT_ONCE = 16_384

_faiss: Any = faiss

RowNumbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Scored = tuple[RowNumbers, Matrix]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors of rows 0 to size - 1. `graph` holds the first `indexed`, `parts` the rest."""

    dimensions: int
    graph: Any
    indexed: int
    parts: tuple[Any, ...]

    @staticmethod
    def empty(dimensions: int) -> "Vectors":
        return Vectors(dimensions, None, 0, ())

    @property
    def size(self) -> int:
        return self.indexed + sum(int(part.ntotal) for part in self.parts)

    def extended(self, embeddings: bytes) -> "Vectors":
        """These and further rows, given as float16 vectors one after the other."""
        if not embeddings:
            return self
        codes = np.frombuffer(embeddings, dtype=np.uint8).reshape(-1, 2 * self.dimensions)
        added = _flat(self.dimensions)
        added.add_sa_codes(codes)
        return Vectors(self.dimensions, self.graph, self.indexed, _compact((*self.parts, added)))

    def exact(self, query: Matrix, passes: Flags | None, count: int, first: int = 0) -> Scored:
        """The `count` best of the rows that pass, every one of them compared.

        None stands for all rows; parts that end before row `first` are left out.
        """
        found: list[Scored] = []
        for start, flat in self._flats():
            end = start + int(flat.ntotal)
            scope = None if passes is None else passes[start:end]
            if end > first and (scope is None or scope.any()):
                rows, scores = _search_flat(flat, query, scope, count)
                found.append((rows + start, scores))
        return _joined(found)

    def sampled(self, query: Matrix, passes: Flags | None, count: int, reach: int) -> Scored:
        """Those that pass of about the `reach` nearest rows by the graph, and the best `count` of
        the newer ones.
        """
        effort = _faiss.SearchParametersHNSW(efSearch=effort_of(reach, self.indexed))
        scores, rows = self.graph.search(query[None], min(reach, self.indexed), params=effort)
        # -1 stands for "no more": it must not be taken for the last row.
        live = rows[0] >= 0
        if passes is not None:
            live &= passes[rows[0]]
        newer = self.exact(query, passes, count, first=self.indexed)
        return _joined([(rows[0][live], scores[0][live]), newer])

    def take(self, rows: RowNumbers) -> Matrix:
        """The vectors of the rows named, in that order."""
        taken = np.empty((len(rows), self.dimensions), dtype=np.float32)
        for start, flat in self._flats():
            here = (rows >= start) & (rows < start + int(flat.ntotal))
            if here.any():
                taken[here] = flat.reconstruct_batch(rows[here] - start)
        return taken

    def kept(self, rows: RowNumbers) -> "Vectors":
        """Just these rows, in that order, without a graph."""
        flat = _flat(self.dimensions)
        flat.add(self.take(rows))
        return Vectors(self.dimensions, None, 0, (flat,) if len(rows) else ())

    def indexed_anew(self, rows: RowNumbers) -> "Vectors":
        """A graph over just these rows, in that order; takes seconds to minutes."""
        graph = _faiss.IndexHNSWSQ(
            self.dimensions, _faiss.ScalarQuantizer.QT_fp16, NEIGHBOURS, _faiss.METRIC_INNER_PRODUCT
        )
        graph.hnsw.efConstruction = BUILD_EFFORT
        for start in range(0, len(rows), ADDED_AT_ONCE):
            part = self.take(rows[start : start + ADDED_AT_ONCE])
            if start == 0:
                graph.train(part)
            graph.add(part)
        return Vectors(self.dimensions, graph, len(rows), ())

    def save(self, path: Path) -> None:
        """Write the graph; there must be one."""
        _faiss.write_index(self.graph, str(path))

    @staticmethod
    def load(path: Path) -> "Vectors":
        graph = _faiss.read_index(str(path))
        return Vectors(int(graph.d), graph, int(graph.ntotal), ())

    def _flats(self) -> list[tuple[int, Any]]:
        """Each part as a flat index with its first row; the graph's own storage is one too."""
        flats: list[tuple[int, Any]] = []
        start = 0
        if self.graph is not None:
            flats.append((0, _faiss.downcast_index(self.graph.storage)))
            start = self.indexed
        for part in self.parts:
            flats.append((start, part))
            start += int(part.ntotal)
        return flats


def _flat(dimensions: int) -> Any:
    return _faiss.IndexScalarQuantizer(
        dimensions, _faiss.ScalarQuantizer.QT_fp16, _faiss.METRIC_INNER_PRODUCT
    )


def effort_of(reach: int, size: int) -> int:
    """HNSW's ef for a number of nearest rows in a graph of `size`."""
    grown = SEARCH_EFFORT * max(1.0, size / EASY_SIZE) ** EFFORT_GROWTH
    return max(int(grown), reach + reach // 2)


def _search_flat(flat: Any, query: Matrix, scope: Flags | None, count: int) -> Scored:
    if scope is None:
        scores, rows = flat.search(query[None], min(count, int(flat.ntotal)))
        return rows[0], scores[0]
    bits = np.packbits(scope, bitorder="little")
    only = _faiss.SearchParameters(sel=_faiss.IDSelectorBitmap(bits))
    wanted = min(count, int(np.count_nonzero(scope)))
    scores, rows = flat.search(query[None], wanted, params=only)
    return rows[0], scores[0]


def _joined(found: Sequence[Scored]) -> Scored:
    if not found:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    return np.concatenate([rows for rows, _ in found]), np.concatenate([s for _, s in found])


def _compact(parts: Sequence[Any]) -> tuple[Any, ...]:
    """Join neighbours of like size, so that many small writes leave few parts."""
    kept = list(parts)
    while len(kept) > 1 and int(kept[-2].ntotal) < 2 * int(kept[-1].ntotal):
        last, before = kept.pop(), kept.pop()
        joined = _flat(int(last.d))
        for part in (before, last):
            codes = _faiss.vector_to_array(part.codes).reshape(-1, int(part.code_size))
            joined.add_sa_codes(codes)
        kept.append(joined)
    return tuple(kept)
