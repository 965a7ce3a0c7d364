"""Search: both legs in the store, one order here."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bedplate.domain.filters import Filter
from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Mode, Recall, Scope, SearchResult, Sort
from bedplate.embedders.protocol import Embedder
from bedplate.errors import Conflict, InvalidInput
from bedplate.state.protocol import Catalog
from bedplate.stores.filters import parse_filter
from bedplate.stores.fusion import fuse, rank
from bedplate.stores.protocol import Candidate, Store, StoreQuery
from bedplate.terms import TermVector

MAX_QUERY_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search.

    `filter` is JSON (text or parsed) or an expression, checked against the collection's schema.
    Without `text` the filter alone selects, one hit a document. `sort` puts everything that passes
    the filter in the order of a field instead of by relevance; `text` must then be empty.
    """

    text: str = ""
    mode: Mode = "hybrid"
    filter: str | Mapping[str, object] | None = None
    sort: Sort | None = None
    limit: int = 10


class Retrieve:
    """Finds passages of one collection."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedder: Embedder,
        *,
        candidates: int,
        keyword_weight: float,
        max_limit: int,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self._candidates = candidates
        self._keyword_weight = keyword_weight
        self._max_limit = max_limit

    async def search(self, scope: Scope, request: SearchRequest) -> SearchResult:
        """Hits, best first; equal requests on equal data give equal answers.

        Raises:
            NotFound: there is no such collection.
            BadFilter: the filter does not parse, or does not fit the schema.
            InvalidInput: nothing to search for, or a limit out of bounds.
            Conflict: the collection belongs to another embedder.
        """
        started = time.perf_counter()
        self._check(request)
        filter = await self._filter(scope, request)
        ranked, recall = await (
            self._ranked(scope, request, filter)
            if request.text.strip()
            else self._scanned(scope, request, filter)
        )
        best = dict(list(ranked.items())[: request.limit])
        scores = {chunk: score for chunk, (score, _) in best.items()}
        hits = [
            replace(hit, cosine=found.cosine, bm25=found.bm25)
            if (found := best[hit.chunk_id][1])
            else hit
            for hit in await self._catalog.documents.hits(scope, scores)
        ]
        took_ms = (time.perf_counter() - started) * 1000
        return SearchResult(tuple(hits), request.mode, recall, round(took_ms, 3))

    def _check(self, request: SearchRequest) -> None:
        if not 1 <= request.limit <= self._max_limit:
            raise InvalidInput(
                f"limit is {request.limit}; it must be 1 to {self._max_limit}.", param="limit"
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
        if not request.text.strip() and request.filter is None and request.sort is None:
            raise InvalidInput("Give a query, a filter or a sort.", param="query")

    async def _filter(self, scope: Scope, request: SearchRequest) -> Filter | None:
        collection = await self._catalog.collections.get(scope)
        if request.text.strip() and request.mode != "keyword":
            found, own = collection.embedder, self._embedder.fingerprint
            if found != own:
                raise Conflict(
                    f"Collection {scope.collection!r} was made with embedder {found!r}; the "
                    f"configured one is {own!r}. Configure the former, ingest into a new "
                    "collection, or search with mode keyword."
                )
        if request.sort is not None and request.sort.field not in collection.fields:
            known = ", ".join(sorted(collection.fields)) or "none"
            raise InvalidInput(
                f"Cannot sort by {request.sort.field!r}: no document has it. Fields: {known}.",
                param="sort",
            )
        if request.filter is None:
            return None
        return parse_filter(request.filter, collection.fields)

    async def _ranked(
        self, scope: Scope, request: SearchRequest, filter: Filter | None
    ) -> tuple[dict[ChunkId, tuple[float, Candidate | None]], Recall]:
        vector = None
        if request.mode != "keyword":
            vector = (await self._embedder.embed([request.text]))[0]
        found = await self._store.search(
            scope,
            StoreQuery(
                mode=request.mode,
                terms=TermVector.of(request.text),
                vector=vector,
                limit=max(self._candidates, request.limit),
                filter=filter,
            ),
        )
        match request.mode:
            case "hybrid":
                order = fuse(found.items, keyword_weight=self._keyword_weight)
            case "vector":
                order = rank(found.items, [item.cosine or 0.0 for item in found.items])
            case "keyword":
                order = rank(found.items, [item.bm25 or 0.0 for item in found.items])
        items = {item.chunk_id: item for item in found.items}
        return {chunk: (score, items[chunk]) for chunk, score in order}, found.recall

    async def _scanned(
        self, scope: Scope, request: SearchRequest, filter: Filter | None
    ) -> tuple[dict[ChunkId, tuple[float, Candidate | None]], Recall]:
        chunks = await self._store.scan(
            scope, filter=filter, sort=request.sort, limit=request.limit
        )
        return dict.fromkeys(chunks, (0.0, None)), "exact"
