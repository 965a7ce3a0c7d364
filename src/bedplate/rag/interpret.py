"""Search that first reads a sentence: conditions and order become filter and sort."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from bedplate.domain.filters import normalise_date
from bedplate.domain.retrieval import Hit, Scope, SearchResult, SelfQuery, Sort
from bedplate.errors import (
    BadFilter,
    BedplateError,
    Blocked,
    InvalidInput,
    Unavailable,
    UpstreamError,
)
from bedplate.rag.asked import Asked
from bedplate.rag.found import tell_found
from bedplate.rag.quoted import reason
from bedplate.rag.search_request import SearchRequest
from bedplate.rag.self_query import read
from bedplate.rag.self_query_model import ModelReader
from bedplate.rag.self_query_vocabulary import Vocabulary
from bedplate.rag.unstated import LOOKED_AT, fits, lacking, partial_fields
from bedplate.rag.windows import Searches
from bedplate.state.protocol import Catalog
from bedplate.telemetry.conventions import COLLECTION, MODE, OPERATION, QUERY
from bedplate.telemetry.trace import span
from bedplate.terms import analyse

logger = logging.getLogger(__name__)

SORTED = 100
"""How many hits are looked through for those to put in the order of a field."""

MOST_KEPT = 64
PATIENCE = 50
"""A vocabulary that is behind is used for so many times what it took to make."""


def utc_today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class _Kept:
    vocabulary: Vocabulary
    generation: int
    until: float


class Interpret:
    """Reads the question of a search where the request allows it, then searches.

    `reader` reads it, where there is one; the rules do where its reading cannot be used.
    """

    def __init__(
        self,
        retrieve: Searches,
        catalog: Catalog,
        *,
        today: Callable[[], date] = utc_today,
        reader: ModelReader | None = None,
    ) -> None:
        self._reader = reader
        self._retrieve = retrieve
        self._catalog = catalog
        self._today = today
        self._kept: OrderedDict[Scope, _Kept] = OrderedDict()

    def asked(self, text: str) -> Asked:
        """As `Retrieve.asked`."""
        return self._retrieve.asked(text)

    async def search(
        self, scope: Scope, request: SearchRequest, asked: Asked | None = None
    ) -> SearchResult:
        """As `Retrieve.search`, and the result says how the question was read.

        Conditions that no document meets together are not applied, nor are those that hide what
        fits the question because it lacks a field (rag/unstated.py); the result says so.
        """
        with span("retrieval") as step:
            step.set(OPERATION, "retrieval")
            step.set(COLLECTION, scope.collection)
            step.set(MODE, request.mode)
            step.bill(request.account)
            step.content(QUERY, request.text)
            found = await self._search(scope, request, asked)
            tell_found(step, request, found)
            return found

    async def _search(
        self, scope: Scope, request: SearchRequest, asked: Asked | None
    ) -> SearchResult:
        started = time.perf_counter()
        if not (request.self_query and request.text.strip()) or request.sort is not None:
            return await self._retrieve.search(scope, request, asked)
        vocabulary = await self._vocabulary(scope)
        if vocabulary is None:
            return await self._retrieve.search(scope, request, asked)
        understood = await self._read(scope, request, vocabulary)
        if request.limit_given:
            understood = replace(understood, limit=None)
        try:
            found = await self._as_read(scope, request, understood, vocabulary, asked)
        except BadFilter as error:
            by_model = self._reader is not None and understood.reader == self._reader.name
            if not by_model or understood.filter is None:
                raise
            # A store may refuse what the schema accepts. If the caller's own filter is at fault,
            # that is said now.
            understood = await self._by_rules(request.text, vocabulary, error)
            if request.limit_given:
                understood = replace(understood, limit=None)
            found = await self._as_read(scope, request, understood, vocabulary, asked)
        took_ms = round((time.perf_counter() - started) * 1000, 3)
        return replace(found, took_ms=took_ms)

    async def _read(
        self, scope: Scope, request: SearchRequest, vocabulary: Vocabulary
    ) -> SelfQuery:
        if self._reader is None:
            return await self._by_rules(request.text, vocabulary)
        collection = await self._catalog.collections.get(scope)
        try:
            return await self._reader.read(
                request.text,
                collection,
                vocabulary.facets,
                today=self._today(),
                deadline=request.deadline,
                account=request.account,
            )
        except (InvalidInput, Unavailable, UpstreamError, Blocked) as error:
            return await self._by_rules(request.text, vocabulary, error)

    async def _by_rules(
        self, question: str, vocabulary: Vocabulary, error: BedplateError | None = None
    ) -> SelfQuery:
        """`error` is why a model's reading was not used."""
        understood = await asyncio.to_thread(read, question, vocabulary, today=self._today())
        if error is None or self._reader is None:
            return understood
        why = reason(error)
        extra = {"model": self._reader.name, "reason": why}
        logger.warning("question read by rules", extra=extra)
        return replace(understood, fallback=why)

    async def _as_read(
        self,
        scope: Scope,
        request: SearchRequest,
        understood: SelfQuery,
        vocabulary: Vocabulary,
        asked: Asked | None,
    ) -> SearchResult:
        if understood.filter is None and understood.sort is None:
            found = await self._retrieve.search(scope, request, asked)
            # Where a model was asked, that it found no condition is said.
            return found if self._reader is None else replace(found, self_query=understood)
        self._retrieve.check(request)
        # From the first hit on: whether anything meets the conditions is no matter of the page.
        depth = request.offset + request.limit
        fields = partial_fields(understood.filter or {}, vocabulary.facets)
        looked_at = min(LOOKED_AT, self._retrieve.max_limit) if fields else 0
        whole = replace(request, offset=0, limit=max(depth, looked_at))
        found = await self._narrowed(scope, whole, understood, asked)
        if not found.hits:
            found = await self._retrieve.search(scope, request, asked)
            return replace(found, self_query=replace(understood, applied=False))
        if fields and not fits(understood.text, found.hits):
            plain = await self._retrieve.search(scope, whole, asked)
            if fits(understood.text, lacking(plain.hits, fields)):
                found = replace(plain, self_query=replace(understood, applied=False))
        hits = found.hits[request.offset : depth]
        return replace(found, hits=hits, self_query=found.self_query or understood)

    async def _vocabulary(self, scope: Scope) -> Vocabulary | None:
        """The collection's values, about as new as it is; None where it has no metadata."""
        generation = await self._catalog.collections.generation(scope)
        kept = self._kept.get(scope)
        now = time.monotonic()
        if kept is None or (kept.generation != generation and now > kept.until):
            facets = await self._catalog.collections.facets(scope)
            vocabulary = await asyncio.to_thread(Vocabulary, facets)
            done = time.monotonic()
            kept = _Kept(vocabulary, facets.generation, done + PATIENCE * (done - now))
            self._kept[scope] = kept
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(scope)
        return kept.vocabulary if kept.vocabulary.facets.fields else None

    async def _narrowed(
        self, scope: Scope, request: SearchRequest, understood: SelfQuery, asked: Asked | None
    ) -> SearchResult:
        wanted = min(request.limit, understood.limit or request.limit)
        text = understood.text
        if understood.sort is None and not text and request.by_relevance:
            text = request.text
        narrowed = replace(request, text=text, narrowed=understood.filter, limit=wanted)
        if understood.sort is None:
            same = asked if text == request.text else None
            return await self._retrieve.search(scope, narrowed, same)
        if not text:
            return await self._retrieve.search(scope, replace(narrowed, sort=understood.sort))
        most = min(SORTED, self._retrieve.max_limit)
        found = await self._retrieve.search(scope, replace(narrowed, limit=most))
        ordered = in_order(found.hits, understood.text, understood.sort)
        if ordered:
            return replace(found, hits=tuple(ordered[:wanted]))
        # Nothing has all of the words: an order of the rest would put what hardly fits first.
        plain = replace(understood, sort=None, limit=None)
        found = await self._retrieve.search(scope, replace(narrowed, limit=request.limit))
        return replace(found, self_query=plain)


def in_order(hits: Sequence[Hit], text: str, sort: Sort) -> list[Hit]:
    """Of the hits that hold every word of `text`, one a document, by the field of `sort`.

    Documents without the field come last.
    """
    words = set(analyse(text))
    chosen: dict[str, Hit] = {}
    for hit in hits:
        if hit.document_id not in chosen and words <= set(analyse(f"{hit.title} {hit.text}")):
            chosen[hit.document_id] = hit
    pick = max if sort.descending else min
    keyed = [(_values(hit, sort.field), hit) for hit in chosen.values()]
    present = [(pick(values), hit) for values, hit in keyed if values]
    present.sort(key=lambda pair: pair[0], reverse=sort.descending)
    return [hit for _, hit in present] + [hit for values, hit in keyed if not values]


def _values(hit: Hit, field: str) -> list[tuple[int, float | str]]:
    """Numbers before text, as the catalog's own order has them."""
    value = hit.metadata.get(field)
    members = value if isinstance(value, list | tuple) else [value]
    return [
        (1, normalise_date(member) or member) if isinstance(member, str) else (0, member)
        for member in members
        if isinstance(member, str | int | float)
    ]
