"""Parse, scrub, chunk, embed, keep: one pipeline for files, uploads and rows."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from bedplate.chunkers.protocol import Chunker
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.embedders.protocol import Embedder
from bedplate.errors import Conflict, NotFound, StorageError, Unavailable
from bedplate.guards.protocol import DocumentGuard, PiiGuard
from bedplate.ingest.copies import Copies
from bedplate.ingest.embedding import HeaderOf, embed_batch, full
from bedplate.ingest.gate import Gate
from bedplate.ingest.incoming import Ledger, Source, total_size
from bedplate.ingest.intake import Intake
from bedplate.ingest.names import check_name, unfinished
from bedplate.ingest.originals import Originals
from bedplate.ingest.origins import is_below
from bedplate.ingest.pictures import Pictures
from bedplate.ingest.prepare import Preparation
from bedplate.ingest.prepared import Batch, Prepared
from bedplate.ingest.readings import Readings
from bedplate.ingest.report import Progress, Report
from bedplate.ingest.run import Cut, Run
from bedplate.ingest.traced import traced
from bedplate.ingest.whole import whole
from bedplate.ingest.written import write
from bedplate.parsers.protocol import Parser
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores.protocol import Store

T = TypeVar("T")

FORMAT = 5
"""Raised when the pipeline makes something else of the same document."""

WAITING_BATCHES = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is made of; without `pii` personal data is kept as it is.

    `former` embeds what goes into collections that were made with it; `pictures` reads images.
    `guards` say which documents are held in quarantine. `chunkers` are those of collections that
    have another than `chunker`, by name, and `header` says what is embedded before the text of
    theirs. Without `originals` no files are kept.
    """

    catalog: Catalog
    store: Store
    parser: Parser
    chunker: Chunker
    embedder: Embedder
    pii: PiiGuard | None
    former: Embedder | None = None
    pictures: Pictures | None = None
    guards: Sequence[DocumentGuard] = ()
    chunkers: Mapping[str, Chunker] = field(default_factory=dict[str, Chunker])
    originals: Originals | None = None
    header: HeaderOf = full


class Ingest:
    """Documents in. Each one replaces its former version at once or stays as it was."""

    def __init__(
        self,
        parts: Parts,
        *,
        batch_chunks: int,
        max_file_bytes: int,
        token_chunks: int,
        recipe: Callable[[str], str],
        readings: Readings | None = None,
        skip_copies: bool = False,
    ) -> None:
        """Wire the flow.

        Token vectors are kept in collections of up to `token_chunks` chunks. With `skip_copies` a new document is left out when another one has the same text.

        `recipe` names the settings that shape the result in a collection: documents made by another one count as
        changed.
        """
        self._catalog = parts.catalog
        self._store = parts.store
        self._embedder = parts.embedder
        self._former = parts.former
        self._header = parts.header
        self._skip_copies = skip_copies
        self.originals = parts.originals or Originals(parts.catalog)
        self._gate = Gate(parts.catalog.quarantine, parts.guards)
        self._batch_chunks = batch_chunks
        self._token_chunks = token_chunks
        # Without the embedder: a collection has one, and reindexing must not make all look changed.
        self._recipe = recipe
        self._intake = Intake(
            parts.catalog,
            parts.pictures or parts.parser,
            parts.pictures,
            readings or Readings(parts.catalog, recipe=""),
            self.originals,
            self._gate,
            Preparation(parts.chunker, parts.chunkers, parts.pii),
            batch_chunks,
            max_file_bytes,
            self.recipe_of,
            self.remove,
        )

    @traced
    async def run(
        self,
        scope: Scope,
        sources: Sequence[Source],
        *,
        prune: Sequence[str] = (),
        ledger: Ledger | None = None,
        cut: Cut | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Report:
        """Ingest every source; what cannot be read is reported and stops nothing.

        Documents are durable as soon as `progress` counts them, so a run that was cut off is
        taken up by running it again. `prune` names origins, or folders of them: documents from
        there that were not found this time are deleted, except those of a source that failed.

        With a `ledger` the run is a part of something longer, which calls `settle` at its end. A `cut`
        is the chunker for this run.

        Raises:
            Conflict: the collection belongs to another embedder.
            StorageError: the catalog cannot be written.
        """
        started = time.perf_counter()
        collection = await self.create(scope)
        report = Report(scope.collection)
        # Where documents go as well, a copy may be all that is left of a text.
        skip = self._skip_copies and ledger is None and not prune
        copies = Copies(self._catalog.profiles, report, skip=skip)
        tokens = collection.chunks < self._token_chunks
        run = Run(report, copies, tokens, ledger, cut)
        batches: asyncio.Queue[Batch | None] = asyncio.Queue(WAITING_BATCHES)

        total = total_size(sources)

        def advance(done: int, size: int) -> None:
            source = sources[done].name if done < len(sources) else ""
            progress(Progress.of(run.report, done, len(sources), source, size, total))

        async def prepare() -> None:
            async for batch in self._intake.batches(scope, sources, run):
                if batch.items:
                    run.waiting += 1
                    await batches.put(batch)
                elif not run.waiting:
                    advance(batch.sources, batch.bytes)
            await batches.put(None)

        async def keep() -> None:
            while (batch := await batches.get()) is not None:
                await self._keep(scope, batch.items, run)
                run.waiting -= 1
                advance(batch.sources, batch.bytes)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(prepare())
                tasks.create_task(keep())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        if prune:
            await self._prune(scope, prune, run)
        await self._settle(scope, run)
        advance(len(sources), run.bytes)
        run.report.seconds = round(time.perf_counter() - started, 3)
        return run.report

    async def settle(self, scope: Scope) -> str | None:
        """Let the index rebuild what it wants to after many changes; a warning if it cannot."""
        try:
            await self._store.settle((await self._catalog.collections.get(scope)).index)
        except (StorageError, Unavailable) as error:
            # The documents are durable and found without it.
            return error.message
        return None

    async def create(self, scope: Scope) -> Collection:
        """An empty collection, or the one that is there.

        Raises:
            InvalidInput: a name that does not fit into one segment of a path.
            Conflict: it is there, with another embedder.
        """
        check_name(scope.collection, "collection", "collection")
        if self._former is not None:
            with suppress(NotFound):
                # Not by `create`: it may be reindexed, and have its other embedder by then.
                found = await self._catalog.collections.get(scope)
                if found.embedder in {self._former.fingerprint, self._embedder.fingerprint}:
                    return found
        return await self._catalog.collections.create(
            scope, embedder=self._embedder.fingerprint, dimensions=self._embedder.dimensions
        )

    def recipe_of(self, collection: str) -> str:
        """What names the settings that its documents are made with, and this version's ways."""
        return f"{FORMAT}|{self._recipe(collection)}"

    async def drop(self, scope: Scope) -> None:
        """Delete a collection with its documents and versions; NotFound if there is none."""
        dropped = [
            await self._catalog.collections.get(scope),
            *[version.collection for version in await self._catalog.versions.list(scope)],
            *await unfinished(self._catalog, scope),
        ]
        await self._catalog.collections.drop(scope)
        await self._catalog.quarantine.clear(scope)
        await self._catalog.readings.clear(scope)
        await self.originals.clear(scope)
        for collection in dropped:
            await self._store.drop(collection.index)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        """Delete documents; how many there were."""
        # First: of what is cut off between the two, the document is what stays.
        await self.originals.remove(scope, ids)

        async def work(collection: Collection) -> int:
            count = await self._catalog.documents.remove(collection.index, ids)
            await self._store.delete(collection.index, ids)
            return count

        return await self._written(scope, work)

    async def _written(self, scope: Scope, work: Callable[[Collection], Awaitable[T]]) -> T:
        """Do `work` on the collection, again if its name went to another index meanwhile."""
        collection = await self._catalog.collections.get(scope)
        while True:
            try:
                return await work(collection)
            except (Conflict, NotFound):
                before, collection = collection, await self._catalog.collections.get(scope)
                if collection.key == before.key:
                    raise

    def _embedder_of(self, collection: Collection) -> Embedder:
        """The former one where the collection is its; else the configured one, fitting or not."""
        former = self._former
        return former if former and former.fingerprint == collection.embedder else self._embedder

    async def _keep(self, scope: Scope, batch: Sequence[Prepared], run: Run) -> None:
        async def work(collection: Collection) -> list[Entry]:
            entries = await self._embed(collection, batch, run)
            # A client that leaves must not do so between the two.
            await whole(write(self._catalog, self._store, collection, entries))
            return entries

        entries = await self._written(scope, work)
        for entry in entries:
            if entry.document.id in run.known:
                run.report.updated += 1
            else:
                run.report.added += 1
            run.report.chunks += len(entry.chunks)
        await self.originals.settle(scope, entries)
        await run.copies.count(scope, entries)
        await self._gate.let_in(scope, entries)

    async def _embed(
        self, collection: Collection, batch: Sequence[Prepared], run: Run
    ) -> list[Entry]:
        embedder = self._embedder_of(collection)
        if embedder.fingerprint != collection.embedder:
            # Reindexed with another embedder since this run began.
            await self.create(collection.scope)
        return await embed_batch(
            embedder,
            batch,
            header=self._header(collection.name),
            texts_at_once=self._batch_chunks,
            tokens=run.tokens,
        )

    async def _settle(self, scope: Scope, run: Run) -> None:
        if run.ledger is None and (warning := await self.settle(scope)):
            run.report.warnings.append(warning)

    async def _prune(self, scope: Scope, roots: Sequence[str], run: Run) -> None:
        gone: list[DocumentId] = []
        async for document in self._catalog.documents.list(scope, after=None, limit=2**62):
            inside = any(is_below(document.origin, root) for root in roots)
            if inside and document.id not in run.seen and not _failed(document.origin, run.failed):
                gone.append(document.id)
        if gone:
            run.report.deleted = await self.remove(scope, gone)


def _failed(origin: str, failed: Set[str]) -> bool:
    """Whether it failed, or a folder that it lies in: of that nobody knows what is gone."""
    return origin in failed or any(
        str(folder) in failed for folder in PurePosixPath(origin).parents
    )
