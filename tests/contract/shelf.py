"""A catalog and a store together, as the contract of stores uses them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.contract.entries import DIMENSIONS, unit

from bedplate.conditions.filters import parse_filter
from bedplate.domain.filters import Filter
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Mode, Scope
from bedplate.rag.lowering import lower
from bedplate.rag.scoring import nominate
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores import STORES
from bedplate.stores.protocol import Candidates, Store, StoreQuery
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")


@asynccontextmanager
async def open_pair(
    catalog: str, store: str, folder: Path, options: Mapping[str, Any]
) -> AsyncGenerator[tuple[Catalog, Store]]:
    path = folder / "catalog.db"
    place = options["database"] if catalog == "postgres" else path
    async with (
        CATALOGS.load(catalog)(place) as opened,
        STORES.load(store)(options, path=path) as filled,
    ):
        yield opened, filled


class Shelf:
    """A catalog and a store, written in the pipeline's order."""

    def __init__(self, catalog: Catalog, store: Store) -> None:
        self.catalog = catalog
        self.store = store

    async def put(self, *entries: Entry, scope: Scope = SCOPE) -> None:
        await self.catalog.collections.create(scope, embedder="e", dimensions=DIMENSIONS)
        await self.catalog.documents.replace(scope, entries)
        await self.store.upsert(scope, entries)

    async def remove(self, *ids: str, scope: Scope = SCOPE) -> None:
        wanted = [DocumentId(name) for name in ids]
        await self.catalog.documents.remove(scope, wanted)
        await self.store.delete(scope, wanted)

    async def find(
        self,
        text: str = "",
        *,
        mode: Mode = "hybrid",
        seed: int = 1,
        limit: int = 10,
        filter: object = None,
        scope: Scope = SCOPE,
    ) -> Candidates:
        parsed = await self.parsed(filter, scope=scope)
        query = StoreQuery(
            mode=mode,
            terms=TermVector.of(text),
            vector=None if mode == "keyword" else unit(seed),
            limit=limit,
        )
        return await self.ask(query, parsed, scope=scope)

    async def parsed(self, filter: object, *, scope: Scope = SCOPE) -> Filter | None:
        fields = (await self.catalog.collections.get(scope)).fields
        return None if filter is None else parse_filter(filter, fields)  # type: ignore[arg-type]

    async def ask(
        self, query: StoreQuery, filter: Filter | None, *, scope: Scope = SCOPE
    ) -> Candidates:
        """As the search flow asks a store: in terms that it has, and with exact scores."""

        async def documents(leaf: Filter, limit: int) -> tuple[DocumentId, ...]:
            chunks = await self.catalog.index.scan(scope, filter=leaf, sort=None, limit=limit)
            return tuple(DocumentId(chunk.rpartition("#")[0]) for chunk in chunks)

        if filter is not None:
            query = replace(query, filter=await lower(filter, self.store.abilities, documents))
        return await nominate(self.catalog.index, self.store, scope, query)


def ids(found: Candidates) -> set[str]:
    return {candidate.chunk_id for candidate in found.items}
