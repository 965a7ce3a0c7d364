"""Another index for a collection, built beside the one in use and put in its place at the end.

The catalog is the truth: passages, titles and headings are read from it, scrubbed as they are, and
no source file is needed. Searches and writes go on meanwhile; what they changed is caught up with,
and the names are swapped by a transaction that first checks that nothing is left to do.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.embedders.protocol import Embedder
from bedplate.errors import NotFound
from bedplate.ingest.embedding import HowEmbedded, embed_texts, embedded_text
from bedplate.ingest.fill import PAGE, Advance, Headway, batches, fill, quiet
from bedplate.ingest.names import NEXT, OLD, automatic_name, check_room, version_of
from bedplate.ingest.verify import Verification, verify
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores.protocol import Store

LABEL = "reindex"
DRAIN_SECONDS = 5.0
"""How long a former index outlives the swap where it is dropped: searches that began before it
finish on it.
"""


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What was done. `documents` were embedded or sent now, others were there from an earlier run.

    `kept` is the snapshot that the former index became. Nothing is switched unless `verification`
    is ok.
    """

    collection: Collection
    way: Literal["embedded", "rebuilt"]
    documents: int
    seconds: float
    verification: Verification
    kept: str | None = None


class Reindex:
    """Builds indexes anew."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedder: Embedder,
        how: HowEmbedded,
        *,
        max_snapshots: int,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self._how = how
        self._max_snapshots = max_snapshots
        self._drain_seconds = drain_seconds

    async def run(
        self, scope: Scope, *, embed: bool = False, keep: bool = True, advance: Advance = quiet
    ) -> Reindexed:
        """Embed the collection with the configured embedder if it has another, or if `embed`; else
        rebuild the store's index alone.

        `keep` makes the former index a snapshot. A run that was cut off is taken up by running it
        again.

        Raises:
            NotFound: there is no such collection.
            Conflict: it has as many snapshots as there may be.
        """
        started = time.perf_counter()
        collection = await self._catalog.collections.get(scope)
        if embed or collection.embedder != self._embedder.fingerprint:
            done = await self._replace(collection, advance, keep=keep)
        elif self._store.abilities.follows:
            done = await self._refresh(collection)
        else:
            done = await self._refill(collection, advance)
        return replace(done, seconds=round(time.perf_counter() - started, 3))

    async def _replace(self, collection: Collection, advance: Advance, *, keep: bool) -> Reindexed:
        scope = collection.scope
        if keep:
            await check_room(self._catalog, scope, self._max_snapshots)
        former, later = version_of(scope, OLD), version_of(scope, NEXT)
        with suppress(NotFound):
            await self._drop(former)
        shadow = await self._begin(later)
        kept = automatic_name("reindex") if keep else None
        if kept is not None:
            former = version_of(scope, kept)
        # By its key: should another index have taken the name meanwhile, nothing is swapped.
        names = {collection.key: former.collection, later.collection: scope.collection}
        embedded = await self._follow(collection, shadow, advance)
        await self._store.settle(shadow.index)
        verification = await verify(self._catalog, shadow, self._store, label=LABEL)
        if not verification.ok:
            await self._catalog.placements.forget(shadow.index, LABEL)
            return Reindexed(collection, "embedded", embedded, 0.0, verification)
        while not await self._catalog.versions.rename(
            scope.tenant, names, alike=(collection.index, shadow.index)
        ):
            embedded += await self._follow(collection, shadow, advance)
        await self._catalog.placements.forget(shadow.index, LABEL)
        if kept is None:
            await self._drain(shadow, advance)
            await self._drop(former)
        now = await self._catalog.collections.get(scope)
        return Reindexed(now, "embedded", embedded, 0.0, verification, kept)

    async def _drain(self, collection: Collection, advance: Advance) -> None:
        """Let searches end that are on the former index; other processes' cannot be counted."""
        now = await self._catalog.collections.get(collection.index)
        advance(Headway(now, advance, now.documents, now.chunks, self._drain_seconds))
        await asyncio.sleep(self._drain_seconds)

    async def _begin(self, later: Scope) -> Collection:
        """The index that an earlier run began, or a new one if that was for another embedder."""
        embedder = self._embedder
        with suppress(NotFound):
            begun = await self._catalog.collections.get(later)
            if begun.embedder != embedder.fingerprint:
                await self._drop(later)
        return await self._catalog.collections.create(
            later, embedder=embedder.fingerprint, dimensions=embedder.dimensions
        )

    async def _drop(self, scope: Scope) -> None:
        collection = await self._catalog.collections.get(scope)
        await self._catalog.collections.drop(scope)
        await self._store.drop(collection.index)

    async def _follow(self, collection: Collection, shadow: Collection, advance: Advance) -> int:
        """Embed into the shadow what it lacks, until it holds the same documents, its store too."""
        embedded = 0
        versions, documents = self._catalog.versions, self._catalog.documents
        tokens = collection.chunks <= self._how.token_chunks
        begun = await self._catalog.collections.get(shadow.index)
        headway = Headway(collection, advance, begun.documents, begun.chunks)
        while difference := await versions.difference(collection.index, shadow.index, PAGE):
            if difference.surplus:
                await documents.remove(shadow.scope, difference.surplus)
            for ids in batches(difference.missing, self._how.batch_chunks):
                entries = await self._embed(collection, ids, tokens=tokens)
                await documents.replace(shadow.scope, entries)
                embedded += len(entries)
                headway.add(ids, difference.missing)
        await fill(self._catalog, self._store, shadow, label=LABEL)
        return embedded

    async def _embed(
        self, collection: Collection, ids: Sequence[DocumentId], *, tokens: bool
    ) -> list[Entry]:
        entries = await self._catalog.index.entries(collection.index, ids)
        header = self._how.header(collection.name)
        texts = [
            embedded_text(each.document, chunk, header) for each in entries for chunk in each.chunks
        ]
        rows, late = await embed_texts(
            self._embedder, texts, batch=self._how.batch_chunks, tokens=tokens
        )
        ends = np.cumsum([0, *(len(each.chunks) for each in entries)]).tolist()
        return [
            replace(each, vectors=rows[start:end], tokens=tuple(late[start:end]))
            for each, start, end in zip(entries, ends, ends[1:], strict=False)
        ]

    async def _refresh(self, collection: Collection) -> Reindexed:
        """Of a store that follows the catalog: what it holds is let go and made again."""
        await self._store.drop(collection.index)
        await self._store.settle(collection.index)
        verification = await verify(self._catalog, collection, self._store)
        return Reindexed(collection, "rebuilt", verification.documents, 0.0, verification)

    async def _refill(self, collection: Collection, advance: Advance) -> Reindexed:
        """Of any other: filled under a new key, which the collection then gets."""
        scope, former = collection.index, collection.index
        key = _next_key(collection)
        target = Scope(scope.tenant, key)

        async def send() -> int:
            return await fill(
                self._catalog, self._store, collection, label=LABEL, at=target, advance=advance
            )

        sent = await send()
        await self._store.settle(target)
        verification = await verify(self._catalog, collection, self._store, at=target, label=LABEL)
        if not verification.ok:
            await self._catalog.placements.forget(scope, LABEL)
            return Reindexed(collection, "rebuilt", sent, 0.0, verification)
        while not await self._catalog.versions.rekey(scope, key, store=LABEL):
            sent += await send()
        await self._catalog.placements.forget(target, LABEL)
        await self._drain(collection, advance)
        await self._store.drop(former)
        return Reindexed(replace(collection, key=key), "rebuilt", sent, 0.0, verification)


def _next_key(collection: Collection) -> str:
    """The key after this one: the same for a run that takes up another."""
    digest = hashlib.sha256(collection.key.encode()).hexdigest()
    return f"{collection.key.partition('/')[0]}/{digest[:32]}"
