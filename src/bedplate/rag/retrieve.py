"""Search: the store nominates, the order is made here, the same for every store."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bedplate.conditions.filters import parse_filter
from bedplate.domain.filters import And, Filter
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Collection, Hit, Mode, Scope, SearchResult
from bedplate.domain.tables import BusinessTable
from bedplate.embedders.protocol import Embedder, LateVectors, TokenMatrix
from bedplate.errors import Conflict, InvalidInput, UpstreamTimeout
from bedplate.rag import diversity, recency
from bedplate.rag.asked import Asked
from bedplate.rag.current import in_force, names_time, related_hits
from bedplate.rag.late import max_sim, weights
from bedplate.rag.lowering import lower
from bedplate.rag.pool import Pool
from bedplate.rag.ranking import Scores, fused, mixed, smoothed
from bedplate.rag.rerank import rerank
from bedplate.rag.scoring import nominate
from bedplate.rag.search_request import SearchRequest
from bedplate.rerankers.protocol import Reranker
from bedplate.state.protocol import Catalog
from bedplate.stores.joins import parse_join
from bedplate.stores.protocol import Candidates, Store, StoreQuery
from bedplate.terms import TermVector

MAX_QUERY_CHARACTERS = 20_000
FIRST = 10
"""How many a search by one leg alone looks at, before it looks for more."""

DEEPER = 10
"""How many times as many are looked at where a page reaches beyond those."""

SPARE = 3
"""How many times the wanted hits are looked at where copies are left out."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How candidates are found and put in order.

    `candidates` is the size of each leg; pages beyond those take more, in an order after theirs. `late_top` candidates are compared token by token in
    collections of up to `late_chunks` chunks; 0 switches that off. `smoothing` is how far a score
    moves towards those of similar passages; 0 switches that off. A reranker, where there is one,
    reads the best `rerank_top` hits. `recency` is how much the date counts for a question that asks
    for what is current, `diversity` how much a hit loses for resembling one before it; 0 switches
    either off. No search gives more than `max_limit` hits, and no page reaches further.
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
class _Second:
    """What looks at the best a second time, each at so many, however long the page is."""

    reread: int = 0
    time: recency.Wanted | None = None
    diversity: float = 0.0

    @property
    def window(self) -> int:
        return max(
            self.reread,
            recency.WINDOW * (self.time is not None),
            diversity.WINDOW * (self.diversity > 0),
        )


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
        self.check(request)
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
        filter = self.filter_of(collection, request)
        ranked = await (
            self._ranked(collection, request, filter, asked)
            if request.text.strip()
            else self._scanned(collection.index, request, filter)
        )
        current = request.current and not names_time(filter)
        hits = await self._page(collection, request, ranked, current=current)
        took_ms = (time.perf_counter() - started) * 1000
        # As its users know it: the index has a name of its own.
        named = tuple(replace(hit, collection=scope.collection) for hit in hits)
        return SearchResult(named, request.mode, ranked.recall, round(took_ms, 3))

    async def _page(
        self, collection: Collection, request: SearchRequest, ranked: Pool, *, current: bool
    ) -> list[Hit]:
        """The wanted part of the order, once the best have been put into another by their text."""
        second, scope = self._second(request), collection.index
        depth = request.offset + request.limit
        thinned = request.unique or current
        # What is behind all that moves is where it was: nothing before it need be read.
        start = request.offset if request.offset >= second.window and not thinned else 0
        end = max(depth * (SPARE if thinned else 1), second.window)
        hits = [
            replace(
                hit,
                cosine=found.cosine,
                bm25=found.bm25,
                indexed=ranked.indexed(hit, collection.embedder),
            )
            if (found := ranked.candidates.get(hit.chunk_id))
            else hit
            for hit in await self._catalog.documents.hits(scope, dict(ranked.chunks[start:end]))
        ]
        ids = [hit.document_id for hit in hits]
        hits = related_hits(hits, await self._catalog.profiles.related(scope, ids))
        if start:
            return hits[: request.limit]
        if current:
            hits = in_force(hits)
        if request.unique:
            hits = diversity.without_copies(hits)
        if self._reranker is not None and second.reread:
            hits = await rerank(
                self._reranker, request.text, hits, top=self._ranking.rerank_top,
                weight=self._ranking.rerank_weight, deadline=request.deadline,
            )  # fmt: skip
        if second.time is not None:
            hits = recency.prefer_newer(hits, second.time, self._ranking.recency)
        if second.diversity:
            hits = diversity.diverse(hits, ranked.vectors, second.diversity, depth)
        return hits[request.offset : depth]

    def _second(self, request: SearchRequest) -> _Second:
        if request.mode != "hybrid" or not request.text.strip():
            return _Second()
        chosen = request.diversity
        return _Second(
            reread=self._ranking.rerank_top * (request.rerank and self._reranker is not None),
            time=recency.wanted(request.text) if self._ranking.recency else None,
            diversity=self._ranking.diversity if chosen is None else chosen,
        )

    @property
    def max_limit(self) -> int:
        return self._ranking.max_limit

    def check(self, request: SearchRequest) -> None:
        """InvalidInput for a request that no collection could answer."""
        most = self._ranking.max_limit
        if not 1 <= request.limit <= most:
            raise InvalidInput(f"limit is {request.limit}; it must be 1 to {most}.", param="limit")
        if not 0 <= request.offset <= most - request.limit:
            raise InvalidInput(
                f"offset is {request.offset} and limit {request.limit}; the offset must be 0 or "
                f"more, and both together at most {most}: to see what comes later, narrow the "
                "search by a filter.",
                param="offset",
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

    def filter_of(self, collection: Collection, request: SearchRequest) -> Filter | None:
        """What the hits of a request have to pass, all of its conditions together.

        BadFilter, InvalidInput or Conflict where the request does not fit the collection.
        """
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
    ) -> Pool:
        # Not by its name: that may go to another index while this search runs.
        scope = collection.index
        late = await self._question(collection, request, asked)
        vector = None if late is None else late.vector
        query = StoreQuery(
            mode=request.mode,
            terms=TermVector.of(request.text),
            vector=vector,
            limit=self._ranking.candidates if request.mode == "hybrid" else FIRST,
            filter=await self._lowered(scope, filter),
        )
        wanted = max(request.offset + request.limit, self._second(request).window)
        ranked = Pool()
        while True:
            found = await nominate(self._catalog.index, self._store, scope, query)
            scores, tokens = await self._scores(scope, found, request.mode, late)
            ranked = ranked.followed_by(found, scores, tokens)
            whole = len(found.items) < query.limit or query.limit >= self._ranking.max_limit
            if whole or len(ranked.chunks) >= wanted:
                return ranked
            # In fixed steps: an order by as many as are wanted now would not be that of others.
            query = replace(query, limit=min(query.limit * DEEPER, self._ranking.max_limit))

    async def _scores(
        self, scope: Scope, found: Candidates, mode: Mode, late: LateVectors | None
    ) -> tuple[Scores, Mapping[ChunkId, TokenMatrix]]:
        """The candidates' scores, and the token vectors that were compared for them."""
        match mode:
            case "hybrid":
                return await self._hybrid(scope, found, late)
            case "vector":
                return np.asarray([item.cosine or 0.0 for item in found.items]), {}
            case "keyword":
                return np.asarray([item.bm25 or 0.0 for item in found.items]), {}

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

    async def _hybrid(
        self, scope: Scope, found: Candidates, late: LateVectors | None
    ) -> tuple[Scores, Mapping[ChunkId, TokenMatrix]]:
        ranking = self._ranking
        tokens: Mapping[ChunkId, TokenMatrix] = {}
        scores = fused(
            np.asarray([item.bm25 or 0.0 for item in found.items]),
            np.asarray([item.cosine or 0.0 for item in found.items]),
            ranking.keyword_weight,
        )
        if late is not None and len(late.tokens):
            scores, tokens = await self._late(scope, found, scores, late)
        if ranking.smoothing and found.vectors is not None:
            scores = smoothed(scores, found.vectors, ranking.smoothing)
        return scores, tokens

    async def _late(
        self, scope: Scope, found: Candidates, scores: Scores, late: LateVectors
    ) -> tuple[Scores, Mapping[ChunkId, TokenMatrix]]:
        ids = [item.chunk_id for item in found.items]
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        top = order[: self._ranking.late_top]
        tokens = await self._catalog.index.tokens(scope, [ids[n] for n in top])
        if len(tokens) < len(top):
            # Kept for a part of them only: a comparison would favour that part.
            return scores, tokens
        unique, counts = np.unique(late.terms, return_counts=True)
        terms = TermVector(unique, counts.astype(np.uint16))
        weight = weights(late, terms, await self._catalog.index.statistics(scope, terms))
        sims = max_sim(late.tokens, weight, [tokens[ids[n]] for n in top])
        return mixed(scores, sims, top, self._ranking.late_weight), tokens

    async def _scanned(self, scope: Scope, request: SearchRequest, filter: Filter | None) -> Pool:
        chunks = await self._catalog.index.scan(
            scope, filter=filter, sort=request.sort, limit=request.offset + request.limit
        )
        return Pool([(chunk, 0.0) for chunk in chunks])
