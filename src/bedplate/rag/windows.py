"""Small passages found, wide ones shown: the window that a chunker gave each passage.

Small-to-big retrieval, as sentence windows and parent documents (LlamaIndex's
SentenceWindowNodeParser, LangChain's ParentDocumentRetriever) do it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Hit, Scope, SearchResult
from bedplate.rag.asked import Asked
from bedplate.rag.search_request import SearchRequest
from bedplate.state.protocol import Catalog

SPARE = 3
"""How many times the wanted hits are looked at, as several may stand in one window."""


class Searches(Protocol):
    """What finds passages, as `Retrieve` does."""

    @property
    def max_limit(self) -> int: ...

    def asked(self, text: str) -> Asked: ...

    def check(self, request: SearchRequest) -> None: ...

    async def search(
        self, scope: Scope, request: SearchRequest, asked: Asked | None = None
    ) -> SearchResult: ...


class WindowSearch:
    """Passages as `passages` finds them; where a request is `wide`, each in its window.

    A passage that a better hit's window shows already is left out, so that no text comes twice.
    """

    def __init__(self, passages: Searches, catalog: Catalog) -> None:
        self._passages = passages
        self._catalog = catalog

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
        """As `Retrieve.search`."""
        if not request.wide:
            return await self._passages.search(scope, request, asked)
        started = time.perf_counter()
        self.check(request)
        depth = request.offset + request.limit
        found = await self._wide(scope, replace(request, offset=0, limit=depth), asked)
        took_ms = round((time.perf_counter() - started) * 1000, 3)
        return replace(found, hits=found.hits[request.offset : depth], took_ms=took_ms)

    async def _wide(
        self, scope: Scope, request: SearchRequest, asked: Asked | None
    ) -> SearchResult:
        found = await self._passages.search(scope, request, asked)
        hits = await self._in_windows(scope, found.hits)
        more = min(request.limit * SPARE, self.max_limit)
        if len(hits) < len(found.hits) == request.limit < more:
            found = await self._passages.search(scope, replace(request, limit=more), asked)
            hits = await self._in_windows(scope, found.hits)
        return replace(found, hits=tuple(hits))

    async def _in_windows(self, scope: Scope, hits: Sequence[Hit]) -> list[Hit]:
        index = (await self._catalog.collections.get(scope)).index
        scores = {hit.chunk_id: hit.score for hit in hits}
        return in_windows(hits, await self._catalog.documents.hits(index, scores, wide=True))


def in_windows(hits: Sequence[Hit], windows: Sequence[Hit]) -> list[Hit]:
    """Each hit with the text of its window, unless a better hit's window holds it already."""
    wide = {window.chunk_id: window for window in windows}
    shown: dict[DocumentId, list[Hit]] = {}
    kept: list[Hit] = []
    for hit in hits:
        before = shown.setdefault(hit.document_id, [])
        if any(each.start <= hit.start and hit.end <= each.end for each in before):
            continue
        # One that is gone since it was found is shown as it was.
        its = wide.get(hit.chunk_id, hit)
        made = replace(
            hit, text=its.text, start=its.start, end=its.end, page=its.page, heading=its.heading
        )
        before.append(made)
        kept.append(made)
    return kept
