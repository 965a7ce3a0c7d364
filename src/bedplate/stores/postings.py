"""An inverted index in arrays, and BM25 over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.terms import K1, B, TermVector

MERGE_AT = 8

Flags = NDArray[np.bool_]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings of a run of rows, sorted by term, then row.

    Term `ids[i]` occurs in rows `rows[starts[i]:starts[i + 1]]`, `counts[...]` times each.
    """

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]

    def find(self, term: int) -> slice:
        place = int(np.searchsorted(self.ids, term))
        if place == len(self.ids) or int(self.ids[place]) != term:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))

    @staticmethod
    def sort(
        terms: NDArray[np.uint32], rows: NDArray[np.int32], counts: NDArray[np.uint16]
    ) -> "Segment":
        order = np.argsort(terms, kind="stable")
        ids, first = np.unique(terms[order], return_index=True)
        starts = np.append(first, len(terms)).astype(np.int64)
        return Segment(ids, starts, rows[order], counts[order])


@dataclass(frozen=True, slots=True)
class Postings:
    """The postings of rows 0 to len(lengths) - 1; `lengths` counts the terms of each row."""

    segments: tuple[Segment, ...]
    lengths: NDArray[np.float32]

    @staticmethod
    def empty() -> "Postings":
        return Postings((), np.zeros(0, dtype=np.float32))

    def extended(self, added: Sequence[TermVector]) -> "Postings":
        """These and the rows of `added` after them. The first segment is left as it is."""
        if not added:
            return self
        first = len(self.lengths)
        sizes = [len(terms.ids) for terms in added]
        rows = np.repeat(np.arange(first, first + len(added), dtype=np.int32), sizes)
        segment = Segment.sort(
            np.concatenate([terms.ids for terms in added]),
            rows,
            np.concatenate([terms.counts for terms in added]),
        )
        lengths = np.asarray([terms.length for terms in added], dtype=np.float32)
        segments = (*self.segments, segment)
        if len(segments) > MERGE_AT:
            segments = (segments[0], _merge(segments[1:]))
        return Postings(segments, np.concatenate([self.lengths, lengths]))

    def kept(self, renumbered: NDArray[np.int32]) -> "Postings":
        """One segment of the rows whose new number is not -1; the new numbers keep the order."""
        lengths = self.lengths[renumbered >= 0]
        if not self.segments:
            return Postings((), lengths)
        whole = _merge(self.segments)
        rows = renumbered[whole.rows]
        keep = rows >= 0
        terms = np.repeat(whole.ids, np.diff(whole.starts))[keep]
        return Postings((Segment.sort(terms, rows[keep], whole.counts[keep]),), lengths)

    def damping(self, alive: Flags) -> Scores:
        """BM25's share of a row's length in its score, for every row; the mean is of live rows."""
        live = self.lengths[alive]
        mean = (float(live.mean()) if len(live) else 0.0) or 1.0
        return (K1 * (1 - B + B * self.lengths / mean)).astype(np.float32)

    def bm25(self, query: TermVector, alive: Flags, live: int, damping: Scores) -> Scores:
        """The score of every row, 0.0 without any query term.

        Only the `live` rows that are `alive` count as documents; `damping` is `damping(alive)`.
        """
        scores = np.zeros(len(self.lengths), dtype=np.float32)
        if live == 0:
            return scores
        total, whole = live, live == len(alive)
        for term, weight in zip(query.ids.tolist(), query.counts.tolist(), strict=True):
            found = [(segment, segment.find(term)) for segment in self.segments]
            frequency = sum(
                place.stop - place.start if whole else int(alive[s.rows[place]].sum())
                for s, place in found
            )
            if frequency == 0:
                continue
            factor = weight * (K1 + 1) * np.log1p((total - frequency + 0.5) / (frequency + 0.5))
            for segment, place in found:
                rows = segment.rows[place]
                counts = segment.counts[place].astype(np.float32)
                # A term occurs once in the list of a row, so no row is written twice.
                scores[rows] += np.float32(factor) * counts / (counts + damping[rows])
        if not whole:
            scores[~alive] = 0.0
        return scores


def _merge(segments: Sequence[Segment]) -> Segment:
    return Segment.sort(
        np.concatenate([np.repeat(s.ids, np.diff(s.starts)) for s in segments]),
        np.concatenate([s.rows for s in segments]),
        np.concatenate([s.counts for s in segments]),
    )
