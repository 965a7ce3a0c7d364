"""Search: the store nominates, the order is made here, the same for every store."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bedplate.domain.filters import And, Filter
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Collection, Mode, Recall, Scope, SearchResult, Sort
from bedplate.domain.tables import BusinessTable
from bedplate.embedders.protocol import Embedder, LateVectors, Matrix
from bedplate.errors import Conflict, InvalidInput, UpstreamTimeout
from bedplate.rag import diversity, recency
from bedplate.rag.asked import Asked
from bedplate.rag.current import in_force, names_time, related_hits
from bedplate.rag.late import max_sim, weights
from bedplate.rag.lowering import lower
from bedplate.rag.ranking import Scores, fused, mixed, smoothed
from bedplate.rag.rerank import rerank
from bedplate.rag.scoring import nominate
from bedplate.rerankers.protocol import Reranker
from bedplate.state.protocol import Catalog
from bedplate.stores.filters import parse_filter
from bedplate.stores.joins import parse_join
from bedplate.stores.protocol import Candidate, Candidates, Store, StoreQuery
from bedplate.terms import TermVector

MAX_QUERY_CHARACTERS = 20_000
SPARE = 3
"""How many times the wanted hits are looked at where copies are left out."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search.

    `filter` is JSON (text or parsed) or an expression, checked against the collection's schema.
    `join` narrows by declared business tables, `{table: condition}`: some row of each must belong
    to the document and meet the condition, which names columns in either notation of filters.
    Without `text` filter and join alone select, one hit a document. `sort` puts everything that passes
    the filter in the order of a field instead of by relevance; `text` must then be empty.
    `unique` leaves out copies of a better hit, `current` documents of which there is a newer
    version, unless the filter chooses by date. `diversity` stands in for the configured one, where
    hybrid search makes use of it. `deadline` is on the event loop's clock.

    `self_query` lets the conditions and the order that `text` speaks of become filter and sort;
    what is left of the text is searched for. Where nothing is left, the documents that pass are
    the hits, or, `by_relevance`, the passages of theirs that fit the whole text. `narrowed` is a
    filter that must hold as well as `filter`.
    """

    text: str = ""
    mode: Mode = "hybrid"
    filter: str | Mapping[str, object] | None = None
    sort: Sort | None = None
    limit: int = 10
    unique: bool = False
    current: bool = False
    diversity: float | None = None
    deadline: float | None = None
    self_query: bool = False
    by_relevance: bool = False
    narrowed: Mapping[str, object] | None = None
    join: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """How candidates are found and put in order.

    `candidates` is the size of each leg. `late_top` candidates are compared token by token in
    collections of up to `late_chunks` chunks; 0 switches that off. `smoothing` is how far a score
    moves towards those of similar passages; 0 switches that off. A reranker, where there is one,
    reads the best `rerank_top` hits. `recency` is how much the date counts for a question that asks
    for what is current, `diversity` how much a hit loses for resembling one before it; 0 switches
    either off. No search gives more than `max_limit` hits.
    """

    candidates: int = 100
    keyword_weight: float = 0.4
    late_top: int = 80
    late_chunks: int = 100_000
    late_weight: float = 0.4
    smoothing: float = 0.3
    rerank_top: int = 20
    rerank_weight: float = 0.7
    recency: float = 0.5
    diversity: float = 0.0
    max_limit: int = 1_000


@dataclass(frozen=True, slots=True)
class _Ranked:
    chunks: list[tuple[ChunkId, float]]
    candidates: Mapping[ChunkId, Candidate]
    recall: Recall
    vectors: Mapping[ChunkId, Matrix] = field(default_factory=dict[ChunkId, Matrix])


class Retrieve:
    """Finds passages of one collection."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedder: Embedder,
        reranker: Reranker | None = None,
        *,
        ranking: Ranking,
        tables: Mapping[str, BusinessTable] | None = None,
        former: Embedder | None = None,
    ) -> None:
        """`former` embeds the questions to collections that were made with it."""
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self._former = former
        self._reranker = reranker
        self._ranking = ranking
        self._tables = tables or {}

    def asked(self, text: str) -> Asked:
        """The vectors of a text, for several searches with it."""
        return Asked(text)

    async def search(
        self, scope: Scope, request: SearchRequest, asked: Asked | None = None
    ) -> SearchResult:
        """Hits, best first; equal requests on equal data give equal answers.

        `asked` is the request's text, where its vectors are shared with other searches.

        Raises:
            NotFound: there is no such collection.
            BadFilter: filter or join does not parse, or does not fit the schema or the store.
            InvalidInput: nothing to search for, or a limit out of bounds.
            Conflict: the collection belongs to another embedder.
            UpstreamError: the reranker failed.
            UpstreamTimeout: not done by the deadline.
        """
        self._check(request)
        try:
            async with asyncio.timeout_at(request.deadline):
                return await self._search(scope, request, asked or self.asked(request.text))
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"Collection {scope.collection!r} was not searched by the deadline.",
                provider="search",
            ) from error

    async def _search(self, scope: Scope, request: SearchRequest, asked: Asked) -> SearchResult:
        started = time.perf_counter()
        collection = await self._catalog.collections.get(scope)
        filter = self._filter(collection, request)
        ranked = await (
            self._ranked(collection, request, filter, asked)
            if request.text.strip()
            else self._scanned(collection.index, request, filter)
        )
        hybrid = request.mode == "hybrid" and bool(ranked.candidates)
        reread = self._reranker is not None and hybrid
        time_wanted = recency.wanted(request.text) if hybrid and self._ranking.recency else None
        chosen = request.diversity
        weight = self._ranking.diversity if chosen is None else chosen
        varied = hybrid and weight > 0
        window = max(
            request.limit * SPARE * (request.unique or request.current),
            self._ranking.rerank_top * reread,
            recency.WINDOW * (time_wanted is not None),
            diversity.WINDOW * varied,
        )
        best = dict(ranked.chunks[: max(request.limit, window)])
        hits = [
            replace(hit, cosine=found.cosine, bm25=found.bm25)
            if (found := ranked.candidates.get(hit.chunk_id))
            else hit
            for hit in await self._catalog.documents.hits(collection.index, best)
        ]
        ids = [hit.document_id for hit in hits]
        hits = related_hits(hits, await self._catalog.profiles.related(collection.index, ids))
        if request.current and not names_time(filter):
            hits = in_force(hits)
        if request.unique:
            hits = diversity.without_copies(hits)
        if self._reranker is not None and reread:
            hits = await rerank(
                self._reranker, request.text, hits, top=self._ranking.rerank_top,
                weight=self._ranking.rerank_weight, deadline=request.deadline,
            )  # fmt: skip
        if time_wanted is not None:
            hits = recency.prefer_newer(hits, time_wanted, self._ranking.recency)
        if varied:
            hits = diversity.diverse(hits, ranked.vectors, weight, request.limit)
        hits = hits[: request.limit]
        took_ms = (time.perf_counter() - started) * 1000
        return SearchResult(tuple(hits), request.mode, ranked.recall, round(took_ms, 3))

    def _check(self, request: SearchRequest) -> None:
        if not 1 <= request.limit <= self._ranking.max_limit:
            raise InvalidInput(
                f"limit is {request.limit}; it must be 1 to {self._ranking.max_limit}.",
                param="limit",
            )
        if request.diversity is not None and not 0 <= request.diversity < 1:
            raise InvalidInput(
                f"diversity is {request.diversity}; it must be 0 or more and below 1.",
                param="diversity",
            )
        if len(request.text) > MAX_QUERY_CHARACTERS:
            raise InvalidInput(
                f"The query has {len(request.text)} characters; at most {MAX_QUERY_CHARACTERS} "
                "are searched for.",
                param="query",
            )
        if request.text.strip() and request.sort is not None:
            raise InvalidInput(
                "sort orders by a field, a query by relevance: give one of them, and put the "
                "condition into the filter.",
                param="sort",
            )
        conditions = (request.filter, request.narrowed, request.join, request.sort)
        if not request.text.strip() and all(each is None for each in conditions):
            raise InvalidInput("Give a query, a filter or a sort.", param="query")

    def _filter(self, collection: Collection, request: SearchRequest) -> Filter | None:
        if request.text.strip() and request.mode != "keyword":
            self._embedder_of(collection)
        if request.sort is not None and request.sort.field not in collection.fields:
            known = ", ".join(sorted(collection.fields)) or "none"
            raise InvalidInput(
                f"Cannot sort by {request.sort.field!r}: no document has it. Fields: {known}.",
                param="sort",
            )
        written = [each for each in (request.filter, request.narrowed) if each is not None]
        clauses = [parse_filter(each, collection.fields) for each in written]
        if request.join is not None:
            clauses.extend(parse_join(request.join, self._tables, collection.fields))
        return And(tuple(clauses)) if len(clauses) > 1 else next(iter(clauses), None)

    async def _ranked(
        self, collection: Collection, request: SearchRequest, filter: Filter | None, asked: Asked
    ) -> _Ranked:
        # Not by its name: that may go to another index while this search runs.
        scope = collection.index
        late = await self._question(collection, request, asked)
        vector = None if late is None else late.vector
        query = StoreQuery(
            mode=request.mode,
            terms=TermVector.of(request.text),
            vector=vector,
            # One leg alone is not put into another order, so no more than the hits are wanted.
            limit=max(self._ranking.candidates * (request.mode == "hybrid"), request.limit),
            filter=await self._lowered(scope, filter),
        )
        found = await nominate(self._catalog.index, self._store, scope, query)
        match request.mode:
            case "hybrid":
                scores = await self._hybrid(scope, found, late)
            case "vector":
                scores = np.asarray([item.cosine or 0.0 for item in found.items])
            case "keyword":
                scores = np.asarray([item.bm25 or 0.0 for item in found.items])
        ids = [item.chunk_id for item in found.items]
        pairs = zip(ids, scores.tolist(), strict=True)
        return _Ranked(
            sorted(pairs, key=lambda pair: (-pair[1], pair[0])),
            {item.chunk_id: item for item in found.items},
            found.recall,
            {} if found.vectors is None else dict(zip(ids, found.vectors, strict=True)),
        )

    async def _question(
        self, collection: Collection, request: SearchRequest, asked: Asked
    ) -> LateVectors | None:
        """The question as the mode needs it; without tokens where none are compared."""
        if request.mode == "keyword":
            return None
        ranking = self._ranking
        late = ranking.late_top > 0 and collection.chunks <= ranking.late_chunks
        embedder = self._embedder_of(collection)
        return await asked.vectors(embedder, tokens=late and request.mode == "hybrid")

    def _embedder_of(self, collection: Collection) -> Embedder:
        for embedder in filter(None, (self._embedder, self._former)):
            if embedder.fingerprint == collection.embedder:
                return embedder
        raise Conflict(
            f"Collection {collection.name!r} was made with embedder {collection.embedder!r}; the "
            f"configured one is {self._embedder.fingerprint!r}. Run `bedplate reindex -c "
            f"{collection.name}`, configure the former embedder, or search with mode keyword."
        )

    async def _lowered(self, scope: Scope, filter: Filter | None) -> Filter | None:
        if filter is None:
            return None

        async def find(leaf: Filter, limit: int) -> tuple[DocumentId, ...]:
            chunks = await self._catalog.index.scan(scope, filter=leaf, sort=None, limit=limit)
            return tuple(DocumentId(chunk.rpartition("#")[0]) for chunk in chunks)

        return await lower(filter, self._store.abilities, find)

    async def _hybrid(self, scope: Scope, found: Candidates, late: LateVectors | None) -> Scores:
        ranking = self._ranking
        scores = fused(
            np.asarray([item.bm25 or 0.0 for item in found.items]),
            np.asarray([item.cosine or 0.0 for item in found.items]),
            ranking.keyword_weight,
        )
        if late is not None and len(late.tokens):
            scores = await self._late(scope, found, scores, late)
        if ranking.smoothing and found.vectors is not None:
            scores = smoothed(scores, found.vectors, ranking.smoothing)
        return scores

    async def _late(
        self, scope: Scope, found: Candidates, scores: Scores, late: LateVectors
    ) -> Scores:
        ids = [item.chunk_id for item in found.items]
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        top = order[: self._ranking.late_top]
        tokens = await self._catalog.index.tokens(scope, [ids[n] for n in top])
        if len(tokens) < len(top):
            # Kept for a part of them only: a comparison would favour that part.
            return scores
        unique, counts = np.unique(late.terms, return_counts=True)
        terms = TermVector(unique, counts.astype(np.uint16))
        weight = weights(late, terms, await self._catalog.index.statistics(scope, terms))
        sims = max_sim(late.tokens, weight, [tokens[ids[n]] for n in top])
        return mixed(scores, sims, top, self._ranking.late_weight)

    async def _scanned(
        self, scope: Scope, request: SearchRequest, filter: Filter | None
    ) -> _Ranked:
        chunks = await self._catalog.index.scan(
            scope, filter=filter, sort=request.sort, limit=request.limit
        )
        return _Ranked([(chunk, 0.0) for chunk in chunks], {}, "exact")
