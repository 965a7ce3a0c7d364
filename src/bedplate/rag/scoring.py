"""Exact scores for candidates that a store only nominated, from what the catalog keeps of them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Scope
from bedplate.embedders.protocol import Matrix
from bedplate.state.protocol import IndexRow, IndexRows
from bedplate.stores.protocol import Candidate, Candidates, Store, StoreQuery
from bedplate.terms import TermStatistics, bm25


async def nominate(index: IndexRows, store: Store, scope: Scope, query: StoreQuery) -> Candidates:
    """The store's candidates with exact scores and vectors, whether it scores by itself or not.

    They come in the order of their chunk ids, so that nothing later depends on the store's order.
    """
    if store.abilities.scores:
        return _in_order(await store.search(scope, query))
    statistics = await index.statistics(scope, query.terms)
    found = await store.search(scope, replace(query, idf=statistics.idf()))
    rows = await index.rows(scope, [item.chunk_id for item in found.items])
    return _in_order(score(found, rows, query, statistics))


def _in_order(found: Candidates) -> Candidates:
    order = sorted(range(len(found.items)), key=lambda n: found.items[n].chunk_id)
    vectors = None if found.vectors is None else found.vectors[order]
    return Candidates(tuple(found.items[n] for n in order), found.recall, vectors)


def score(
    found: Candidates,
    rows: Mapping[ChunkId, IndexRow],
    query: StoreQuery,
    statistics: TermStatistics,
) -> Candidates:
    """Both scores of every candidate that the catalog still has, as a store that scores gives them.

    Of a leg that the query leaves out nothing is kept, and a keyword search keeps no candidate
    without a term of the query.
    """
    idf, mean = statistics.idf(), statistics.mean_length
    scored: list[Candidate] = []
    vectors: list[Matrix] = []
    for candidate in found.items:
        row = rows.get(candidate.chunk_id)
        if row is None:
            continue
        keyword = bm25(query.terms, idf, row.terms, mean)
        cosine = None if query.vector is None else float(row.vector @ query.vector)
        if query.mode == "keyword" and not keyword:
            continue
        scored.append(Candidate(candidate.chunk_id, cosine, keyword))
        vectors.append(row.vector)
    kept = np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)
    return Candidates(tuple(scored), found.recall, kept)
