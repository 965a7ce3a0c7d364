"""Today's PII guard over a collection that is there: its chunks, as their source may be gone.

A document is changed by one transaction, and noted as unsent until the store has it, so that a run
that was cut off is made good by running it again. Its fingerprint stays: what it was made from did
not change, and the next ingest passes over it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from bedplate.domain.documents import ChunkHeader
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.quality import Quality
from bedplate.domain.retrieval import Collection, Scope
from bedplate.embedders.protocol import Embedder
from bedplate.errors import Conflict, InvalidInput, NotFound, StorageError, Unavailable
from bedplate.guards.protocol import PiiGuard
from bedplate.ingest.embedding import (
    HeaderOf,
    embed_texts,
    embedded_text,
    full,
    indexed_text,
)
from bedplate.ingest.fill import Advance, Headway, batches, quiet
from bedplate.ingest.names import collection_of
from bedplate.ingest.redact import redacted, runs_of
from bedplate.ingest.scrub import scrub
from bedplate.ingest.whole import whole
from bedplate.quality.likeness import signature, text_hash
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores.protocol import Store
from bedplate.terms import TermVector

PAGE = 1_000
"""Documents that are listed at once."""


@dataclass(slots=True)
class Rescrubbed:
    """What was done. `documents` were looked at and `changed` of them hold less now; `embedded`
    chunks have a new vector.

    `snapshots` are those that were scrubbed too. `left` are snapshots of another embedder, in which
    something was found that is still there.
    """

    collection: str
    documents: int = 0
    changed: int = 0
    embedded: int = 0
    redactions: Counter[str] = field(default_factory=Counter[str])
    snapshots: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])
    seconds: float = 0.0


class Rescrub:
    """Takes out of chunks, titles, headings and metadata what the guard finds today."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedders: Sequence[Embedder],
        pii: PiiGuard | None,
        *,
        batch_chunks: int,
        header: HeaderOf = full,
    ) -> None:
        """Wire the flow; a collection is embedded with that of `embedders` that it was made with,
        and snapshots with the `header` of their collection.
        """
        self._catalog = catalog
        self._store = store
        self._embedders = embedders
        self._pii = pii
        self._batch_chunks = batch_chunks
        self._header = header

    async def run(self, scope: Scope, *, advance: Advance = quiet) -> Rescrubbed:
        """Scrub the collection, superseded documents included, and then its snapshots.

        Searches and ingests go on meanwhile; a document that an ingest replaces meanwhile is left
        to that.

        Raises:
            InvalidInput: no guard is configured.
            NotFound: there is no such collection.
            Conflict: something was found, and the collection's embedder is not configured.
        """
        if self._pii is None:
            raise InvalidInput(
                "guards.pii is false, so that there is nothing to look for: configure a guard.",
                param="guards.pii",
            )
        started = time.perf_counter()
        done = Rescrubbed(scope.collection)
        await self._collection(scope, self._pii, done, advance)
        for version in await self._catalog.versions.list(scope):
            # One that is deleted meanwhile holds nothing any more.
            with suppress(NotFound):
                try:
                    await self._collection(version.collection.scope, self._pii, done, quiet)
                    done.snapshots.append(version.name)
                except Conflict:
                    done.left.append(version.name)
        done.seconds = round(time.perf_counter() - started, 3)
        return done

    async def _collection(
        self, scope: Scope, guard: PiiGuard, done: Rescrubbed, advance: Advance
    ) -> None:
        collection = await self._catalog.collections.get(scope)
        while unsent := await self._catalog.amendments.unsent(_place(collection), PAGE):
            for ids in _parts(unsent, self._batch_chunks):
                await self._send(collection, ids)
        headway = Headway(collection, advance)
        after: DocumentId | None = None
        while True:
            listed = self._catalog.documents.list(scope, after=after, limit=PAGE)
            counts = {document.id: document.chunks async for document in listed}
            for ids in batches(counts, self._batch_chunks):
                collection = await self._batch(collection, ids, guard, done)
                headway.add(ids, counts)
            done.documents += len(counts)
            if len(counts) < PAGE:
                return
            after = next(reversed(counts))

    async def _batch(
        self, collection: Collection, ids: Sequence[DocumentId], guard: PiiGuard, done: Rescrubbed
    ) -> Collection:
        """The collection that was written to: another one than was given where a reindex took the
        name in between, with what had been done till then.
        """
        while True:
            try:
                entries = await self._catalog.index.entries(_place(collection), ids)
                found = await asyncio.to_thread(_all_without, entries, guard)
                if found:
                    await self._amend(collection, found, done)
            except (Conflict, NotFound):
                before = collection
                collection = await self._catalog.collections.get(collection.scope)
                if collection.key == before.key:
                    raise
            else:
                return collection

    async def _amend(
        self, collection: Collection, found: Sequence["_Found"], done: Rescrubbed
    ) -> None:
        entries, embedded = await self._embedded(collection, found)

        async def write() -> None:
            put = await self._catalog.amendments.put(_place(collection), entries)
            done.changed += len(put)
            for each in found:
                if each.after.document.id in put:
                    done.redactions.update(each.redactions)
                    done.embedded += embedded[each.after.document.id]
            try:
                await self._send(collection, put)
            except (StorageError, Unavailable) as error:
                raise type(error)(
                    f"{error.message} What was replaced is out of the catalog and not, or not "
                    "whole, out of the index: run `bedplate rescrub -c "
                    f"{done.collection}` again."
                ) from error

        await whole(write())

    async def _send(self, collection: Collection, ids: Sequence[DocumentId]) -> None:
        """Bring the store up to these, however often they change meanwhile."""
        place, left = _place(collection), ids
        while left:
            entries = await self._catalog.index.entries(place, left)
            if not self._store.abilities.follows:
                await self._store.upsert(collection.index, entries)
                there = {entry.document.id for entry in entries}
                if gone := [id for id in left if id not in there]:
                    await self._store.delete(collection.index, gone)
            times = {each.document.id: each.updated_at for each in entries if each.updated_at}
            left = await self._catalog.amendments.sent(place, times)

    async def _embedded(
        self, collection: Collection, found: Sequence["_Found"]
    ) -> tuple[list[Entry], dict[DocumentId, int]]:
        """The entries whole again, and of each how many chunks were embedded."""
        texts: dict[ChunkId, str] = {}
        counts: dict[DocumentId, int] = {}
        for each in found:
            stale = each.stale(self._header(collection_of(collection.name)))
            counts[each.after.document.id] = len(stale)
            texts |= stale
        ids = [chunk.id for each in found for chunk in each.after.chunks]
        late = dict(await self._catalog.index.tokens(_place(collection), ids))
        rows = {}
        if texts:
            vectors, tokens = await embed_texts(
                self._embedder_of(collection),
                list(texts.values()),
                batch=self._batch_chunks,
                tokens=bool(late),
            )
            rows = dict(zip(texts, vectors, strict=True))
            for id in texts:
                late.pop(id, None)
            late |= dict(zip(texts, tokens, strict=False))
        entries: list[Entry] = []
        for each in found:
            after, vectors = each.after, each.after.vectors.copy()
            for number, chunk in enumerate(after.chunks):
                if chunk.id in rows:
                    vectors[number] = rows[chunk.id]
            whole_late = all(chunk.id in late for chunk in after.chunks)
            tokens = tuple(late[chunk.id] for chunk in after.chunks) if whole_late else ()
            entries.append(replace(after, vectors=vectors, tokens=tokens))
        return entries, counts

    def _embedder_of(self, collection: Collection) -> Embedder:
        for embedder in self._embedders:
            if embedder.fingerprint == collection.embedder:
                return embedder
        raise Conflict(
            f"Personal data was found in {collection.name!r}, which was made with the embedder "
            f"{collection.embedder!r}: configure that one (as former_embedder), or run "
            f"`bedplate reindex -c {collection.name}` first."
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry before and after; the vectors of the latter are yet those of the former."""

    before: Entry
    after: Entry
    redactions: Counter[str]

    def stale(self, header: ChunkHeader) -> dict[ChunkId, str]:
        """What the embedder is to read of the chunks for which it reads something else now."""
        now = {c.id: embedded_text(self.after.document, c, header) for c in self.after.chunks}
        then = {c.id: embedded_text(self.before.document, c, header) for c in self.before.chunks}
        return {id: text for id, text in now.items() if text != then[id]}


def _all_without(entries: Sequence[Entry], guard: PiiGuard) -> list[_Found]:
    """Of the entries, those in which something was found."""
    found = (_without(entry, guard) for entry in entries)
    return [each for each in found if each is not None]


def _without(entry: Entry, guard: PiiGuard) -> _Found | None:
    redactions: Counter[str] = Counter()
    document = scrub(entry.document, guard, redactions)
    chunks = redacted(entry.chunks, guard, redactions)
    known = entry.quality or Quality()
    warnings = tuple(guard.scrub(each).text for each in known.warnings)
    same = (entry.document, entry.chunks, known.warnings)
    if (document, chunks, warnings) == same:
        return None
    counted = dict(Counter(known.redactions) + redactions)
    after = replace(
        entry,
        document=document,
        chunks=chunks,
        terms=tuple(TermVector.of(indexed_text(document, chunk)) for chunk in chunks),
        quality=replace(known, warnings=warnings, redactions=counted),
    )
    return _Found(entry, _profiled(entry, after), redactions)


def _profiled(before: Entry, after: Entry) -> Entry:
    """With the profile of the new text, where the chunks hold all of it."""
    profile = before.profile
    texts = [run.text for run in runs_of(before.chunks)]
    if profile is None or text_hash(texts) != profile.text_sha256:
        return after
    texts = [run.text for run in runs_of(after.chunks)]
    profile = replace(profile, text_sha256=text_hash(texts), signature=signature(texts))
    return replace(after, profile=profile)


def _place(collection: Collection) -> Scope:
    """By what it is read and written: a snapshot by its name, which is what makes it one."""
    return collection.scope if "/" in collection.name else collection.index


def _parts(ids: Sequence[DocumentId], size: int) -> list[list[DocumentId]]:
    rest = iter(ids)
    return list(iter(lambda: list(islice(rest, size)), []))
