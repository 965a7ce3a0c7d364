"""Search that also looks at pictures: images that show what the question says, beside passages."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bedplate.domain.filters import And, Documents, Filter
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Collection, Hit, Scope, SearchResult
from bedplate.embedders.protocol import ImageEmbedder, Matrix
from bedplate.errors import TooLarge, UpstreamTimeout
from bedplate.rag.asked import Asked
from bedplate.rag.retrieve import Retrieve, SearchRequest
from bedplate.state.protocol import Catalog

RANK_CONSTANT = 60
"""k of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""

JOINED = 100
"""Of the best passages and of the best images; later passages follow, so that pages of one search
are parts of one order.
"""

FILTERED = 500
"""Images whose filter is looked up at once."""

MOST_KEPT_BYTES = 512 * 1024 * 1024
"""Of image vectors held; 100,000 of 512 numbers are 200 MB. The last collection's always are."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A collection's image vectors as of a generation, in single precision: half is slower."""

    generation: int
    documents: tuple[DocumentId, ...]
    vectors: Matrix


class ImageSearch:
    """Passages as `passages` finds them; where a request allows it, images by what they show.

    Images of a collection are all compared, up to `most`.
    """

    def __init__(
        self, passages: Retrieve, catalog: Catalog, embedder: ImageEmbedder, *, most: int
    ) -> None:
        self._passages = passages
        self._catalog = catalog
        self._embedder = embedder
        self._most = most
        self._kept: OrderedDict[Scope, _Kept] = OrderedDict()

    def asked(self, text: str) -> Asked:
        """As `Retrieve.asked`."""
        return self._passages.asked(text)

    @property
    def max_limit(self) -> int:
        return self._passages.max_limit

    def check(self, request: SearchRequest) -> None:
        """As `Retrieve.check`."""
        self._passages.check(request)

    async def search(
        self, scope: Scope, request: SearchRequest, asked: Asked | None = None
    ) -> SearchResult:
        """As `Retrieve.search`; images found count as hits, `Hit.image` says how near they are.

        Raises:
            TooLarge: the collection has more images than are compared.
        """
        if not (request.images and request.mode == "hybrid" and request.text.strip()):
            return await self._passages.search(scope, request, asked)
        started = time.perf_counter()
        self.check(request)
        depth = request.offset + request.limit
        deep = replace(request, offset=0, limit=min(max(depth, JOINED), self.max_limit))
        found = await self._passages.search(scope, deep, asked)
        try:
            async with asyncio.timeout_at(request.deadline):
                shown = await self._shown(scope, request)
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"The images of {scope.collection!r} were not compared by the deadline.",
                provider="search",
            ) from error
        hits = joined(found.hits, shown)[request.offset : depth]
        took_ms = round((time.perf_counter() - started) * 1000, 3)
        return replace(found, hits=tuple(hits), took_ms=took_ms)

    async def _shown(self, scope: Scope, request: SearchRequest) -> Sequence[Hit]:
        collection = await self._catalog.collections.get(scope)
        rows = await self._rows(collection)
        if not rows.documents:
            return ()
        [question] = await self._embedder.embed_texts([request.text])
        cosines: Matrix = await asyncio.to_thread(np.matmul, rows.vectors, question)
        near: list[int] = np.flatnonzero(cosines >= self._embedder.least).tolist()
        # Rows are in order of their ids, so that ties are broken by them.
        near.sort(key=lambda row: -cosines[row])
        ranked = {rows.documents[row]: float(cosines[row]) for row in near}
        filter = self._passages.filter_of(collection, request)
        if filter is not None:
            ranked = await self._passing(collection.index, ranked, filter, JOINED)
        best = {ChunkId(f"{name}#0"): ranked[name] for name in list(ranked)[:JOINED]}
        hits = await self._catalog.documents.hits(collection.index, best)
        return [replace(hit, image=hit.score, collection=scope.collection) for hit in hits]

    async def _rows(self, collection: Collection) -> _Kept:
        """The collection's image vectors, read again after each change of it."""
        scope = collection.index
        generation = await self._catalog.collections.generation(scope)
        kept = self._kept.get(scope)
        if kept is None or kept.generation != generation:
            rows = await self._catalog.index.images(
                scope, self._embedder.fingerprint, self._most + 1
            )
            vectors = await asyncio.to_thread(rows.vectors.astype, np.float32)
            kept = _Kept(generation, rows.documents, vectors)
        self._kept[scope] = kept
        self._kept.move_to_end(scope)
        while len(self._kept) > 1 and self._bytes() > MOST_KEPT_BYTES:
            self._kept.popitem(last=False)
        if len(kept.documents) > self._most:
            raise TooLarge(
                f"Collection {collection.name!r} has more than {self._most:,} images, so they "
                "cannot all be compared: raise search.max_images, or search with mode vector or "
                "keyword, which look at passages alone."
            )
        return kept

    def _bytes(self) -> int:
        return sum(kept.vectors.nbytes for kept in self._kept.values())

    async def _passing(
        self, scope: Scope, ranked: Mapping[DocumentId, float], filter: Filter, limit: int
    ) -> dict[DocumentId, float]:
        """The first `limit` of the documents that pass, in their order."""
        passing: dict[DocumentId, float] = {}
        for some in _groups(list(ranked)):
            narrowed = And((filter, Documents(tuple(some))))
            chunks = await self._catalog.index.scan(
                scope, filter=narrowed, sort=None, limit=len(some)
            )
            names = {chunk.rpartition("#")[0] for chunk in chunks}
            passing |= {name: ranked[name] for name in some if name in names}
            if len(passing) >= limit:
                break
        return passing


def joined(passages: Sequence[Hit], images: Sequence[Hit]) -> list[Hit]:
    """Both lists as one, by reciprocal rank fusion; a document that both found is one hit of both.

    Of several passages of such a document, the best one stands for it. The first JOINED of each are
    joined, the passages after them follow.
    """
    if not images:
        return list(passages)
    hits: dict[ChunkId, Hit] = {}
    best: dict[DocumentId, ChunkId] = {}
    for rank, hit in enumerate(passages[:JOINED], 1):
        hits[hit.chunk_id] = replace(hit, score=_share(rank))
        best.setdefault(hit.document_id, hit.chunk_id)
    for rank, shown in enumerate(images[:JOINED], 1):
        other = hits.get(best.get(shown.document_id, shown.chunk_id))
        if other is None:
            hits[shown.chunk_id] = replace(shown, score=_share(rank))
        else:
            score = other.score + _share(rank)
            hits[other.chunk_id] = replace(other, score=score, image=shown.image)
    # Sorting is stable: of equals, a passage comes before a picture.
    order = sorted(hits.values(), key=lambda hit: -hit.score)
    after = (replace(hit, score=0.0) for hit in passages[JOINED:] if hit.chunk_id not in hits)
    return [*order, *after]


def _share(rank: int) -> float:
    return 1 / (RANK_CONSTANT + rank)


def _groups(names: Sequence[DocumentId]) -> Iterator[Sequence[DocumentId]]:
    for start in range(0, len(names), FILTERED):
        yield names[start : start + FILTERED]
